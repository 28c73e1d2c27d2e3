package webpush

import (
	"crypto/ecdsa"
	"encoding/base64"
	"fmt"
	"net/url"
	"sync"
	"time"

	"anxin/engine/notify/es256"
)

const (
	// vapidLife is how long a token is good for; RFC 8292 allows a day.
	vapidLife = 12 * time.Hour
	// renewBefore is how long before its end a token is renewed: clocks differ.
	renewBefore = time.Hour
	// maxServices bounds the kept tokens, one a push service. There are four in the world;
	// who enters endless others makes tokens anew.
	maxServices = 64
)

// vapid identifies us to push services.
type vapid struct {
	key     *ecdsa.PrivateKey
	public  string // the key that browsers subscribe with, Base64url
	subject string

	mu     sync.Mutex // guards what follows
	tokens map[string]token
}

type token struct {
	text string
	ends time.Time
}

func newVAPID(pem []byte, subject string) (*vapid, error) {
	key, err := es256.ParseKey(pem)
	if err != nil {
		return nil, fmt.Errorf("key %w", err)
	}
	public, err := key.PublicKey.ECDH()
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return &vapid{
		key: key, public: base64.RawURLEncoding.EncodeToString(public.Bytes()), subject: subject, tokens: make(map[string]token),
	}, nil
}

// authorize returns the Authorization header for a push service.
func (v *vapid) authorize(endpoint *url.URL, now time.Time) (string, error) {
	audience := endpoint.Scheme + "://" + endpoint.Host
	v.mu.Lock()
	defer v.mu.Unlock()
	t, ok := v.tokens[audience]
	if !ok || t.ends.Sub(now) < renewBefore {
		t.ends = now.Add(vapidLife)
		text, err := es256.Sign(v.key, map[string]string{"typ": "JWT"}, map[string]any{"aud": audience, "exp": t.ends.Unix(), "sub": v.subject})
		if err != nil {
			return "", err
		}
		if len(v.tokens) >= maxServices {
			clear(v.tokens)
		}
		t.text = text
		v.tokens[audience] = t
	}
	return "vapid t=" + t.text + ", k=" + v.public, nil
}
