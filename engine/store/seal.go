package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrSealed says that what is stored was sealed with a key that is not configured.
var ErrSealed = errors.New("a contact is sealed with a key that is not configured")

// sealedMark begins every sealed text; JSON, as it was stored before, never does.
const sealedMark = "aes1."

// sealer seals what is personal with AES-256-GCM. The first key seals, all open: a new one
// is put in front, and the old one is taken out when nothing is sealed with it any more.
type sealer struct {
	first string // id of the key that seals
	keys  map[string]cipher.AEAD
}

// newSealer derives a key from each secret. Without one nothing is sealed.
func newSealer(secrets [][]byte) (*sealer, error) {
	s := &sealer{keys: make(map[string]cipher.AEAD)}
	for _, secret := range secrets {
		key := sha256.Sum256(append([]byte("anxin contacts\x00"), secret...))
		block, err := aes.NewCipher(key[:])
		if err != nil {
			return nil, fmt.Errorf("contact key: %w", err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, fmt.Errorf("contact key: %w", err)
		}
		name := sha256.Sum256(key[:])
		id := base64.RawURLEncoding.EncodeToString(name[:6])
		if s.first == "" {
			s.first = id
		}
		s.keys[id] = aead
	}
	return s, nil
}

// seal returns "aes1.KEY.NONCE+CIPHERTEXT". what binds the text to its place: a sealed
// text that is moved to another row does not open.
func (s *sealer) seal(text, what string) (string, error) {
	if s.first == "" || text == "" {
		return text, nil
	}
	aead := s.keys[s.first]
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(text)+aead.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return "", fmt.Errorf("draw nonce: %w", err)
	}
	sealed := aead.Seal(nonce, nonce, []byte(text), []byte(what))
	return sealedMark + s.first + "." + base64.RawStdEncoding.EncodeToString(sealed), nil
}

// unseal opens what seal returned, and returns everything else as it is.
func (s *sealer) unseal(text, what string) (string, error) {
	rest, ok := strings.CutPrefix(text, sealedMark)
	if !ok {
		return text, nil
	}
	id, body, _ := strings.Cut(rest, ".")
	aead, ok := s.keys[id]
	if !ok {
		return "", ErrSealed
	}
	sealed, err := base64.RawStdEncoding.DecodeString(body)
	if err != nil || len(sealed) < aead.NonceSize() {
		return "", fmt.Errorf("open contact: it is damaged")
	}
	opened, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(what))
	if err != nil {
		return "", fmt.Errorf("open contact: it is damaged")
	}
	return string(opened), nil
}

// current reports whether a text is sealed with the key that seals now.
func (s *sealer) current(text string) bool {
	return text == "" || s.first == "" || strings.HasPrefix(text, sealedMark+s.first+".")
}
