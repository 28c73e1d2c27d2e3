package wechatpay

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"

	"anxin/engine/channel"
)

// resource is the encrypted part of a notification.
type resource struct {
	Algorithm      string `json:"algorithm"`
	Ciphertext     string `json:"ciphertext"`
	AssociatedData string `json:"associated_data"`
	Nonce          string `json:"nonce"`
}

const algorithm = "AEAD_AES_256_GCM"

// newAEAD makes the cipher of an APIv3 key.
func newAEAD(key string) (cipher.AEAD, error) {
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// open decrypts. Errors wrap channel.ErrMalformed.
func (r resource) open(aead cipher.AEAD) ([]byte, error) {
	if r.Algorithm != algorithm {
		return nil, malformed("resource.algorithm")
	}
	if len(r.Nonce) != aead.NonceSize() { // GCM panics on any other
		return nil, malformed("resource.nonce")
	}
	sealed, err := base64.StdEncoding.DecodeString(r.Ciphertext)
	if err != nil {
		return nil, malformed("resource.ciphertext")
	}
	plain, err := aead.Open(nil, []byte(r.Nonce), sealed, []byte(r.AssociatedData))
	if err != nil {
		return nil, malformed("resource")
	}
	return plain, nil
}

// malformed names the part at fault, and nothing of what it holds.
func malformed(part string) error { return fmt.Errorf("%w: %s", channel.ErrMalformed, part) }
