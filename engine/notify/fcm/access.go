package fcm

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"anxin/engine/notify"
)

// scope is what a service account must be allowed.
const scope = "https://www.googleapis.com/auth/firebase.messaging"

// renewBefore is how long before its end an access token is renewed: longer than a call
// takes.
const renewBefore = time.Minute

var errKey = errors.New("service_account's private_key must be an RSA key in PEM")

// serviceAccount is the JSON file that Google gives out, as far as it is used.
type serviceAccount struct {
	Type      string `json:"type"`
	ProjectID string `json:"project_id"`
	KeyID     string `json:"private_key_id"`
	Key       string `json:"private_key"`
	Email     string `json:"client_email"`
	TokenURI  string `json:"token_uri"`
}

// access keeps the newest access token of a service account.
type access struct {
	config jwt.Config
	http   *http.Client

	mu      sync.Mutex // guards what follows
	current *oauth2.Token
}

func newAccess(a serviceAccount, client *http.Client) (*access, error) {
	block, _ := pem.Decode([]byte(a.Key))
	if block == nil {
		return nil, errKey
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		return nil, errKey
	} else if _, ok := key.(*rsa.PrivateKey); !ok {
		return nil, errKey
	}
	return &access{http: client, config: jwt.Config{
		Email: a.Email, PrivateKey: []byte(a.Key), PrivateKeyID: a.KeyID, Scopes: []string{scope}, TokenURL: a.TokenURI,
	}}, nil
}

// token returns an access token, a new one when the last nears its end. While it is
// fetched nothing has been sent.
func (a *access) token(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current != nil && time.Until(a.current.Expiry) > renewBefore {
		return a.current.AccessToken, nil
	}
	fresh, err := a.config.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, a.http)).Token()
	if err != nil {
		return "", accessFailure(err)
	}
	a.current = fresh
	return fresh.AccessToken, nil
}

// accessFailure leaves the library's error behind, which quotes the answer.
func accessFailure(err error) *notify.SendError {
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if ok && refused.Response != nil && refused.Response.StatusCode < 500 && refused.Response.StatusCode != http.StatusTooManyRequests {
		return &notify.SendError{Kind: notify.KindRefused, Code: "unauthorized"}
	}
	return &notify.SendError{Kind: notify.KindTemporary, Code: "no_access_token"}
}

// drop forgets a token that the service does not take.
func (a *access) drop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.current = nil
}
