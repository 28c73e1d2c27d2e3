package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
	"time"
)

// Kind is what a token is for. A token of one kind is never accepted as another.
type Kind byte

// The kinds of tokens. Their numbers are part of every token handed out.
const (
	KindView  Kind = 1 // one order: its page, its progress, claim and check-now
	KindInbox Kind = 2 // the messages of one payer at one backend
	// KindUnsubscribe ends the optional messages of one channel to one payer.
	KindUnsubscribe Kind = 3
)

// Errors of tokens.
var (
	// ErrForbidden covers everything that is not a genuine token for the purpose: the
	// bearer learns nothing more.
	ErrForbidden = errors.New("token does not allow this")
	// ErrTokenExpired is for genuine tokens only.
	ErrTokenExpired = errors.New("token has expired")
	// ErrSecrets refuses secrets that are missing or too short to be unguessable.
	ErrSecrets = errors.New("tokens need at least one secret of 32 bytes")
	// ErrSubject refuses to issue a token for nothing or for too long a name.
	ErrSubject = errors.New("subject must have 1 to 128 bytes")
)

// The layout of a token, before base64url: version, kind, end (Unix seconds), nonce,
// subject, code. The nonce makes two tokens for the same order different, so that one
// can be told from the other when it leaks.
const (
	version     = 1
	nonceLen    = 8
	headLen     = 2 + 8 + nonceLen
	codeLen     = 16 // 128 bits of HMAC-SHA256: the least that RFC 2104, section 5, allows
	maxSubject  = 128
	minSecret   = 32
	codeContext = "anxin token\n" // a secret used elsewhere too signs nothing that passes here
)

// MaxToken is the longest token in bytes; anything longer is refused unread.
var MaxToken = base64.RawURLEncoding.EncodedLen(headLen + maxSubject + codeLen)

// Tokens issues and checks tokens.
type Tokens struct {
	signers []*signer
	now     func() time.Time
}

// NewTokens takes the secrets, of which the first signs and all verify: a new one is
// put in front, and the old one is taken out when the last token of it has expired.
func NewTokens(secrets ...string) (*Tokens, error) {
	t := &Tokens{now: time.Now}
	for _, s := range secrets {
		if len(s) < minSecret {
			return nil, ErrSecrets
		}
		t.signers = append(t.signers, newSigner([]byte(s)))
	}
	if len(t.signers) == 0 {
		return nil, ErrSecrets
	}
	return t, nil
}

// Issue returns a token for a subject that works for ttl, to the second.
func (t *Tokens) Issue(kind Kind, subject string, ttl time.Duration) (string, error) {
	if subject == "" || len(subject) > maxSubject {
		return "", ErrSubject
	}
	b := make([]byte, 0, headLen+len(subject)+codeLen)
	b = append(b, version, byte(kind))
	b = binary.BigEndian.AppendUint64(b, uint64(t.now().Add(ttl).Unix())) // #nosec G115 -- after 1970
	var nonce [nonceLen]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return "", fmt.Errorf("draw nonce: %w", err)
	}
	b = append(append(b, nonce[:]...), subject...)
	return base64.RawURLEncoding.EncodeToString(append(b, t.signers[0].code(b)...)), nil
}

// Verify checks that a token allows a subject at an instant. It returns ErrForbidden,
// or ErrTokenExpired for a token that did allow it.
func (t *Tokens) Verify(kind Kind, subject, token string, now time.Time) error {
	named, err := t.Subject(kind, token, now)
	if named != subject || subject == "" {
		return ErrForbidden
	}
	return err
}

// Subject returns what a genuine token is for. An expired one gives its subject and
// ErrTokenExpired; anything else gives ErrForbidden. It may be handed any bytes.
func (t *Tokens) Subject(kind Kind, token string, now time.Time) (string, error) {
	subject, _, err := t.Open(kind, token, now)
	return subject, err
}

// Open is Subject and tells until when the token works.
func (t *Tokens) Open(kind Kind, token string, now time.Time) (subject string, until time.Time, err error) {
	if len(token) > MaxToken || strings.ContainsAny(token, "\r\n") { // which the decoder would skip
		return "", time.Time{}, ErrForbidden
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) <= headLen+codeLen {
		return "", time.Time{}, ErrForbidden
	}
	payload, sum := b[:len(b)-codeLen], b[len(b)-codeLen:]
	if !t.signed(payload, sum) || payload[0] != version || payload[1] != byte(kind) {
		return "", time.Time{}, ErrForbidden
	}
	subject = string(payload[headLen:])
	end := binary.BigEndian.Uint64(payload[2:])
	until = time.Unix(int64(end), 0)
	if end <= uint64(now.Unix()) { // #nosec G115 -- after 1970
		return subject, until, ErrTokenExpired
	}
	return subject, until, nil
}

func (t *Tokens) signed(payload, sum []byte) bool {
	ok := false
	for _, s := range t.signers {
		ok = hmac.Equal(sum, s.code(payload)) || ok
	}
	return ok
}

// signer computes codes with one secret. What the key makes of the hash is kept with the
// pooled hashes, since it costs as much as hashing a token.
type signer struct{ pool sync.Pool } // of hash.Hash

func newSigner(secret []byte) *signer {
	return &signer{pool: sync.Pool{New: func() any { return hmac.New(sha256.New, secret) }}}
}

func (s *signer) code(payload []byte) []byte {
	mac := s.pool.Get().(hash.Hash) //nolint:forcetypeassert // it holds nothing else
	defer s.pool.Put(mac)
	mac.Reset()
	mac.Write([]byte(codeContext))
	mac.Write(payload)
	return mac.Sum(nil)[:codeLen]
}
