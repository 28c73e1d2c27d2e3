package chaos

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"anxin/engine/notify"
)

// pushes stands in for FCM. A message takes the place of the one that the device shows
// under the same tag, so that a repeat harms nobody.
type pushes struct {
	w       *world
	http    *httptest.Server
	account string // file of the service account, as JSON
	taken   atomic.Int64
}

const pushProject = "chaos-app-1"

func newPushes(w *world) *pushes {
	p := &pushes{w: w}
	p.http = httptest.NewServer(p)
	const bits = 2048
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		w.t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": pushProject, "private_key_id": "k1", "client_email": "sender@" + pushProject + ".test",
		"token_uri": p.http.URL + "/token", "private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	p.account = string(account)
	return p
}

func (p *pushes) close() { p.http.Close() }

// ServeHTTP implements http.Handler.
func (p *pushes) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/token" {
		_, _ = rw.Write([]byte(`{"access_token":"chaos-access","expires_in":3599,"token_type":"Bearer"}`))
		return
	}
	var call struct {
		Message struct {
			Token        string `json:"token"`
			Notification struct{ Title string }
			Data         map[string]string `json:"data"`
			Android      struct {
				CollapseKey  string `json:"collapse_key"`
				Notification struct{ Tag string }
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
		return // the server died while it spoke
	}
	m := call.Message
	if r.Header.Get("Authorization") != "Bearer chaos-access" || r.URL.Path != "/v1/projects/"+pushProject+"/messages:send" ||
		m.Android.CollapseKey == "" || m.Android.CollapseKey != m.Android.Notification.Tag {
		p.w.wrongs.add("call to the push service", "%s %+v", r.URL.Path, m)
	}
	l, f := p.w.post.came(letter{via: notify.Push, by: "app", to: m.Token, id: m.Data["message_id"], key: m.Android.CollapseKey}, m.Notification.Title)
	switch {
	case l == nil:
		rw.WriteHeader(http.StatusBadRequest)
	case f.payer.dead:
		p.refuse(rw, http.StatusNotFound, "NOT_FOUND", "UNREGISTERED")
	default:
		p.treat(rw, r, l)
	}
}

func (p *pushes) treat(rw http.ResponseWriter, r *http.Request, l *letter) {
	switch p.w.post.draw(l, false) {
	case slow:
		wait(r.Context(), p.w.post.linger())
		p.accept(rw, l)
	case busy:
		p.refuse(rw, http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")
	case down, refuses: // a message that is refused would be told by nobody else
		p.refuse(rw, http.StatusServiceUnavailable, "UNAVAILABLE", "UNAVAILABLE")
	case drops:
		panic(http.ErrAbortHandler)
	case takesDrops:
		p.w.post.take(l)
		panic(http.ErrAbortHandler)
	case takesFails:
		p.w.post.take(l)
		p.refuse(rw, http.StatusInternalServerError, "INTERNAL", "INTERNAL")
	case takesHangs:
		p.w.post.take(l)
		wait(r.Context(), time.Minute)
	case babbles:
		p.w.post.take(l)
		_, _ = rw.Write([]byte("{"))
	case fine:
		p.accept(rw, l)
	}
}

func (p *pushes) accept(rw http.ResponseWriter, l *letter) {
	p.w.post.take(l)
	_, _ = fmt.Fprintf(rw, `{"name":"projects/%s/messages/%d"}`, pushProject, p.taken.Add(1))
}

func (p *pushes) refuse(rw http.ResponseWriter, status int, says, code string) {
	rw.WriteHeader(status)
	_, _ = fmt.Fprintf(rw, `{"error":{"code":%d,"status":%q,"details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":%q}]}}`, status, says, code)
}
