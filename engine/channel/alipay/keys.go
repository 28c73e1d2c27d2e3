package alipay

import (
	"bytes"
	"crypto"
	"crypto/md5" //nolint:gosec // the serial that Alipay gives certificates, not a protection
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"anxin/engine/channel"
)

// minKeyBits is what RSA2 demands.
const minKeyBits = 2048

// keyMode is the serial under which the one public key of key mode is kept: answers and
// notifications name none then.
const keyMode = ""

var (
	errNotPEM   = errors.New("is neither PEM nor base64")
	errNotRSA   = errors.New("is not an RSA key")
	errKeyShort = fmt.Errorf("has fewer than %d bits", minKeyBits)
	errNoCert   = errors.New("holds no certificate of an account")
)

// der takes the bytes out of what Alipay's tools write: PEM, or its base64 alone.
func der(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return block.Bytes, nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) == 0 {
		return nil, errNotPEM
	}
	return raw, nil
}

// parsePrivateKey reads an application's key as PKCS #1 or PKCS #8. Its errors hold
// nothing of the key.
func parsePrivateKey(text string) (*rsa.PrivateKey, error) {
	raw, err := der(text)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS1PrivateKey(raw)
	if err != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(raw)
		if err != nil {
			return nil, errNotRSA
		}
		var ok bool
		if key, ok = parsed.(*rsa.PrivateKey); !ok {
			return nil, errNotRSA
		}
	}
	if key.N.BitLen() < minKeyBits {
		return nil, errKeyShort
	}
	return key, nil
}

func parsePublicKey(text string) (*rsa.PublicKey, error) {
	raw, err := der(text)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(raw)
	if err != nil {
		return nil, errNotRSA
	}
	return rsaKey(parsed)
}

func rsaKey(key crypto.PublicKey) (*rsa.PublicKey, error) {
	public, ok := key.(*rsa.PublicKey)
	switch {
	case !ok:
		return nil, errNotRSA
	case public.N.BitLen() < minKeyBits:
		return nil, errKeyShort
	}
	return public, nil
}

// parseCertificates reads the certificates of a PEM file. What this Go cannot read is
// left out: Alipay's root file holds roots for SM2 besides.
func parseCertificates(text string) []*x509.Certificate {
	var list []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return list
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			list = append(list, cert)
		}
	}
}

// ownCertificates returns those certificates of a file that belong to an account. The
// others come along as their issuers, which nothing in them says: Alipay's intermediates
// are marked for no more than signatures.
func ownCertificates(file []*x509.Certificate) []*x509.Certificate {
	return slices.DeleteFunc(slices.Clone(file), func(cert *x509.Certificate) bool {
		return cert.IsCA || slices.ContainsFunc(file, func(other *x509.Certificate) bool {
			return other != cert && bytes.Equal(other.RawIssuer, cert.RawSubject)
		})
	})
}

// maxChain bounds the way from a certificate to a root: real ones take two steps.
const maxChain = 5

// chained reports whether a certificate leads to one of the roots over the certificates
// beside it. Only signatures count: x509.Verify would refuse Alipay's intermediates for
// their usage, and a period that is over is told apart.
func chained(cert *x509.Certificate, beside, roots []*x509.Certificate) bool {
	signed := func(parent *x509.Certificate) bool {
		return bytes.Equal(parent.RawSubject, cert.RawIssuer) &&
			parent.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
	}
	for range maxChain {
		if slices.ContainsFunc(roots, signed) {
			return true
		}
		at := slices.IndexFunc(beside, signed)
		if at < 0 {
			return false
		}
		cert = beside[at]
	}
	return false
}

// serial is what Alipay calls a certificate: the MD5 of issuer and number, in hex.
func serial(cert *x509.Certificate) string {
	sum := md5.Sum([]byte(cert.Issuer.String() + cert.SerialNumber.String())) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

// keyring holds Alipay's public keys by their serials.
type keyring map[string]*rsa.PublicKey

// named returns the serials of the keys that may have signed a message which names one,
// or none.
func (k keyring) named(serial string) []string {
	if serial == "" {
		return slices.Collect(maps.Keys(k))
	}
	if _, ok := k[serial]; ok {
		return []string{serial}
	}
	return nil
}

// verify checks the signature of an answer. It returns channel.ErrSignature.
func (k keyring) verify(serial, signature string, message []byte) error {
	raw, err := canonical(signature)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(message)
	for _, name := range k.named(serial) {
		if rsa.VerifyPKCS1v15(k[name], crypto.SHA256, sum[:], raw) == nil {
			return nil
		}
	}
	return channel.ErrSignature
}

// canonical decodes a signature that is written in the one way in which an encoder writes
// it: base64 has several for the same bytes, and a changed message must not verify.
func canonical(signature string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || base64.StdEncoding.EncodeToString(raw) != signature {
		return nil, channel.ErrSignature
	}
	return raw, nil
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
