package hub_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anxin/hub"
)

func TestEachRefusedFrameGetsItsErrorCode(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	n.truth.set("order:C", 1)
	long := strings.Repeat("x", hub.MaxTopic+1)
	cases := []struct {
		name, frame, topic string
		code               hub.ErrorCode
	}{
		{"not JSON", `{`, "", hub.ErrorBadJSON},
		{"not an object", `[1]`, "", hub.ErrorBadJSON},
		{"two values", `{"type":"ping"}{}`, "", hub.ErrorBadJSON},
		{"empty", ``, "", hub.ErrorBadJSON},
		{"unknown field", `{"type":"ping","tpoic":"x"}`, "", hub.ErrorUnknownField},
		{"unknown type", `{"type":"publish","topic":"order:A"}`, "order:A", hub.ErrorUnknownType},
		{"no type", `{}`, "", hub.ErrorUnknownType},
		{"null", `null`, "", hub.ErrorUnknownType},
		{"wrong type of a field", `{"type":"subscribe","topic":7}`, "", hub.ErrorBadFrame},
		{"fraction", `{"type":"subscribe","topic":"order:A","token":"good","after":1.5}`, "", hub.ErrorBadFrame},
		{"negative after", `{"type":"subscribe","topic":"order:A","token":"good","after":-1}`, "order:A", hub.ErrorBadFrame},
		{"huge after", `{"type":"subscribe","topic":"order:A","token":"good","after":9223372036854775807}`, "order:A", hub.ErrorBadFrame},
		{"no topic", `{"type":"subscribe","token":"good"}`, "", hub.ErrorBadTopic},
		{"long topic", `{"type":"subscribe","token":"good","topic":"` + long + `"}`, "", hub.ErrorBadTopic},
		{"control character", `{"type":"unsubscribe","topic":"a\u0000"}`, "", hub.ErrorBadTopic},
		{"foreign token", `{"type":"subscribe","topic":"order:A","token":"bad"}`, "order:A", hub.ErrorForbidden},
		{"no token", `{"type":"subscribe","topic":"order:A"}`, "order:A", hub.ErrorForbidden},
		{"expired token", `{"type":"subscribe","topic":"order:A","token":"old"}`, "order:A", hub.ErrorTokenExpired},
		{"unknown topic", `{"type":"subscribe","topic":"order:X","token":"good"}`, "order:X", hub.ErrorNoTopic},
		{"unsubscribe from what is not watched", `{"type":"unsubscribe","topic":"order:C"}`, "order:C", hub.ErrorNotSubscribed},
		{"seen what is not watched", `{"type":"seen","topic":"order:C","seq":1}`, "order:C", hub.ErrorNotSubscribed},
		{"act on what is not watched", `{"type":"act","topic":"order:C","name":"support_opened"}`, "order:C", hub.ErrorNotSubscribed},
		{"seen what was not sent", `{"type":"seen","topic":"order:A","seq":2}`, "order:A", hub.ErrorBadFrame},
		{"seen nothing", `{"type":"seen","topic":"order:A"}`, "order:A", hub.ErrorBadFrame},
		{"act on what was not sent", `{"type":"act","topic":"order:A","name":"support_opened","seq":2}`, "order:A", hub.ErrorBadFrame},
		{"act of a negative value", `{"type":"act","topic":"order:A","name":"support_opened","value":-1}`, "order:A", hub.ErrorBadFrame},
		{"unknown act", `{"type":"act","topic":"order:A","name":"danced"}`, "order:A", hub.ErrorUnknownAct},
	}
	covered := map[hub.ErrorCode]bool{ // by tests of their own
		hub.ErrorRateLimited: true, hub.ErrorUnavailable: true, hub.ErrorTooManyTopics: true,
		hub.ErrorTooManyWatchers: true,
	}
	for _, c := range cases {
		covered[c.code] = true
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := n.dial(t)
			p.subscribe("order:A", 0)
			p.expect("snapshot", "order:A", 1)
			p.send(c.frame)
			p.expectError(c.topic, c.code)
			p.expectQuiet() // the connection lives on
		})
	}
	for _, info := range hub.ErrorCodes() {
		if !covered[info.Code] {
			t.Errorf("no case for %q", info.Code)
		}
	}
}

func TestConnectionTakesAsManyTopicsAsItMay(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.Limits.MaxTopics = 1 })
	n.truth.set("order:A", 1)
	n.truth.set("order:B", 1)
	p := n.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	p.subscribe("order:B", 0)
	p.expectError("order:B", hub.ErrorTooManyTopics)
	p.subscribe("order:A", 0) // again is no further one
	p.expect("snapshot", "order:A", 1)
	p.send(`{"type":"unsubscribe","topic":"order:A"}`)
	p.subscribe("order:B", 0)
	p.expect("snapshot", "order:B", 1)
}

func TestBinaryFrameIsRefused(t *testing.T) {
	t.Parallel()
	p := setup(t).dial(t)
	if err := p.WriteMessage(websocket.BinaryMessage, []byte(`{"type":"ping"}`)); err != nil {
		t.Fatal(err)
	}
	p.expectError("", hub.ErrorBadFrame)
}

func TestInvalidUTF8IsRefused(t *testing.T) {
	t.Parallel()
	p := setup(t).dial(t)
	p.send("{\"type\":\"ping\",\"name\":\"\xff\"}")
	p.expectError("", hub.ErrorBadJSON)
}

func TestFailingSourceIsToldAsUnavailableWithoutItsReason(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	n.truth.fail(errors.New("password of the database is hunter2"))
	p := n.dial(t)
	p.subscribe("order:A", 0)
	f := p.next()
	if f.Code != hub.ErrorUnavailable || strings.Contains(f.Message, "hunter2") {
		t.Fatalf("got %+v", f)
	}
	n.truth.fail(nil)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
}

func TestFailureToJoinAgainKeepsTheSubscription(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	p := n.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	n.truth.holdWith(func(hub.Message) { n.Publish(state("order:A", 2)) })
	n.truth.fail(errors.New("away"))
	p.subscribe("order:A", 1)
	got := map[string]bool{p.next().Type: true, p.next().Type: true} // in any order
	if !got["error"] || !got["update"] {
		t.Errorf("got %v, want the error and the update that came meanwhile", got)
	}
}

func TestFloodIsSlowedAndThenClosed(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.Limits = hub.Limits{MaxPerIP: -1, MaxTopics: 1, FrameRate: 1} })
	p := n.dial(t)
	for range 60 {
		p.send(`{"type":"ping"}`)
	}
	limited := 0
	for _, f := range p.expectClose(hub.CloseProtocol) {
		if f.Code == hub.ErrorRateLimited {
			limited++
		}
	}
	if limited != 10 {
		t.Errorf("%d frames were refused before the close", limited)
	}
}

func TestFloodOfControlFramesIsClosed(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.Limits = hub.Limits{MaxPerIP: -1, MaxTopics: 1, FrameRate: 1} })
	p := n.dial(t)
	for range 60 {
		if err := p.WriteControl(websocket.PongMessage, nil, time.Now().Add(patience)); err != nil {
			break // it was closed already
		}
	}
	p.expectClose(hub.CloseProtocol)
}

func TestClientThatGetsEverythingWrongIsClosed(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := n.dial(t)
	for range 10 {
		p.send(`nonsense`)
	}
	if frames := p.expectClose(hub.CloseProtocol); len(frames) != 10 {
		t.Errorf("%d error frames", len(frames))
	}
	eventually(t, "the close is counted", func() bool { return n.Stats().Closes[hub.CloseProtocol] == 1 })
}

func TestConnectionWithoutSubscriptionIsClosed(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.SubscribeWithin = 20 * time.Millisecond })
	p := n.dial(t)
	p.send(`{"type":"ping"}`) // does not count
	p.expectClose(hub.CloseSubscribeTimeout)
}

func TestSubscribedConnectionIsNotClosedForTheDeadlineOfTheFirstSubscription(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.SubscribeWithin = 300 * time.Millisecond })
	n.truth.set("order:A", 1)
	p := n.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	idle := n.dial(t)
	idle.expectClose(hub.CloseSubscribeTimeout) // later than the deadline of p
	n.store("order:A", 2)
	p.expect("update", "order:A", 2)
}

func TestTooLongFrameIsClosed(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := n.dial(t)
	p.send(`{"type":"ping","name":"` + strings.Repeat("x", hub.MaxFrame) + `"}`)
	p.expectClose(hub.CloseTooBig)
	eventually(t, "the close is counted", func() bool { return n.Stats().Closes[hub.CloseTooBig] == 1 })
}

func TestLongestFrameIsAccepted(t *testing.T) {
	t.Parallel()
	p := setup(t).dial(t)
	prefix, suffix := `{"type":"ping","name":"`, `"}`
	p.send(prefix + strings.Repeat("x", hub.MaxFrame-len(prefix)-len(suffix)) + suffix)
	if f := p.next(); f.Type != "pong" {
		t.Errorf("got %s %s", f.Type, f.Code)
	}
}

func TestMalformedBytesAreClosed(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := n.dial(t)
	if _, err := p.NetConn().Write([]byte{0xff, 0xff, 0, 0, 0, 0}); err != nil { // reserved bits
		t.Fatal(err)
	}
	p.expectClose(hub.CloseMalformed)
	eventually(t, "the close is counted", func() bool { return n.Stats().Closes[hub.CloseMalformed] == 1 })
}

func TestClientThatAnswersNoPingIsClosed(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.PingEvery = 20 * time.Millisecond })
	n.truth.set("order:A", 1)
	p := n.dial(t)
	p.SetPingHandler(func(string) error { return nil })
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	p.expectClose(hub.CloseDead)
}

func TestClientThatAnswersPingsStays(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) {
		c.PingEvery = 400 * time.Millisecond
	})
	n.truth.set("order:A", 1)
	p := n.dial(t)
	pings := 0
	answer := p.PingHandler()
	p.SetPingHandler(func(data string) error {
		if pings++; pings == 4 { // beyond two and a half periods
			n.store("order:A", 2)
		}
		return answer(data)
	})
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	p.expect("update", "order:A", 2)
}

func TestPingFrameOfTheProtocolIsAnsweredWithItsPayload(t *testing.T) {
	t.Parallel()
	p := setup(t).dial(t)
	got := make(chan string, 1)
	p.SetPongHandler(func(data string) error { got <- data; return nil })
	if err := p.WriteControl(websocket.PingMessage, []byte("echo me"), time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	p.send(`{"type":"ping"}`)
	if f := p.next(); f.Type != "pong" {
		t.Errorf("got %s", f.Type)
	}
	if data := <-got; data != "echo me" {
		t.Errorf("pong %q", data)
	}
}

// stalled connects over a socket with a small buffer and reads nothing.
func (n *node) stalled(t *testing.T, topic string) *peer {
	t.Helper()
	dialer := websocket.Dialer{NetDial: func(network, addr string) (net.Conn, error) {
		c, err := net.Dial(network, addr)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		return c, err
	}}
	conn, response, err := dialer.Dial(n.url, http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	p := &peer{conn, t}
	p.subscribe(topic, 0)
	p.expect("snapshot", topic, 1)
	return p
}

func bulky(topic string, seq int64) hub.Message {
	m := hub.Message{Topic: topic, Seq: seq, Event: "e"}
	m.Data = append(m.Data, `"`...)
	m.Data = append(m.Data, bytes.Repeat([]byte("x"), 32<<10)...)
	m.Data = append(m.Data, `"`...)
	return m
}

func TestSlowClientIsClosedAndHarmsNobodyElse(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.WriteTimeout = 100 * time.Millisecond })
	n.truth.set("order:A", 1)
	n.stalled(t, "order:A")
	healthy := n.dial(t)
	healthy.subscribe("order:A", 0)
	healthy.expect("snapshot", "order:A", 1)
	seq := int64(1)
	for n.Stats().Closes[hub.CloseSlow] == 0 {
		seq++
		n.Publish(bulky("order:A", seq))
		if f := healthy.next(); f.Seq != seq {
			t.Fatalf("the healthy client got %d, want %d", f.Seq, seq)
		}
	}
	eventually(t, "the slow client is gone", func() bool { return n.Stats().Connections == 1 })
}

func TestClientThatFallsBehindGetsTheNewestState(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	n.truth.set("order:B", 1)
	p := n.stalled(t, "order:A")
	p.subscribe("order:B", 0)
	p.expect("snapshot", "order:B", 1)
	const last = 2000
	for seq := int64(2); seq <= last; seq++ {
		n.Publish(bulky("order:A", seq))
		n.Publish(bulky("order:B", seq))
	}
	newest := map[string]int64{"order:A": 1, "order:B": 1}
	frames := 0
	for newest["order:A"] < last || newest["order:B"] < last {
		f := p.next()
		if f.Seq <= newest[f.Topic] {
			t.Fatalf("%s went from %d to %d", f.Topic, newest[f.Topic], f.Seq)
		}
		newest[f.Topic] = f.Seq
		frames++
	}
	if s := n.Stats(); s.Conflations == 0 || frames >= last {
		t.Errorf("%d frames, %d conflations: nothing was conflated", frames, s.Conflations)
	}
}

// watchers records what an Observer hears.
type watchers struct {
	mu    sync.Mutex
	heard []string
}

func (w *watchers) Seen(topic string, seq int64)  { w.add(fmt.Sprint("seen ", topic, " ", seq)) }
func (w *watchers) Acted(topic string, a hub.Act) { w.add(fmt.Sprint("acted ", topic, " ", a)) }

func (w *watchers) add(s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, s)
}

func TestObserverHearsWhatClientsReport(t *testing.T) {
	t.Parallel()
	w := &watchers{}
	n := setup(t, func(_ *hub.Config, d *hub.Deps) { d.Observer = w })
	n.truth.set("order:A", 4)
	p := n.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 4)
	p.send(`{"type":"seen","topic":"order:A","seq":4}`)
	p.send(`{"type":"act","topic":"order:A","name":"support_opened"}`)
	p.send(`{"type":"act","topic":"order:A","name":"support_opened","seq":4,"value":12}`)
	p.send(`{"type":"seen","topic":"order:A","seq":5}`)
	p.expectError("order:A", hub.ErrorBadFrame)
	w.mu.Lock()
	defer w.mu.Unlock()
	if got := strings.Join(w.heard, ", "); got != "seen order:A 4, acted order:A {support_opened 0 0}, acted order:A {support_opened 4 12}" {
		t.Errorf("heard %q", got)
	}
}
