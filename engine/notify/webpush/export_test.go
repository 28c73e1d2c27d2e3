package webpush

import (
	"crypto/ecdh"

	"anxin/engine/notify"
)

// EncryptWith encrypts with a key pair, salt and padding that a test chooses.
func EncryptWith(s notify.Subscription, key *ecdh.PrivateKey, salt, plain []byte, padding int) ([]byte, error) {
	r, err := parseReceiver(s)
	if err != nil {
		return nil, err
	}
	return r.encryptWith(key, salt, plain, padding)
}

// MaxPlain is the longest message.
const MaxPlain = maxPlain
