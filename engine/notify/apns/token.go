package apns

import (
	"crypto/ecdsa"
	"sync"
	"time"

	"anxin/engine/notify/es256"
)

// tokenLife is how long an authentication token is used: the service refuses those older
// than an hour, and clients that make new ones more often than every 20 minutes.
const tokenLife = 40 * time.Minute

// tokens keeps the newest authentication token.
type tokens struct {
	key           *ecdsa.PrivateKey
	keyID, teamID string

	mu      sync.Mutex // guards what follows
	current string
	made    time.Time
}

func (t *tokens) get(now time.Time) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current != "" && now.Sub(t.made) < tokenLife {
		return t.current, nil
	}
	token, err := es256.Sign(t.key, map[string]string{"kid": t.keyID}, map[string]any{"iss": t.teamID, "iat": now.Unix()})
	if err != nil {
		return "", err
	}
	t.current, t.made = token, now
	return token, nil
}

// drop forgets a token that the service calls too old: a clock was put right.
func (t *tokens) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.current = ""
}
