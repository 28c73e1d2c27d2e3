package webpush_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"anxin/engine/notify"
)

// browser is one that subscribed: it decrypts by the steps of RFC 8188 and 8291, with
// HMAC alone.
type browser struct {
	key  *ecdh.PrivateKey
	auth []byte
}

func newBrowser(t *testing.T) browser {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	auth := make([]byte, 16)
	if _, err := rand.Read(auth); err != nil {
		t.Fatal(err)
	}
	return browser{key, auth}
}

func (b browser) subscription(endpoint string) notify.Subscription {
	return notify.Subscription{
		Endpoint: endpoint, P256DH: base64.RawURLEncoding.EncodeToString(b.key.PublicKey().Bytes()), Auth: base64.RawURLEncoding.EncodeToString(b.auth),
	}
}

func sum(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		_, _ = mac.Write(p)
	}
	return mac.Sum(nil)
}

func (b browser) decrypt(body []byte) ([]byte, error) {
	if len(body) < 21 || int(body[20]) != 65 || len(body) < 86 {
		return nil, errors.New("header")
	}
	salt, size, sender := body[:16], binary.BigEndian.Uint32(body[16:20]), body[21:86]
	if len(body)-86 > int(size) {
		return nil, errors.New("more than a record")
	}
	point, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return nil, err
	}
	shared, err := b.key.ECDH(point)
	if err != nil {
		return nil, err
	}
	ikm := sum(sum(b.auth, shared), []byte("WebPush: info\x00"), b.key.PublicKey().Bytes(), sender, []byte{1})
	prk := sum(salt, ikm)
	cek := sum(prk, []byte("Content-Encoding: aes128gcm\x00\x01"))[:16]
	nonce := sum(prk, []byte("Content-Encoding: nonce\x00\x01"))[:12]
	block, err := aes.NewCipher(cek)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	padded, err := aead.Open(nil, nonce, body[86:], nil)
	if err != nil {
		return nil, err
	}
	for i, c := range slices.Backward(padded) {
		switch c {
		case 0:
		case 2:
			return padded[:i], nil
		default:
			return nil, errors.New("delimiter")
		}
	}
	return nil, errors.New("no delimiter")
}
