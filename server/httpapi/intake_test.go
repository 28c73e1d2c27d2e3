package httpapi_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/channel/sandbox"
	"anxin/engine/order"
)

// notice is a callback of the simulated channel, sealed with a secret at a time.
func notice(t *testing.T, orderNo, id, secret string, at time.Time, change ...func(*sandbox.Payment)) (string, header) {
	t.Helper()
	p := sandbox.Payment{
		OutTradeNo: orderNo, Merchant: merchant, State: sandbox.StateSucceeded, At: order.At(at), TransactionID: "t-" + orderNo,
		Amount: &order.Money{Minor: 8800, Currency: "CNY"},
	}
	for _, f := range change {
		f(&p)
	}
	body, err := json.Marshal(sandbox.Notice{ID: id, Payment: p})
	must(t, err)
	h := http.Header{}
	sandbox.Seal(h, secret, at, sandbox.NewNonce(), body)
	return string(body), header{
		sandbox.HeaderTimestamp: h.Get(sandbox.HeaderTimestamp), sandbox.HeaderNonce: h.Get(sandbox.HeaderNonce),
		sandbox.HeaderSignature: h.Get(sandbox.HeaderSignature),
	}
}

type callbacks struct {
	Items []struct {
		ID, Channel, State, Reason string
		OrderNo                    string `json:"order_no"`
	} `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

func (w *world) callbacks(query string) callbacks {
	w.t.Helper()
	return decode[callbacks](w.t, w.want(200, "GET", "/v1/ops/callbacks?"+query, nil, bearer(operatorKey)))
}

// await asks until what was asked for has come; each question is an exchange over the
// socket, and the store's work goes on meanwhile.
func (w *world) await(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !is(); {
		if time.Now().After(end) {
			w.t.Fatalf("%s: it did not come", what)
		}
	}
}

// TestEveryCallbackIsAnsweredAsItsKindDemands is the table of answers, with where the
// callback is to be found afterwards and what became of the order.
func TestEveryCallbackIsAnsweredAsItsKindDemands(t *testing.T) {
	t.Parallel()
	other := func(p *sandbox.Payment) { p.Merchant = "somebody-else" }
	dearer := func(p *sandbox.Payment) { p.Amount = &order.Money{Minor: 8801, Currency: "CNY"} }
	for _, c := range []struct {
		name    string
		secret  string
		age     time.Duration
		change  func(*sandbox.Payment)
		body    string // instead of a notice
		unknown bool   // the order is not registered
		status  int
		answer  string
		state   engine.CallbackState
		reason  string
		payment string
	}{
		{name: "good", status: 200, answer: "SUCCESS", state: "processed", payment: "succeeded"},
		{name: "wrong signature", secret: "wrong", status: 401, answer: "FAIL", state: "rejected", reason: "bad_signature", payment: "pending"},
		{name: "too old", age: 6 * time.Minute, status: 401, answer: "FAIL", state: "rejected", reason: "stale", payment: "pending"},
		{name: "from the future", age: -6 * time.Minute, status: 401, answer: "FAIL", state: "rejected", reason: "stale", payment: "pending"},
		{name: "signed nonsense", body: `{"id":1}`, status: 400, answer: "FAIL", state: "rejected", reason: "malformed", payment: "pending"},
		{name: "unknown order", unknown: true, status: 200, answer: "SUCCESS", state: "quarantined"},
		{name: "other amount", change: dearer, status: 200, answer: "SUCCESS", state: "processed", payment: "pending"},
		{name: "other merchant", change: other, status: 200, answer: "SUCCESS", state: "processed", payment: "pending"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			if !c.unknown {
				w.register(registration("A1"))
			}
			if c.secret == "" {
				c.secret = channelSecret
			}
			at := time.Now().Add(-c.age)
			body, h := notice(t, "A1", "n1", c.secret, at)
			if c.change != nil {
				body, h = notice(t, "A1", "n1", c.secret, at, c.change)
			}
			if c.body != "" {
				body = c.body
				sealed := http.Header{}
				sandbox.Seal(sealed, channelSecret, at, "nonce", []byte(body))
				for name := range h {
					h[name] = sealed.Get(name)
				}
			}
			a := w.want(c.status, "POST", "/v1/callbacks/sandbox", body, h)
			if string(a.body) != `{"code":"`+c.answer+`"}` {
				t.Errorf("answered %s", a.body)
			}
			w.await("in the list", func() bool { return len(w.callbacks("").Items) > 0 })
			if got := w.callbacks("").Items; len(got) != 1 || got[0].State != string(c.state) || got[0].Reason != c.reason {
				t.Errorf("listed as %+v", got)
			}
			if !c.unknown {
				got := decode[map[string]any](t, w.want(200, "GET", "/v1/orders/A1", nil, bearer(shopKey)))
				cased := got["cases"] != nil
				if got["payment"] != c.payment || cased != (c.change != nil) {
					t.Errorf("the order is %v, cases %v", got["payment"], got["cases"])
				}
			}
		})
	}
}

func TestACallbackThatCannotBeStoredIsToComeAgain(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.register(registration("A1"))
	must(t, w.store.Close())
	a := w.callback("A1", sandbox.StateSucceeded, 8800)
	if a.status != 500 || string(a.body) != `{"code":"FAIL"}` {
		t.Errorf("answered %d %s", a.status, a.body)
	}
}

// TestTheSameCallbackManyTimesAtOnceIsStoredOnce sends copies in parallel: each is
// acknowledged, and when it is, the callback is stored.
func TestTheSameCallbackManyTimesAtOnceIsStoredOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.register(registration("A1"))
	body, h := notice(t, "A1", "n1", channelSecret, time.Now())
	var copies sync.WaitGroup
	for range 32 {
		copies.Go(func() {
			a := w.send("POST", "/v1/callbacks/sandbox", body, h)
			waits, err := w.store.JournalSize(t.Context()) // so many at once are weighed behind
			if err != nil {
				t.Error(err)
			}
			stored, err := w.store.Callbacks(t.Context(), "A1", engine.CallbackProcessed, 10)
			if err != nil {
				t.Error(err)
			}
			if a.status != 200 || len(stored) > 1 || waits+int64(len(stored)) == 0 {
				t.Errorf("answered %d while %d are stored and %d are to be weighed", a.status, len(stored), waits)
			}
		})
	}
	copies.Wait()
	w.await("weighed", func() bool {
		waits, err := w.store.JournalSize(t.Context())
		return err == nil && waits == 0
	})
	if got := w.callbacks("").Items; len(got) != 1 {
		t.Errorf("stored as %+v", got)
	}
}

// arriving is a store that tells of each callback before it is written.
type arriving struct {
	engine.Store
	came chan struct{}
}

func (s *arriving) Commit(ctx context.Context, c engine.Commit) error {
	if len(c.Callbacks) > 0 {
		s.came <- struct{}{}
	}
	return s.Store.Commit(ctx, c)
}

func (s *arriving) AddEntries(ctx context.Context, list []engine.Entry) ([]engine.EntryID, error) {
	s.came <- struct{}{}
	return s.Store.AddEntries(ctx, list)
}

// TestCallbacksThatComeTogetherAreWrittenTogether holds the disk (by the write lock of
// another connection, as a slow sync would) until 64 callbacks have come, and counts in
// how many transactions they are written then.
func TestCallbacksThatComeTogetherAreWrittenTogether(t *testing.T) {
	t.Parallel()
	const n = 64
	came := make(chan struct{}, n)
	w := setupOver(t, func(s engine.Store) engine.Store { return &arriving{s, came} })
	for i := range n {
		w.register(registration(fmt.Sprint("A", i)))
	}
	other, err := sql.Open("sqlite", "file:"+w.file)
	must(t, err)
	defer func() { must(t, other.Close()) }()
	lock, err := other.Conn(t.Context())
	must(t, err)
	defer func() { must(t, lock.Close()) }()
	_, err = lock.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	must(t, err)
	before := w.store.Stats()
	var sent sync.WaitGroup
	for i := range n {
		sent.Go(func() {
			if a := w.callback(fmt.Sprint("A", i), sandbox.StateSucceeded, 8800); a.status != 200 {
				t.Errorf("answered %d", a.status)
			}
		})
	}
	for range n {
		<-came
	}
	_, err = lock.ExecContext(t.Context(), "ROLLBACK")
	must(t, err)
	sent.Wait()
	w.await("weighed", func() bool {
		waits, err := w.store.JournalSize(t.Context())
		return err == nil && waits == 0
	})
	after := w.store.Stats()
	writes, groups := after.Writes-before.Writes, after.Groups-before.Groups
	t.Logf("%d writes in %d groups", writes, groups)
	if writes < n || groups > n/4 {
		t.Errorf("%d writes took %d transactions", writes, groups)
	}
}

func TestOperatorsFindAndReplayCallbacks(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, router := openAPI(t, w.base)
	c := checker{w, router}
	op := bearer(operatorKey)
	w.register(registration("A1"))
	const path = "/v1/callbacks/sandbox"
	body, h := notice(t, "A1", "n1", channelSecret, time.Now().Add(-time.Hour))
	w.want(401, "POST", path, body, h, header{"Authorization": "Bearer marked", "Cookie": "a=marked"})
	w.await("rejected", func() bool { return len(w.callbacks("state=rejected").Items) == 1 })
	w.want(401, "POST", path, "\xff\x00", header{"X-Note": "a"})
	w.await("rejected", func() bool { return len(w.callbacks("state=rejected").Items) == 2 })
	unknown, uh := notice(t, "B1", "n2", channelSecret, time.Now())
	w.want(200, "POST", path, unknown, uh)

	c.exchange(200, "GET", "/v1/ops/callbacks", nil, op)
	page := decode[callbacks](t, c.exchange(200, "GET", "/v1/ops/callbacks?limit=1&channel=sandbox", nil, op))
	c.exchange(200, "GET", "/v1/ops/callbacks?limit=1&channel=sandbox&cursor="+*page.NextCursor, nil, op)
	stale := w.callbacks("state=rejected&order_no=A1&since=2020-01-01T00:00:00Z").Items[0]
	if stale.Reason != "stale" {
		t.Errorf("listed as %+v", stale)
	}
	detail := c.exchange(200, "GET", "/v1/ops/callbacks/"+stale.ID, nil, op)
	if s := string(detail.body); strings.Contains(s, "marked") || strings.Contains(s, h[sandbox.HeaderSignature]) || !strings.Contains(s, `"Sandbox-Timestamp"`) {
		t.Errorf("shown as %s", s)
	}
	binary := w.callbacks("state=rejected").Items[0]
	shown := decode[struct {
		Request struct{ Encoding, Body string }
	}](t, c.exchange(200, "GET", "/v1/ops/callbacks/"+binary.ID, nil, op))
	if shown.Request.Encoding != "base64" || shown.Request.Body != "/wA=" {
		t.Errorf("shown as %+v", shown)
	}
	quarantined := w.callbacks("state=quarantined").Items[0]
	c.exchange(200, "GET", "/v1/ops/callbacks/"+quarantined.ID, nil, op)

	type replayed struct {
		Accepted int
		Skipped  []struct{ ID, Reason string }
	}
	replay := func(in object) replayed {
		return decode[replayed](t, c.exchange(202, "POST", "/v1/ops/callbacks/replay", in, op))
	}
	ids := []string{stale.ID, binary.ID, quarantined.ID, "c_99999"}
	if got := replay(object{"ids": ids}); got.Accepted != 0 || len(got.Skipped) != 4 || got.Skipped[0].Reason != "stale" ||
		got.Skipped[1].Reason != "bad_signature" || got.Skipped[2].Reason != "unknown_order" || got.Skipped[3].Reason != "not_found" {
		t.Errorf("replayed %+v", got)
	}
	got := replay(object{"channel": "sandbox", "state": "rejected", "limit": 10, "accept_stale": true, "reason": "clock was wrong"})
	if got.Accepted != 1 || len(got.Skipped) != 1 {
		t.Errorf("replayed %+v", got)
	}
	w.await("succeeded", func() bool {
		o, err := w.store.Order(t.Context(), "A1")
		return err == nil && o.Payment == order.Succeeded
	})
	if audit := string(w.want(200, "GET", "/v1/ops/audit", nil, op).body); !strings.Contains(audit, stale.ID) || !strings.Contains(audit, "clock was wrong") {
		t.Errorf("audit %s", audit)
	}
	c.exchange(404, "GET", "/v1/ops/callbacks/"+stale.ID, nil, op)
	c.exchange(403, "GET", "/v1/ops/callbacks", nil, bearer(shopKey))
	c.exchange(401, "POST", "/v1/ops/callbacks/replay", object{"ids": ids})
	c.exchange(400, "GET", "/v1/ops/callbacks?cursor=AAAA", nil, op)
}

func TestAReplayIsReadStrictly(t *testing.T) {
	t.Parallel()
	w := setup(t)
	op := bearer(operatorKey)
	for _, c := range []struct {
		in     object
		status int
		field  string
	}{
		{object{}, 422, "state"},
		{object{"ids": []string{"c_1"}, "channel": "sandbox"}, 422, "ids"},
		{object{"state": "rejected"}, 422, "channel"},
		{object{"state": "lost", "channel": "sandbox"}, 422, "state"},
		{object{"state": "rejected", "channel": "a b"}, 422, "channel"},
		{object{"state": "rejected", "channel": "sandbox", "limit": 201}, 422, "limit"},
		{object{"state": "rejected", "channel": "sandbox", "limit": -1}, 422, "limit"},
		{object{"state": "rejected", "channel": "sandbox", "order_no": "a/b"}, 422, "order_no"},
		{object{"ids": []string{"c_1"}, "reason": strings.Repeat("x", 501)}, 422, "reason"},
		{object{"ids": []string{"c_1"}, "accept_stale": "yes"}, 400, "accept_stale"},
		{object{"ids": slices.Repeat([]string{"c_1"}, 101)}, 422, "ids"},
		{object{"all": true}, 400, "all"},
	} {
		p := w.want(c.status, "POST", "/v1/ops/callbacks/replay", c.in, op).problem(t)
		if p.Field != c.field {
			t.Errorf("%v: field %q, %s", c.in, p.Field, p.Detail)
		}
	}
	for query, field := range map[string]string{"state=lost": "state", "order_no=a/b": "order_no", "limit=0": "limit", "status=x": "status", "since=now": "since"} {
		if p := w.want(400, "GET", "/v1/ops/callbacks?"+query, nil, op).problem(t); p.Field != field {
			t.Errorf("%s: field %q", query, p.Field)
		}
	}
}
