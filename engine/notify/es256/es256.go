// Package es256 makes the JSON Web Tokens by which push services know who sends: RFC 7519
// with the algorithm ES256 of RFC 7518.
package es256

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
)

var errKey = errors.New("must be a P-256 private key in PEM (PKCS #8 or SEC 1)")

// ParseKey reads a private key; what is wrong with it is told without its content.
func ParseKey(text []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errKey
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		other, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, errKey
		}
		var ok bool
		if key, ok = other.(*ecdsa.PrivateKey); !ok {
			return nil, errKey
		}
	}
	if key.Curve != elliptic.P256() {
		return nil, errKey
	}
	return key, nil
}

// Sign makes a token of a header, to which alg is added, and claims.
func Sign(key *ecdsa.PrivateKey, header map[string]string, claims map[string]any) (string, error) {
	full := map[string]string{"alg": "ES256"}
	maps.Copy(full, header)
	head, err := json.Marshal(full)
	if err != nil {
		return "", fmt.Errorf("token header: %w", err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("token claims: %w", err)
	}
	signing := encode(head) + "." + encode(body)
	sum := sha256.Sum256([]byte(signing))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	const size = 32 // of each half on P-256
	raw := make([]byte, 2*size)
	r.FillBytes(raw[:size])
	s.FillBytes(raw[size:])
	return signing + "." + encode(raw), nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
