package fcm_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anxin/engine/notify"
	"anxin/engine/notify/fcm"
	"anxin/engine/notify/providertest"
)

const (
	accessToken = "ya29.marked-access-token"
	email       = "sender@shop-app-1.iam.gserviceaccount.com"
)

var message = notify.Message{
	Channel: notify.Push, OrderNo: "A1001", Notice: notify.NoticeDelayed, CollapseKey: "order_A1001", TTL: time.Hour,
	To:   notify.Address{Device: notify.Device{Platform: notify.PlatformFCM, Token: "bk3RNwTe3H0:CI2k_HHwgIpoDKCIZvvDMExUdFQ3P1"}},
	Text: notify.Text{Title: "正在确认", Body: "您的资金是安全的 <&>"}, Link: "https://pay.example/pay/A1001",
}

// google is the stand-in of Google's token endpoint.
type google struct {
	server *httptest.Server
	key    *rsa.PrivateKey
	given  atomic.Int32
	status atomic.Int32 // other than 0: refuses
}

func newGoogle(t *testing.T) *google {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	g := &google{key: key}
	g.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := g.status.Load(); status != 0 {
			w.WriteHeader(int(status))
			_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"marked"}`))
			return
		}
		if err := g.verify(r); err != nil {
			t.Errorf("assertion: %v", err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":%q,"expires_in":3599,"token_type":"Bearer"}`, fmt.Sprint(accessToken, g.given.Add(1)))
	}))
	t.Cleanup(g.server.Close)
	return g
}

// verify checks the assertion of RFC 7523.
func (g *google) verify(r *http.Request) error {
	parts := strings.Split(r.FormValue("assertion"), ".")
	if len(parts) != 3 || r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		return errors.New("form")
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var said struct{ Iss, Scope, Aud string }
	if err := json.Unmarshal(claims, &said); err != nil {
		return err
	}
	if said.Iss != email || said.Scope != "https://www.googleapis.com/auth/firebase.messaging" || said.Aud != g.server.URL {
		return fmt.Errorf("claims %+v", said)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return rsa.VerifyPKCS1v15(&g.key.PublicKey, crypto.SHA256, sum[:], signature)
}

func (g *google) account(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(g.key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "shop-app-1", "private_key_id": "k1", "client_email": email, "token_uri": g.server.URL,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (g *google) service(t *testing.T) providertest.HTTPService {
	t.Helper()
	account := g.account(t)
	return providertest.HTTPService{
		Check: check, Answer: answer,
		Provider: func(t *testing.T, s *httptest.Server) notify.Provider {
			t.Helper()
			p, err := fcm.New(fcm.Config{ServiceAccount: account, BaseURL: s.URL})
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
	}
}

func TestProvider(t *testing.T) {
	t.Parallel()
	g := newGoogle(t)
	providertest.Run(t, providertest.Fixture{
		Open: g.service(t).Open, Message: message,
		Behaviours: append([]providertest.Behaviour{providertest.Throttle, providertest.RefuseContent}, providertest.Required...),
		Secrets:    []string{accessToken, "PRIVATE KEY"},
	})
}

func check(c providertest.Call) (string, error) {
	var call struct {
		Message struct {
			Token        string
			Notification struct{ Title, Body string }
			Data         map[string]string
			Android      struct {
				CollapseKey  string `json:"collapse_key"`
				Priority     string
				TTL          string
				Notification struct{ Tag string }
			}
		}
	}
	decoder := json.NewDecoder(strings.NewReader(string(c.Content)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&call); err != nil {
		return "", err
	}
	m := call.Message
	text, _, _ := strings.Cut(m.Notification.Body, " #")
	switch {
	case !strings.HasPrefix(c.Header.Get("Authorization"), "Bearer "+accessToken):
		return "", errors.New("authorization")
	case c.Method != http.MethodPost || c.URL.Path != "/v1/projects/shop-app-1/messages:send":
		return "", fmt.Errorf("%s %s", c.Method, c.URL)
	case m.Token != message.To.Device.Token || text != message.Text.Body || m.Notification.Title != message.Text.Title:
		return "", fmt.Errorf("message %+v", m)
	case m.Android.CollapseKey != message.CollapseKey || m.Android.Notification.Tag != message.CollapseKey || m.Android.TTL != "3600s" || m.Android.Priority != "HIGH":
		return "", fmt.Errorf("android %+v", m.Android)
	}
	return m.Data["message_id"], nil
}

func answer(b providertest.Behaviour, _ string) providertest.Reply {
	failed := func(status int, name, detail string) providertest.Reply {
		return providertest.Reply{Status: status, Header: map[string]string{"Content-Type": "application/json"}, Body: fmt.Sprintf(
			`{"error":{"code":%d,"message":"refused %s","status":%q,"details":[%s]}}`, status, message.To.Device.Token, name, detail)}
	}
	code := func(c string) string {
		return `{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"` + c + `"}`
	}
	switch b {
	case providertest.Throttle:
		r := failed(429, "RESOURCE_EXHAUSTED", code("QUOTA_EXCEEDED"))
		r.Header["Retry-After"] = "7"
		return r
	case providertest.BadAddress:
		return failed(404, "NOT_FOUND", code("UNREGISTERED"))
	case providertest.RefuseContent:
		return failed(400, "INVALID_ARGUMENT", code("INVALID_ARGUMENT"))
	case providertest.RefuseAccount:
		return failed(403, "PERMISSION_DENIED", "")
	case providertest.Unavailable:
		return failed(503, "UNAVAILABLE", code("UNAVAILABLE"))
	default:
		return providertest.Reply{Status: 200, Body: `{"name":"projects/shop-app-1/messages/0:1500415314455276%31bd1c9631bd1c96"}`}
	}
}

func kind(err error) notify.ErrorKind {
	if failed, ok := errors.AsType[*notify.SendError](err); ok {
		return failed.Kind
	}
	return ""
}

func TestAccessTokens(t *testing.T) {
	t.Parallel()
	g := newGoogle(t)
	service := g.service(t)
	var expired atomic.Bool
	service.Answer = func(b providertest.Behaviour, id string) providertest.Reply {
		if expired.Load() {
			return providertest.Reply{Status: 401, Body: `{"error":{"code":401,"status":"UNAUTHENTICATED"}}`}
		}
		return answer(b, id)
	}
	stand := service.Open(t)
	send := func() error {
		_, err := stand.Provider().Send(t.Context(), message)
		return err
	}
	g.status.Store(503)
	if err := send(); kind(err) != notify.KindTemporary {
		t.Errorf("token endpoint down: %v", err)
	}
	g.status.Store(400)
	if err := send(); kind(err) != notify.KindRefused || strings.Contains(fmt.Sprintf("%+v", err), "marked") {
		t.Errorf("account revoked: %v", err)
	}
	if len(stand.Taken()) != 0 {
		t.Error("sent without a token")
	}
	g.status.Store(0)
	if err := errors.Join(send(), send()); err != nil || g.given.Load() != 1 {
		t.Errorf("%v, %d tokens for two messages", err, g.given.Load())
	}
	expired.Store(true)
	if err := send(); kind(err) != notify.KindRefused {
		t.Errorf("token not taken: %v", err)
	}
	expired.Store(false)
	if err := send(); err != nil || g.given.Load() != 2 {
		t.Errorf("%v, %d tokens", err, g.given.Load())
	}
}

func TestABadTokenIsAnAddress(t *testing.T) {
	t.Parallel()
	service := newGoogle(t).service(t)
	service.Answer = func(providertest.Behaviour, string) providertest.Reply {
		return providertest.Reply{Status: 400, Body: `{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"errorCode":"INVALID_ARGUMENT"},` +
			`{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"message.token","description":"x"}]}]}}`}
	}
	if _, err := service.Open(t).Provider().Send(t.Context(), message); kind(err) != notify.KindAddress {
		t.Error(err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	good := string(newGoogle(t).account(t))
	for name, account := range map[string]string{
		"empty":   "",
		"type":    strings.Replace(good, "service_account", "authorized_user", 1),
		"project": strings.Replace(good, `"project_id":"shop-app-1"`, `"project_id":"X"`, 1),
		"key":     strings.Replace(good, "BEGIN PRIVATE", "BEGIN PUBLIC", 1),
		"address": strings.Replace(good, "http://127", "127", 1),
	} {
		if _, err := fcm.New(fcm.Config{ServiceAccount: []byte(account)}); err == nil || strings.Contains(err.Error(), "MII") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
