package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"anxin/engine/notify"
)

const (
	// recordSize is what RFC 8291 has every push service take: the whole message is one
	// record.
	recordSize = 4096
	saltSize   = 16
	keySize    = 65 // of an uncompressed point of P-256
	// padTo hides how long a text is: all that is said of payments has one of few lengths.
	padTo = 512
	// maxPlain is what fits: the record less its tag and the delimiter of the padding.
	maxPlain = recordSize - 16 - 1
)

var errSubscription = errors.New("subscription keys cannot be read")

// receiver holds the keys of a subscription.
type receiver struct {
	public *ecdh.PublicKey
	auth   []byte
}

func parseReceiver(s notify.Subscription) (receiver, error) {
	point, err := base64.RawURLEncoding.DecodeString(s.P256DH)
	if err != nil {
		return receiver{}, errSubscription
	}
	public, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return receiver{}, errSubscription
	}
	auth, err := base64.RawURLEncoding.DecodeString(s.Auth)
	if err != nil || len(auth) != 16 {
		return receiver{}, errSubscription
	}
	return receiver{public, auth}, nil
}

// encrypt makes the body of a push message (aes128gcm of RFC 8188 with the keys of
// RFC 8291), under a key pair and a salt that are used once.
func (r receiver) encrypt(plain []byte) ([]byte, error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return nil, fmt.Errorf("make salt: %w", err)
	}
	padding := min((padTo-(len(plain)+1)%padTo)%padTo, maxPlain-len(plain))
	return r.encryptWith(key, salt, plain, padding)
}

func (r receiver) encryptWith(key *ecdh.PrivateKey, salt, plain []byte, padding int) ([]byte, error) {
	if padding < 0 || len(plain)+padding > maxPlain {
		return nil, errors.New("message is too long")
	}
	block, nonce, err := r.derive(key, salt)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("cipher: %w", err)
	}
	header := append([]byte(nil), salt...)
	header = binary.BigEndian.AppendUint32(header, recordSize)
	header = append(header, keySize)
	header = append(header, key.PublicKey().Bytes()...)
	padded := make([]byte, len(plain)+1+padding)
	copy(padded, plain)
	padded[len(plain)] = 2 // the delimiter of the last record
	return aead.Seal(header, nonce, padded, nil), nil
}

// derive makes the content key and nonce (RFC 8291, section 3.4).
func (r receiver) derive(key *ecdh.PrivateKey, salt []byte) (cipher.Block, []byte, error) {
	shared, err := key.ECDH(r.public)
	if err != nil {
		return nil, nil, errSubscription
	}
	info := "WebPush: info\x00" + string(r.public.Bytes()) + string(key.PublicKey().Bytes())
	ikm, err := hkdf.Key(sha256.New, shared, r.auth, info, sha256.Size)
	if err != nil {
		return nil, nil, fmt.Errorf("derive: %w", err)
	}
	cek, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, nil, fmt.Errorf("derive: %w", err)
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, nil, fmt.Errorf("derive: %w", err)
	}
	block, err := aes.NewCipher(cek)
	if err != nil {
		return nil, nil, fmt.Errorf("cipher: %w", err)
	}
	return block, nonce, nil
}
