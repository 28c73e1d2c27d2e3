package webhook

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
)

// Prefixes of the three kinds of keys in their text form.
const (
	secretPrefix  = "whsec_" // shared by both sides: HMAC-SHA256, signature v1
	privatePrefix = "whsk_"  // Ed25519, signature v1a: the private key and its public key, in base64
	publicPrefix  = "whpk_"  // what a receiver is given to check v1a with
)

const (
	minSecret = 24 // bytes, as the specification asks for
	maxSecret = 64
)

// Errors of keys.
var (
	ErrSecret = errors.New("webhook secret must be whsec_ followed by 24 to 64 base64-encoded bytes, " +
		"or whsk_ followed by a base64-encoded Ed25519 key pair")
	ErrPublicKey = errors.New("webhook public key must be whpk_ followed by 32 base64-encoded bytes")
)

// Secret is a decoded key: one that both sides share, or one side of an Ed25519 pair.
// Printing it shows nothing.
type Secret struct {
	shared  []byte
	private ed25519.PrivateKey
	public  ed25519.PublicKey
}

// ParseSecret reads a key that can sign: `whsec_…` or `whsk_…`.
func ParseSecret(s string) (Secret, error) {
	if encoded, ok := strings.CutPrefix(s, privatePrefix); ok {
		return parsePair(encoded)
	}
	encoded, ok := strings.CutPrefix(s, secretPrefix)
	if !ok {
		return Secret{}, ErrSecret
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) < minSecret || len(key) > maxSecret {
		return Secret{}, ErrSecret
	}
	return Secret{shared: key}, nil
}

// parsePair refuses a pair whose halves do not belong together: signing with it would
// give signatures that nobody can verify, and could give the private half away.
func parsePair(encoded string) (Secret, error) {
	pair, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(pair) != ed25519.PrivateKeySize {
		return Secret{}, ErrSecret
	}
	private := ed25519.NewKeyFromSeed(pair[:ed25519.SeedSize])
	if !bytes.Equal(private, pair) {
		return Secret{}, ErrSecret
	}
	return Secret{private: private, public: ed25519.PublicKey(pair[ed25519.SeedSize:])}, nil
}

// ParsePublicKey reads a key that can only verify: `whpk_…`.
func ParsePublicKey(s string) (Secret, error) {
	encoded, ok := strings.CutPrefix(s, publicPrefix)
	if !ok {
		return Secret{}, ErrPublicKey
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return Secret{}, ErrPublicKey
	}
	return Secret{public: key}, nil
}

// PublicKey returns the `whpk_…` form that receivers of v1a signatures are given, or ""
// for a shared secret.
func (s Secret) PublicKey() string {
	if s.public == nil {
		return ""
	}
	return publicPrefix + base64.StdEncoding.EncodeToString(s.public)
}

// signs reports whether the key can sign.
func (s Secret) signs() bool { return s.shared != nil || s.private != nil }

// String keeps the secret out of logs.
func (Secret) String() string { return "webhook key [redacted]" }

// GoString does the same for %#v.
func (s Secret) GoString() string { return s.String() }

// texts are the forms in which the secret could appear in what a backend says: its text
// form, with and without the prefix, and the raw bytes.
func (s Secret) texts() []string {
	raw := s.shared
	if s.private != nil {
		raw = s.private
	}
	if raw == nil {
		return nil // a public key is no secret
	}
	return []string{base64.StdEncoding.EncodeToString(raw), string(raw)}
}
