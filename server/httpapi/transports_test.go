package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anxin/engine"
	"anxin/hub"
	"anxin/server/auth"
)

// frame is what every transport carries.
type frame struct {
	Type  string          `json:"type"`
	Topic string          `json:"topic"`
	Seq   int64           `json:"seq"`
	Now   string          `json:"now"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
	Code  string          `json:"code"` // of an error frame, or of a problem
	After *int64          `json:"after_ms"`
}

// watching is one watcher on one transport.
type watching struct {
	t    *testing.T
	next func() (frame, error)
}

func (w watching) frame() frame {
	w.t.Helper()
	f, err := w.next()
	must(w.t, err)
	return f
}

// asked is what a watcher asks for. After is sent as it stands; "" = none.
type asked struct{ orderNo, token, after string }

// transports are the ways to watch an order. Each begins by what its first frame says,
// or by a frame of which only the code is set: why it was refused.
var transports = map[string]func(w *world, t *testing.T, q asked) watching{
	"websocket": overSocket,
	"sse":       func(w *world, t *testing.T, q asked) watching { return overStream(w, t, q, bearer(q.token), "") },
	"sse by query": func(w *world, t *testing.T, q asked) watching {
		return overStream(w, t, q, header{}, "&k="+q.token)
	},
	"sse by Last-Event-ID": func(w *world, t *testing.T, q asked) watching {
		h := bearer(q.token)
		if q.after != "" {
			h["Last-Event-ID"] = q.after
		}
		return overStream(w, t, asked{q.orderNo, q.token, "0"}, h, "")
	},
	"long poll": func(w *world, t *testing.T, q asked) watching { return overPoll(w, t, q, "25s") },
	"get":       func(w *world, t *testing.T, q asked) watching { return overPoll(w, t, q, "") },
}

func overSocket(w *world, t *testing.T, q asked) watching {
	dialer := websocket.Dialer{Subprotocols: []string{hub.Subprotocol}, HandshakeTimeout: patience}
	conn, resp, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(w.base, "http")+"/v1/live", nil)
	if err != nil {
		return refused(t, resp)
	}
	_ = resp.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	after := ""
	if q.after != "" {
		after = `,"after":` + q.after
	}
	text := fmt.Sprintf(`{"type":"subscribe","topic":%q,"token":%q%s}`, auth.OrderTopic(q.orderNo), q.token, after)
	must(t, conn.WriteMessage(websocket.TextMessage, []byte(text)))
	must(t, conn.SetReadDeadline(time.Now().Add(patience)))
	return watching{t, func() (f frame, err error) { err = conn.ReadJSON(&f); return f, err }}
}

func overStream(w *world, t *testing.T, q asked, h header, query string) watching {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+"/v1/orders/"+q.orderNo+"/stream?after="+q.after+query, nil)
	must(t, err)
	for name, value := range h {
		req.Header.Set(name, value)
	}
	resp, err := (&http.Client{Transport: w.client.Transport}).Do(req)
	must(t, err)
	if resp.StatusCode != http.StatusOK {
		return refused(t, resp)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	return watching{t, func() (f frame, err error) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return f, json.Unmarshal([]byte(data), &f)
			}
		}
		return f, errors.Join(io.EOF, lines.Err())
	}}
}

// overPoll asks again for each frame, from where the last one left it.
func overPoll(w *world, t *testing.T, q asked, wait string) watching {
	after := q.after
	return watching{t, func() (f frame, err error) {
		a := w.send("GET", "/v1/orders/"+q.orderNo+"?after="+after+"&wait="+wait, nil,
			bearer(q.token), header{"Accept": "application/vnd.anxin.frame+json"})
		if err := json.Unmarshal(a.body, &f); err != nil {
			return f, err
		}
		after = fmt.Sprint(f.Seq)
		return f, nil
	}}
}

func refused(t *testing.T, resp *http.Response) watching {
	defer resp.Body.Close()
	var f frame
	must(t, json.NewDecoder(resp.Body).Decode(&f))
	return watching{t, func() (frame, error) { return f, nil }}
}

// refusals are the codes of one meaning: the socket's, then those of HTTP.
var refusals = map[string][]string{
	"denied":    {"forbidden", "unauthorized"},
	"expired":   {"token_expired"},
	"unknown":   {"no_topic", "order_not_found"},
	"malformed": {"bad_frame", "invalid_parameter"},
	"crowded":   {"connections_per_address"},
}

func meaning(code string) string {
	for name, codes := range refusals {
		if slices.Contains(codes, code) {
			return name
		}
	}
	return code
}

// TestEachTransportAnswersAlike runs every case over every transport: the same
// authorization, the same beginning, the same frames.
func TestEachTransportAnswersAlike(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(with(registration("A1"), "mode", "pushed"))
	w.register(registration("B1"))
	w.push("A1", "1", object{"type": "succeeded"}) // no time changes that any more
	seq := decode[struct{ Seq int64 }](t, w.want(http.StatusOK, "GET", "/v1/orders/A1", nil, bearer(r.ViewToken))).Seq
	expired, err := w.tokens.Issue(auth.KindView, "A1", -time.Hour)
	must(t, err)
	ghost, err := w.tokens.Issue(auth.KindView, "Z1", time.Hour)
	must(t, err)
	at := func(seq int64) string { return fmt.Sprint(seq) }
	for name, c := range map[string]struct {
		asked asked
		want  string // type of the first frame, or meaning of the refusal
	}{
		"the first time":        {asked{"A1", r.ViewToken, ""}, "snapshot"},
		"after an older state":  {asked{"A1", r.ViewToken, at(seq - 1)}, "snapshot"},
		"after the newest":      {asked{"A1", r.ViewToken, at(seq)}, "current"},
		"after a future state":  {asked{"A1", r.ViewToken, at(seq + 100)}, "snapshot"},
		"after nonsense":        {asked{"A1", r.ViewToken, "-1"}, "malformed"},
		"without a token":       {asked{"A1", "", ""}, "denied"},
		"with a forged token":   {asked{"A1", r.ViewToken[:len(r.ViewToken)-2] + "xx", ""}, "denied"},
		"with another's token":  {asked{"B1", r.ViewToken, ""}, "denied"},
		"with an inbox token":   {asked{"A1", r.InboxToken, ""}, "denied"},
		"with an expired token": {asked{"A1", expired, ""}, "expired"},
		"an unknown order":      {asked{"Z1", ghost, ""}, "unknown"},
	} {
		for transport, open := range transports {
			if transport == "long poll" && c.want == "current" {
				continue // it holds that until something changes: tested below
			}
			t.Run(name+" over "+transport, func(t *testing.T) {
				t.Parallel()
				f := open(w, t, c.asked).frame()
				if f.Code != "" {
					f.Type = meaning(f.Code)
				}
				if f.Type != c.want {
					t.Fatalf("got %q %q, want %q", f.Type, f.Code, c.want)
				}
				if f.Code == "" {
					wantState(t, f, "A1", seq)
				}
			})
		}
	}
}

// wantState checks the envelope: the state is whole, unless it is the known one.
func wantState(t *testing.T, f frame, orderNo string, seq int64) {
	t.Helper()
	if _, err := time.Parse(hub.TimeFormat, f.Now); err != nil || f.Topic != "order:"+orderNo || f.Seq != seq {
		t.Errorf("envelope %q %d %q", f.Topic, f.Seq, f.Now)
	}
	if (f.Type == "current") != (f.Data == nil) || (f.Type == "update") != (f.Event != "") {
		t.Errorf("%s with event %q and data %s", f.Type, f.Event, f.Data)
	}
	if f.Data != nil && decode[struct{ Seq int64 }](t, answer{body: f.Data}).Seq != seq {
		t.Errorf("seq %d with data %s", seq, f.Data)
	}
}

// TestEachTransportBringsTheNextState has all of them wait for one change and compares
// what they bring.
func TestEachTransportBringsTheNextState(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(with(registration("A1"), "mode", "pushed"))
	watchers := map[string]watching{}
	polled := make(chan frame, 1)
	for name, open := range transports {
		watchers[name] = open(w, t, asked{"A1", r.ViewToken, "1"})
		if name == "long poll" {
			poll := watchers[name]
			go func() {
				f, err := poll.next()
				if err != nil {
					t.Errorf("long poll: %v", err)
				}
				polled <- f
			}()
		} else if f := watchers[name].frame(); f.Type != "current" {
			t.Fatalf("%s began with %+v", name, f)
		}
	}
	w.until("the poll waits", func() bool { return w.hub.Stats().Waits == 1 })
	w.push("A1", "1", object{"type": "confirming"})
	want := watchers["websocket"].frame()
	if want.Type != "update" || want.Event == "" {
		t.Fatalf("the socket brings %+v", want)
	}
	for name, watcher := range watchers {
		var f frame
		switch name {
		case "websocket":
			continue
		case "long poll":
			f = <-polled
		default:
			f = watcher.frame()
		}
		wantState(t, f, "A1", want.Seq)
		if name == "get" { // it was not there when it happened
			f.Type, f.Event = "update", want.Event
		}
		f.Now = want.Now
		if same(t, f.Data) != same(t, want.Data) {
			t.Errorf("%s: data %s, the socket has %s", name, f.Data, want.Data)
		}
		f.Data = want.Data
		if !reflect.DeepEqual(f, want) {
			t.Errorf("%s brings %+v, the socket %+v", name, f, want)
		}
	}
}

// push tells a change of a pushed order; nothing else changes one.
func (w *world) push(orderNo, key string, body object) {
	w.t.Helper()
	w.want(http.StatusOK, "POST", "/v1/orders/"+orderNo+"/updates", body, bearer(shopKey), header{"Idempotency-Key": key})
}

// same gives JSON in one form.
func same(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var b bytes.Buffer
	must(t, json.Compact(&b, raw))
	return b.String()
}

// until waits for a condition that nothing announces.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-again.C {
		if time.Now().After(deadline) {
			w.t.Fatalf("never happened: %s", what)
		}
	}
}

func TestEachTransportCountsAgainstTheLimitOfTheAddress(t *testing.T) {
	t.Parallel()
	settings := hub.Config{Limits: hub.Limits{MaxPerIP: 1}}
	w := setupHub(t, settings, func(s engine.Store) engine.Store { return s })
	r := w.register(registration("A1"))
	if f := overSocket(w, t, asked{"A1", r.ViewToken, ""}).frame(); f.Type != "snapshot" {
		t.Fatalf("got %+v", f)
	}
	for name, open := range transports {
		if name == "get" {
			continue // it holds nothing
		}
		f := open(w, t, asked{"A1", r.ViewToken, "1"}).frame()
		if meaning(f.Code) != "crowded" {
			t.Errorf("%s: got %+v", name, f)
		}
	}
}

func TestEachTransportIsSentAwayByADrain(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	polled := make(chan frame, 1)
	watchers := map[string]watching{}
	for name, open := range transports {
		watcher := open(w, t, asked{"A1", r.ViewToken, "1"})
		switch name {
		case "get":
		case "long poll":
			go func() {
				f, _ := watcher.next()
				polled <- f
			}()
		default:
			watcher.frame()
			watchers[name] = watcher
		}
	}
	w.until("the poll waits", func() bool { return w.hub.Stats().Waits == 1 })
	w.hub.Drain(t.Context(), time.Millisecond)
	for name, watcher := range watchers {
		if f := watcher.frame(); f.Type != "reconnect" || f.After == nil {
			t.Errorf("%s: got %+v", name, f)
		}
		if f, err := watcher.next(); err == nil {
			t.Errorf("%s goes on with %+v", name, f)
		}
	}
	if f := <-polled; f.Type != "current" {
		t.Errorf("long poll: got %+v", f)
	}
}

// TestAStreamMayBeReadByAPageOfAnAllowedOrigin holds that the stream's answer, which
// the hub writes, has the headers of all others.
func TestAStreamMayBeReadByAPageOfAnAllowedOrigin(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.base+"/v1/orders/A1/stream", nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+r.ViewToken)
	req.Header.Set("Origin", "https://shop.example")
	resp, err := w.client.Do(req)
	must(t, err)
	_ = resp.Body.Close()
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://shop.example", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "no-referrer", "Content-Type": "text/event-stream", "X-Accel-Buffering": "no",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if resp.Header.Get("X-Request-Id") == "" || resp.Header.Get("Content-Length") != "" {
		t.Errorf("header %v", resp.Header)
	}
	if strings.Contains(w.log.String(), r.ViewToken) {
		t.Error("the token was logged")
	}
}

func TestAnApiKeyInAnAddressIsNoCredential(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.register(registration("A1"))
	a := w.want(http.StatusUnauthorized, "GET", "/v1/orders/A1/stream?k="+shopKey, nil)
	if p := a.problem(t); p.Code != "unauthorized" {
		t.Errorf("got %s", p.Code)
	}
	w.want(http.StatusNotFound, "GET", "/v1/orders/A1/stream", nil, bearer(otherKey))
}
