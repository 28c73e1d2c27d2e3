// Package wechatpaytest is WeChat Pay as tests need it: it signs and encrypts callbacks,
// checks who asks, and answers as the gateway does. It is made of the standard library
// and of WeChat Pay's description alone, and shares no code with the adapter or the SDK.
package wechatpaytest

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// The merchant that the platform knows.
const (
	MchID    = "1900000109"
	AppID    = "wxd678efh567hg6787"
	APIv3Key = "marked-secret-APIv3-key-32-bytes"
)

// Signer is a key with the name by which the other side knows it.
type Signer struct {
	Name   string // serial of the certificate, or id of the public key
	Cert   string // PEM; empty for a public key
	Public string // PEM
	Key    string // PEM of the private key
	key    *rsa.PrivateKey
}

// Keys are those of one merchant and of WeChat Pay. They are made once a process.
type Keys struct {
	Merchant Signer
	Platform Signer // platform certificate
	Next     Signer // the one that follows it
	Public   Signer // public key of WeChat Pay
	Stranger Signer // of nobody: has the name of Platform
}

// TheKeys returns the keys of the process.
var TheKeys = sync.OnceValue(func() Keys {
	k := Keys{Merchant: newSigner(0x4A11), Platform: newSigner(0x5157F09E), Next: newSigner(0x5157F09F), Public: newSigner(1), Stranger: newSigner(2)}
	k.Public.Name, k.Public.Cert = "PUB_KEY_ID_0119000001092026112300000001", ""
	k.Stranger.Name = k.Platform.Name
	return k
})

// Validity of the certificates.
var (
	NotBefore = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	NotAfter  = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
)

// must panics: making keys fails only where there is no randomness.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newSigner(serial int64) Signer {
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test " + strconv.FormatInt(serial, 16)},
		NotBefore: NotBefore, NotAfter: NotAfter,
	}
	cert := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	return Signer{
		Name: fmt.Sprintf("%X", big.NewInt(serial).Bytes()), key: key,
		Cert:   block("CERTIFICATE", cert),
		Public: block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(&key.PublicKey))),
		Key:    block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))),
	}
}

func block(kind string, content []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
}

// Sign returns the base64 signature of a message.
func (s Signer) Sign(message string) string {
	digest := sha256.Sum256([]byte(message))
	return base64.StdEncoding.EncodeToString(must(rsa.SignPKCS1v15(nil, s.key, crypto.SHA256, digest[:])))
}

func (s Signer) verify(message, signature string) bool {
	digest := sha256.Sum256([]byte(message))
	raw, err := base64.StdEncoding.DecodeString(signature)
	return err == nil && rsa.VerifyPKCS1v15(&s.key.PublicKey, crypto.SHA256, digest[:], raw) == nil
}

// Seal sets the headers that sign a body at a time.
func (s Signer) Seal(h http.Header, at time.Time, nonce string, body []byte) {
	ts := strconv.FormatInt(at.Unix(), 10)
	h.Set("Wechatpay-Timestamp", ts)
	h.Set("Wechatpay-Nonce", nonce)
	h.Set("Wechatpay-Serial", s.Name)
	h.Set("Wechatpay-Signature", s.Sign(ts+"\n"+nonce+"\n"+string(body)+"\n"))
	h.Set("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048")
}

// Encrypt returns the ciphertext, with its tag, in base64.
func Encrypt(key, nonce, associated string, plain []byte) string {
	gcm := must(cipher.NewGCM(must(aes.NewCipher([]byte(key)))))
	return base64.StdEncoding.EncodeToString(gcm.Seal(nil, []byte(nonce), plain, []byte(associated)))
}

// Resource is the encrypted part of a notification.
type Resource struct {
	OriginalType   string `json:"original_type"`
	Algorithm      string `json:"algorithm"`
	Ciphertext     string `json:"ciphertext"`
	AssociatedData string `json:"associated_data"`
	Nonce          string `json:"nonce"`
}

// Notice is the body of a callback.
type Notice struct {
	ID           string    `json:"id"`
	CreateTime   string    `json:"create_time"`
	ResourceType string    `json:"resource_type"`
	EventType    string    `json:"event_type"`
	Summary      string    `json:"summary"`
	Resource     *Resource `json:"resource,omitempty"`
}

// NewNotice encrypts what a notification tells.
func NewNotice(id, event string, content any) Notice {
	kind := "transaction"
	if event != "TRANSACTION.SUCCESS" {
		kind = "refund"
	}
	nonce := rand.Text()[:12]
	return Notice{
		ID: id, CreateTime: "2026-11-23T16:00:00+08:00", ResourceType: "encrypt-resource", EventType: event, Summary: "通知",
		Resource: &Resource{
			OriginalType: kind, Algorithm: "AEAD_AES_256_GCM", AssociatedData: kind, Nonce: nonce,
			Ciphertext: Encrypt(APIv3Key, nonce, kind, Marshal(content)),
		},
	}
}

// Callback signs a body as a callback.
func Callback(by Signer, at time.Time, body []byte) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	by.Seal(h, at, "593BEC0C930BF1AFEB40B4A08C8FB242", body)
	return h
}

// Marshal writes JSON as WeChat Pay does, without escaping what HTML would need.
func Marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
