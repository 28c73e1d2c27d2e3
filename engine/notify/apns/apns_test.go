package apns_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"anxin/engine/notify"
	"anxin/engine/notify/apns"
	"anxin/engine/notify/providertest"
)

const (
	keyID  = "ABC123DEFG"
	teamID = "TEAM123456"
	topic  = "example.shop.app"
)

var message = notify.Message{
	Channel: notify.Push, OrderNo: "A1001", Notice: notify.NoticeDelayed, CollapseKey: "order_A1001", TTL: time.Hour,
	To:   notify.Address{Device: notify.Device{Platform: notify.PlatformAPNs, Token: strings.Repeat("0a1B", 16)}},
	Text: notify.Text{Title: "正在确认", Body: "您的资金是安全的 <&>"}, Link: "https://pay.example/pay/A1001",
}

// newKey makes a key as Apple gives it out.
func newKey(t *testing.T) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func TestProvider(t *testing.T) {
	t.Parallel()
	key, text := newKey(t)
	providertest.Run(t, providertest.Fixture{
		Open: func(t *testing.T) providertest.Stand {
			return standing(service{key: &key.PublicKey, ids: &sync.Map{}}, text).Open(t)
		},
		Message: message,
		Behaviours: append([]providertest.Behaviour{
			providertest.Throttle, providertest.RefuseContent,
		}, providertest.Required...),
		Secrets: []string{string(text)},
	})
}

func standing(s service, key []byte) providertest.HTTPService {
	return providertest.HTTPService{
		Check: s.check, Answer: answer,
		Start: func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() },
		Provider: func(t *testing.T, s *httptest.Server) notify.Provider {
			t.Helper()
			roots := x509.NewCertPool()
			roots.AddCert(s.Certificate())
			p, err := apns.New(apns.Config{
				KeyID: keyID, TeamID: teamID, Key: key, Topic: topic, BaseURL: s.URL,
				TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			})
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
	}
}

// service checks what Apple's checks.
type service struct {
	key *ecdsa.PublicKey
	ids *sync.Map // apns-id -> message
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func (s service) check(c providertest.Call) (string, error) {
	token, ok := strings.CutPrefix(c.Header.Get("Authorization"), "bearer ")
	if !ok || s.verify(token) != nil {
		return "", fmt.Errorf("token: %w", s.verify(token))
	}
	var content struct {
		APS  struct{ Alert struct{ Title, Body string } }
		Link string
	}
	if err := json.Unmarshal(c.Content, &content); err != nil {
		return "", err
	}
	alert := content.APS.Alert
	text, mark, _ := strings.Cut(alert.Body, " #")
	switch {
	case c.ProtoMajor != 2:
		return "", errors.New("not HTTP/2")
	case c.Method != http.MethodPost || c.URL.Path != "/3/device/"+message.To.Device.Token:
		return "", fmt.Errorf("%s %s", c.Method, c.URL)
	case c.Header.Get("Apns-Topic") != topic || c.Header.Get("Apns-Push-Type") != "alert" || c.Header.Get("Apns-Priority") != "10":
		return "", errors.New("headers")
	case c.Header.Get("Apns-Collapse-Id") != message.CollapseKey || c.Header.Get("Apns-Expiration") == "":
		return "", errors.New("collapse or expiration")
	case !uuid.MatchString(c.Header.Get("Apns-Id")):
		return "", errors.New("apns-id is no UUID")
	case text != message.Text.Body || alert.Title != message.Text.Title || content.Link != message.Link:
		return "", fmt.Errorf("payload %s", c.Content)
	}
	id := "suite_" + mark
	if known, _ := s.ids.LoadOrStore(c.Header.Get("Apns-Id"), id); known != id {
		return "", errors.New("two messages under one apns-id")
	}
	return id, nil
}

// verify reads the token by RFC 7515 and 7518.
func (s service) verify(token string) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errors.New("no token")
	}
	var decoded [3][]byte
	for i, p := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(p); err != nil {
			return err
		}
	}
	var header struct{ Alg, Kid string }
	var claims struct {
		Iss string
		Iat int64
	}
	if err := errors.Join(json.Unmarshal(decoded[0], &header), json.Unmarshal(decoded[1], &claims)); err != nil {
		return err
	}
	if header.Alg != "ES256" || header.Kid != keyID || claims.Iss != teamID || time.Since(time.Unix(claims.Iat, 0)).Abs() > time.Hour {
		return fmt.Errorf("%+v %+v", header, claims)
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, v := new(big.Int).SetBytes(decoded[2][:32]), new(big.Int).SetBytes(decoded[2][32:])
	if len(decoded[2]) != 64 || !ecdsa.Verify(s.key, sum[:], r, v) {
		return errors.New("signature")
	}
	return nil
}

func answer(b providertest.Behaviour, _ string) providertest.Reply {
	reason := func(status int, text string) providertest.Reply {
		return providertest.Reply{Status: status, Body: `{"reason":"` + text + `"}`}
	}
	switch b {
	case providertest.Throttle:
		return reason(429, "TooManyProviderTokenUpdates")
	case providertest.BadAddress:
		return providertest.Reply{Status: 410, Body: `{"reason":"Unregistered","timestamp":1764072000000}`}
	case providertest.RefuseContent:
		return reason(413, "PayloadTooLarge")
	case providertest.RefuseAccount:
		return reason(403, "InvalidProviderToken")
	case providertest.Unavailable:
		return reason(503, "ServiceUnavailable")
	default:
		return providertest.Reply{Status: 200, Header: map[string]string{"Apns-Id": "eabeae54-14a8-11e5-b60b-1697f925ec7b"}}
	}
}

// One token serves many messages, and a new one follows when the service calls it expired.
func TestTokenIsKeptUntilItExpires(t *testing.T) {
	t.Parallel()
	key, text := newKey(t)
	var mu sync.Mutex
	var seen []string
	s := service{key: &key.PublicKey, ids: &sync.Map{}}
	standIn := standing(s, text)
	standIn.Check = func(c providertest.Call) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, c.Header.Get("Authorization"))
		return s.check(c)
	}
	expired := false
	standIn.Answer = func(b providertest.Behaviour, id string) providertest.Reply {
		if b == providertest.RefuseAccount && !expired {
			expired = true
			return providertest.Reply{Status: 403, Body: `{"reason":"ExpiredProviderToken"}`}
		}
		return answer(b, id)
	}
	stand := standIn.Open(t)
	send := func(n string) error {
		_, err := stand.Provider().Send(t.Context(), providertest.Mark(message, n))
		return err
	}
	if err := errors.Join(send("1"), send("2")); err != nil || seen[0] != seen[1] {
		t.Fatalf("%v, same token %v", err, seen[0] == seen[1])
	}
	stand.Behave(providertest.RefuseAccount)
	failed := new(notify.SendError)
	if err := send("3"); !errors.As(err, &failed) || failed.Kind != notify.KindTemporary {
		t.Fatalf("expired: %v", err)
	}
	stand.Behave(providertest.Accept)
	if err := send("3"); err != nil || seen[3] == seen[2] {
		t.Errorf("%v, a new token %v", err, seen[3] != seen[2])
	}
}

// A token of the app is taken into an address: it cannot be a path.
func TestTokensAreNoPaths(t *testing.T) {
	t.Parallel()
	_, text := newKey(t)
	p, err := apns.New(apns.Config{KeyID: keyID, TeamID: teamID, Key: text, Topic: topic})
	if err != nil {
		t.Fatal(err)
	}
	m := message
	for _, token := range []string{"", "../../3/device/00", "0123456789abcdef?", "zz", strings.Repeat("0", 300)} {
		m.To.Device.Token = token
		failed := new(notify.SendError)
		if _, err := p.Send(t.Context(), m); !errors.As(err, &failed) || failed.Kind != notify.KindAddress {
			t.Errorf("%q: %v", token, err)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	_, text := newKey(t)
	good := apns.Config{KeyID: keyID, TeamID: teamID, Key: text, Topic: topic}
	for name, change := range map[string]func(*apns.Config){
		"key id": func(c *apns.Config) { c.KeyID = "abc" },
		"team":   func(c *apns.Config) { c.TeamID = "" },
		"key":    func(c *apns.Config) { c.Key = []byte("marked-secret") },
		"topic":  func(c *apns.Config) { c.Topic = "" },
		"plain":  func(c *apns.Config) { c.BaseURL = "http://127.0.0.1:1" },
	} {
		cfg := good
		change(&cfg)
		if _, err := apns.New(cfg); err == nil || strings.Contains(err.Error(), "marked") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
