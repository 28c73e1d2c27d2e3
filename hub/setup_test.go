package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"anxin/hub"
	"anxin/hub/membus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waiting for what must happen; it measures nothing.
const patience = 20 * time.Second

// truth is a Source in memory.
type truth struct {
	mu     sync.Mutex // guards what follows
	states map[string]hub.Message
	fault  error
	// hold, if set, is called by Snapshot after the state was read.
	hold func(hub.Message)
}

var _ hub.Source = (*truth)(nil)

func newTruth() *truth { return &truth{states: map[string]hub.Message{}} }

func (s *truth) Snapshot(_ context.Context, topic string) (hub.Message, error) {
	s.mu.Lock()
	m, ok := s.states[topic]
	fault, hold := s.fault, s.hold
	s.mu.Unlock()
	if hold != nil {
		hold(m)
	}
	if fault != nil {
		return hub.Message{}, fault
	}
	if !ok {
		return hub.Message{}, fmt.Errorf("read %q: %w", topic, hub.ErrNoTopic)
	}
	return m, nil
}

func (s *truth) Seqs(_ context.Context, topics []string) (map[string]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seqs := make(map[string]int64, len(topics))
	for _, t := range topics {
		if m, ok := s.states[t]; ok {
			seqs[t] = m.Seq
		}
	}
	return seqs, s.fault
}

// set stores a state without publishing it.
func (s *truth) set(topic string, seq int64) hub.Message {
	m := state(topic, seq)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states[topic] = m
	return m
}

func (s *truth) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
}

func (s *truth) holdWith(f func(hub.Message)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold = f
}

// state is the state that every test stores under a seq.
func state(topic string, seq int64) hub.Message {
	return hub.Message{Topic: topic, Seq: seq, Event: "status.changed", Data: fmt.Appendf(nil, `{"n":%d}`, seq)}
}

// shortLife is how long the token "short" lasts from its use on: longer than any test,
// and less than a client may be silent.
const shortLife = 50 * time.Second

// tokens accepts "good" for every topic and no token for announcements.
type tokens struct{}

func (tokens) Authorize(_ context.Context, topic, token string) (hub.Grant, error) {
	switch {
	case topic == "announcements" || token == "good":
		return hub.Grant{Audience: "payer"}, nil
	case token == "short":
		return hub.Grant{Audience: "payer", Until: time.Now().Add(shortLife)}, nil
	case token == "staff":
		return hub.Grant{Audience: "agent"}, nil
	case token == "old":
		return hub.Grant{}, hub.ErrTokenExpired
	}
	return hub.Grant{}, hub.ErrForbidden
}

// node is a hub that serves a test over real sockets.
type node struct {
	*hub.Hub
	truth *truth
	url   string
	stop  func() // ends Run and waits
	log   *logtest.Hook
}

type setting func(*hub.Config, *hub.Deps)

func setup(tb testing.TB, settings ...setting) *node {
	tb.Helper()
	logger, hook := logtest.NewNullLogger()
	n := &node{truth: newTruth(), log: hook}
	cfg := hub.Config{Limits: hub.Limits{MaxPerIP: -1, MaxPerToken: -1}, Acts: []string{"support_opened"}}
	deps := hub.Deps{Source: n.truth, Authorizer: tokens{}, Bus: membus.New().Join(), Log: logger}
	for _, set := range settings {
		set(&cfg, &deps)
	}
	if s, ok := deps.Source.(*truth); ok {
		n.truth = s
	}
	var err error
	if n.Hub, err = hub.New(cfg, deps); err != nil {
		tb.Fatal(err)
	}
	n.serve(tb)
	n.run(tb)
	return n
}

func (n *node) serve(tb testing.TB) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			_ = n.Stream(w, visitOf(r))
			return
		}
		_ = n.Upgrade(w, r) // a refusal is answered already
	}))
	tb.Cleanup(server.Close)
	n.url = "ws" + strings.TrimPrefix(server.URL, "http")
}

func (n *node) run(tb testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	var once sync.Once
	n.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				tb.Errorf("run: %v", err)
			}
		})
	}
	tb.Cleanup(n.stop)
}

// store puts a state into the truth and publishes it, as a server does.
func (n *node) store(topic string, seq int64) { n.Publish(n.truth.set(topic, seq)) }

// eventually waits for a condition that no frame announces.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-poll.C {
		if time.Now().After(deadline) {
			tb.Fatalf("never happened: %s", what)
		}
	}
}

// frame is any frame of the server.
type frame struct {
	Type    string          `json:"type"`
	Topic   string          `json:"topic"`
	Seq     int64           `json:"seq"`
	Now     string          `json:"now"`
	Event   *string         `json:"event"`
	Data    json.RawMessage `json:"data"`
	Code    hub.ErrorCode   `json:"code"`
	Message string          `json:"message"`
	AfterMS *int64          `json:"after_ms"`
}

// peer is a client without any cleverness.
type peer struct {
	*websocket.Conn
	t testing.TB
}

func (n *node) dial(tb testing.TB) *peer {
	tb.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{hub.Subprotocol}}
	conn, response, err := dialer.Dial(n.url, nil)
	if err != nil {
		tb.Fatalf("dial: %v", err)
	}
	if err := response.Body.Close(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return &peer{conn, tb}
}

func (p *peer) send(text string) {
	p.t.Helper()
	if err := p.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

func (p *peer) subscribe(topic string, after int64) {
	p.t.Helper()
	p.send(fmt.Sprintf(`{"type":"subscribe","topic":%q,"token":"good","after":%d}`, topic, after))
}

func (p *peer) next() frame {
	p.t.Helper()
	if err := p.SetReadDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
	_, b, err := p.ReadMessage()
	if err != nil {
		p.t.Fatalf("read: %v", err)
	}
	var f frame
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		p.t.Fatalf("frame %s: %v", b, err)
	}
	return f
}

// expect reads the next frame and checks its kind, topic and state.
func (p *peer) expect(kind, topic string, seq int64) frame {
	p.t.Helper()
	f := p.next()
	if f.Type != kind || f.Topic != topic || f.Seq != seq {
		p.t.Fatalf("got %s %q %d (%s), want %s %q %d", f.Type, f.Topic, f.Seq, f.Code, kind, topic, seq)
	}
	if _, err := time.Parse(hub.TimeFormat, f.Now); err != nil {
		p.t.Errorf("now: %v", err)
	}
	want := string(state(topic, seq).Data)
	if kind == "current" {
		want = ""
	}
	if string(f.Data) != want {
		p.t.Errorf("data %s, want %s", f.Data, want)
	}
	return f
}

func (p *peer) expectError(topic string, code hub.ErrorCode) {
	p.t.Helper()
	f := p.next()
	if f.Type != "error" || f.Topic != topic || f.Code != code || f.Message == "" {
		p.t.Fatalf("got %s %q %q %q, want the error %q for %q", f.Type, f.Topic, f.Code, f.Message, code, topic)
	}
}

// expectQuiet proves that nothing was sent before: frames of one connection come
// in order except that pongs overtake states, so it asks twice.
func (p *peer) expectQuiet() {
	p.t.Helper()
	for range 2 {
		p.send(`{"type":"ping"}`)
		if f := p.next(); f.Type != "pong" {
			p.t.Fatalf("got %s %q %d, want silence", f.Type, f.Topic, f.Seq)
		}
	}
}

// expectClose reads until the close frame and returns how many frames came.
func (p *peer) expectClose(code hub.CloseCode) (frames []frame) {
	p.t.Helper()
	for {
		if err := p.SetReadDeadline(time.Now().Add(patience)); err != nil {
			p.t.Fatal(err)
		}
		_, b, err := p.ReadMessage()
		if err == nil {
			var f frame
			if err := json.Unmarshal(b, &f); err != nil {
				p.t.Fatal(err)
			}
			frames = append(frames, f)
			continue
		}
		if !websocket.IsCloseError(err, int(code)) {
			p.t.Fatalf("got %v, want close %d", err, code)
		}
		return frames
	}
}
