// Package alipaytest is Alipay as tests need it: it signs notifications, checks the
// signatures of questions and answers them as the gateway does. It is made of the standard
// library and of Alipay's description alone, and shares no code with the adapter or with
// the library that the adapter is built on.
package alipaytest

import (
	"crypto"
	"crypto/md5" //nolint:gosec // as Alipay names certificates
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"
)

// The account that Alipay knows.
const (
	AppID    = "2021000000000001"
	SellerID = "2088000000000002"
)

// Vendor is Alipay and one application there, in key mode or in certificate mode.
type Vendor struct {
	App, Alipay *rsa.PrivateKey
	Certs       *Certificates // nil = key mode
}

// Certificates are those of certificate mode, PEM, with Alipay's names for them.
type Certificates struct {
	App, Alipay, Next, Root             string // Alipay's with its issuer's
	AppSerial, AlipaySerial, NextSerial string
	IssuerSerial, RootSerial            string
	NextKey, IssuerKey                  *rsa.PrivateKey
}

// The keys cost most of a second together, so the tests of a process share them.
var (
	appKey    = sync.OnceValue(newKey)
	alipayKey = sync.OnceValue(newKey)
	chain     = sync.OnceValue(newCertificates)

	// OtherKey is of nobody.
	OtherKey = sync.OnceValue(newKey)
)

// WithKeys returns the account in key mode.
func WithKeys() Vendor { return Vendor{App: appKey(), Alipay: alipayKey()} }

// WithCertificates returns the account in certificate mode.
func WithCertificates() Vendor { return Vendor{App: appKey(), Alipay: alipayKey(), Certs: chain()} }

// Validity of the certificates.
var (
	NotBefore = time.Now().UTC().Truncate(time.Hour).AddDate(0, -1, 0)
	NotAfter  = NotBefore.AddDate(1, 0, 0)
)

// must panics: making keys fails only where there is no randomness.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newKey() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) }

// newCertificates makes what Alipay gives: a root, an issuer below it that is marked for no
// more than signatures, and certificates of the application and of Alipay, two of these.
func newCertificates() *Certificates {
	c := &Certificates{NextKey: newKey(), IssuerKey: newKey()}
	rootKey := newKey()
	root, rootPEM := NewCertificate(1, "root", nil, rootKey, rootKey)
	issuer, issuerPEM := NewCertificate(2, "issuer", root, rootKey, c.IssuerKey)
	own, ownPEM := NewCertificate(3, "application", issuer, c.IssuerKey, appKey())
	now, alipayPEM := NewCertificate(4, "alipay", issuer, c.IssuerKey, alipayKey())
	next, nextPEM := NewCertificate(5, "alipay", issuer, c.IssuerKey, c.NextKey)
	c.App, c.Alipay, c.Next, c.Root = ownPEM, alipayPEM+issuerPEM, nextPEM, rootPEM
	c.AppSerial, c.AlipaySerial, c.NextSerial = NameOf(own), NameOf(now), NameOf(next)
	c.IssuerSerial, c.RootSerial = NameOf(issuer), NameOf(root)
	return c
}

// NewCertificate makes one for a key, signed by its issuer's; without an issuer a root.
func NewCertificate(number int64, name string, issuer *x509.Certificate, signer, key *rsa.PrivateKey) (cert *x509.Certificate, text string) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: name, Organization: []string{"Test, Ltd."}, Country: []string{"CN"}},
		NotBefore: NotBefore, NotAfter: NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if issuer == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
		issuer = template
	}
	raw := must(x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, signer))
	return must(x509.ParseCertificate(raw)), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}

// NameOf is Alipay's name for a certificate.
func NameOf(cert *x509.Certificate) string {
	sum := md5.Sum([]byte(cert.Issuer.String() + cert.SerialNumber.String())) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

// PEM writes a private key.
func PEM(key *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// PrivateKey is the application's, as PEM.
func (v Vendor) PrivateKey() string { return PEM(v.App) }

// PublicKey is Alipay's, as its console shows it.
func (v Vendor) PublicKey() string {
	return base64.StdEncoding.EncodeToString(must(x509.MarshalPKIXPublicKey(&v.Alipay.PublicKey)))
}

// Signature is RSA2 over a text, in base64.
func Signature(key *rsa.PrivateKey, text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(must(rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])))
}

func verified(key *rsa.PublicKey, text, signature string) bool {
	raw, err := base64.StdEncoding.DecodeString(signature)
	sum := sha256.Sum256([]byte(text))
	return err == nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw) == nil
}

// Content is what is signed of fields: sorted by name, joined, less those left out.
func Content(fields map[string]string, leftOut ...string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(leftOut, name) {
			parts = append(parts, name+"="+fields[name])
		}
	}
	return strings.Join(parts, "&")
}
