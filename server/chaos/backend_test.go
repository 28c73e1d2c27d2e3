package chaos

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"anxin/engine/webhook"
)

// backend is the merchant's: it fails, hangs, and keeps all that it is told.
type backend struct {
	w      *world
	http   *httptest.Server
	url    string
	secret string
	keys   []webhook.Secret

	mu    sync.Mutex // guards what follows
	told  map[string][]told
	ids   map[string]*message
	sends int
}

// told is a webhook in the order of its first acceptance.
type told struct {
	id   string
	seq  int64
	kind string
}

// message is what is known of one webhook-id.
type message struct {
	body     string
	failed   int
	accepted bool
}

func newBackend(w *world) *backend {
	const secret = "whsec_Y2hhb3MtY2hhb3MtY2hhb3MtY2hhb3MtY2hhb3MtMDE="
	key, err := webhook.ParseSecret(secret)
	if err != nil {
		w.t.Fatal(err)
	}
	b := &backend{w: w, secret: secret, keys: []webhook.Secret{key}, told: make(map[string][]told), ids: make(map[string]*message)}
	b.http = httptest.NewServer(b)
	b.url = b.http.URL + "/webhooks"
	return b
}

func (b *backend) close() { b.http.Close() }

// mostFailures bounds how often one webhook is refused, so that what is still owed when
// the storm ends is not minutes away.
const mostFailures = 2

// ServeHTTP implements http.Handler.
func (b *backend) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the server died while it spoke
	}
	id := r.Header.Get(webhook.HeaderID)
	err = webhook.Verify(b.keys, id, r.Header.Get(webhook.HeaderTimestamp), r.Header.Get(webhook.HeaderSignature), body, time.Now())
	if err != nil {
		b.w.wrongs.add("webhook signature", "%s: %v", id, err)
		rw.WriteHeader(http.StatusUnauthorized)
		return
	}
	b.misbehave(rw, r, id, body)
}

func (b *backend) misbehave(rw http.ResponseWriter, r *http.Request, id string, body []byte) {
	what := 100
	if b.mayFail(id, body) {
		what = b.w.faults.upTo(100)
	}
	switch {
	case what < 12:
		b.refuse(id)
		rw.WriteHeader(http.StatusInternalServerError)
	case what < 16:
		b.refuse(id)
		rw.Header().Set("Retry-After", "2")
		rw.WriteHeader(http.StatusServiceUnavailable)
	case what < 20:
		b.refuse(id)
		panic(http.ErrAbortHandler)
	case what < 28: // taken in, and the answer is lost
		b.accept(id, body)
		b.refuse(id)
		panic(http.ErrAbortHandler)
	case what < 40:
		wait(r.Context(), time.Duration(what)*30*time.Millisecond)
		b.accept(id, body)
	default:
		b.accept(id, body)
	}
}

func (b *backend) mayFail(id string, body []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sends++
	m := b.ids[id]
	if m == nil {
		m = &message{body: string(body)}
		b.ids[id] = m
	}
	if m.body != string(body) {
		b.w.wrongs.add("webhook changed", "%s said %s and now %s", id, m.body, body)
	}
	return m.failed < mostFailures
}

func (b *backend) refuse(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ids[id].failed++
}

func (b *backend) accept(id string, body []byte) {
	var content struct {
		Type string `json:"type"`
		Data struct {
			OrderNo string `json:"order_no"`
			Seq     int64  `json:"seq"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &content); err != nil {
		b.w.wrongs.add("webhook body", "%s: %v", id, err)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ids[id].accepted {
		return
	}
	b.ids[id].accepted = true
	no := content.Data.OrderNo
	b.told[no] = append(b.told[no], told{id, content.Data.Seq, content.Type})
}

// of returns what was accepted about an order, in the order of first acceptance.
func (b *backend) of(no string) []told {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]told(nil), b.told[no]...)
}
