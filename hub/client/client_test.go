package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waiting for what must happen; it measures nothing.
const patience = 20 * time.Second

// script is a server whose connections a test plays itself.
type script struct {
	t     *testing.T
	url   string
	conns chan *websocket.Conn
}

func newScript(t *testing.T) *script {
	t.Helper()
	s := &script{t: t, conns: make(chan *websocket.Conn)}
	ctx, cancel := context.WithCancel(context.Background())
	upgrader := websocket.Upgrader{Subprotocols: []string{subprotocol}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		select {
		case s.conns <- conn:
		case <-ctx.Done():
			_ = conn.Close()
		}
	}))
	t.Cleanup(func() { cancel(); server.Close() })
	s.url = "ws" + strings.TrimPrefix(server.URL, "http")
	return s
}

// accept waits for the client's next connection.
func (s *script) accept() *line {
	s.t.Helper()
	select {
	case conn := <-s.conns:
		s.t.Cleanup(func() { _ = conn.Close() })
		return &line{conn, s.t}
	case <-time.After(patience):
		s.t.Fatal("the client does not connect")
		return nil
	}
}

type line struct {
	*websocket.Conn
	t *testing.T
}

func (l *line) expect(want string) {
	l.t.Helper()
	if err := l.SetReadDeadline(time.Now().Add(patience)); err != nil {
		l.t.Fatal(err)
	}
	_, b, err := l.ReadMessage()
	if got := strings.TrimSpace(string(b)); err != nil || got != want {
		l.t.Fatalf("got %s (%v), want %s", got, err, want)
	}
}

func (l *line) send(frame string) {
	l.t.Helper()
	if err := l.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		l.t.Fatal(err)
	}
}

func (l *line) state(kind string, seq int64) {
	l.t.Helper()
	l.send(fmt.Sprintf(`{"type":%q,"topic":"t","seq":%d,"now":"2026-11-23T03:00:00.000Z","data":%d}`, kind, seq, seq))
}

func (l *line) hangUp(code int) {
	l.t.Helper()
	if err := l.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(patience)); err != nil {
		l.t.Fatal(err)
	}
}

// subject is the client under test.
type subject struct {
	*Client
	t      *testing.T
	frames chan Frame
	next   chan time.Duration
	done   chan error
	stop   context.CancelFunc
	tokens chan string // what Token returns; an empty one fails
}

func start(t *testing.T, url string, topics ...string) *subject {
	t.Helper()
	s := &subject{
		t: t, frames: make(chan Frame, 100), next: make(chan time.Duration, 100),
		done: make(chan error, 1), tokens: make(chan string, 100),
	}
	c, err := New(Config{
		URL:          url,
		Handle:       func(f Frame) { s.frames <- f },
		Disconnected: func(_ error, next time.Duration) { s.next <- next },
		Token: func(context.Context, string) (string, error) {
			select {
			case token := <-s.tokens:
				if token == "" {
					return "", errors.New("no token now")
				}
				return token, nil
			default:
				return "k", nil
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Client = c
	for _, topic := range topics {
		c.Subscribe(topic)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.done <- c.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return s
}

func (s *subject) expect(kind string, seq int64) Frame {
	s.t.Helper()
	select {
	case f := <-s.frames:
		if f.Type != kind || f.Seq != seq {
			s.t.Fatalf("handled %s %d, want %s %d", f.Type, f.Seq, kind, seq)
		}
		return f
	case <-time.After(patience):
		s.t.Fatalf("%s %d was not handled", kind, seq)
		return Frame{}
	}
}

func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("never happened: %s", what)
		panic("unreachable")
	}
}

const (
	subscribeT = `{"type":"subscribe","topic":"t","token":"k"}`
	resumeT5   = `{"type":"subscribe","topic":"t","token":"k","after":5}`
)

func TestClientResumesAfterTheLastStateThatItHas(t *testing.T) {
	t.Parallel()
	server := newScript(t)
	c := start(t, server.url, "t")
	l := server.accept()
	l.expect(subscribeT)
	l.state("snapshot", 4)
	l.state("update", 5)
	c.expect(Snapshot, 4)
	if f := c.expect(Update, 5); string(f.Data) != "5" || f.Now.IsZero() {
		t.Errorf("got %+v", f)
	}
	_ = l.NetConn().Close()
	l = server.accept()
	l.expect(resumeT5)
	l.state("current", 5)
	c.expect(Current, 5)
	l.state("update", 6)
	c.expect(Update, 6)
}

func TestHandlerSeesNoStateTwiceAndNoneGoBack(t *testing.T) {
	t.Parallel()
	server := newScript(t)
	c := start(t, server.url, "t")
	l := server.accept()
	l.expect(subscribeT)
	for _, seq := range []int64{3, 3, 2, 5, 4, 5} {
		l.state("update", seq)
	}
	l.send(`{"type":"update","topic":"stranger","seq":9}`)
	l.send(`{"type":"from the future"}`)
	l.state("update", 6)
	for _, seq := range []int64{3, 5, 6} {
		c.expect(Update, seq)
	}
}

func TestCodeThatForbidsReconnectingEndsRun(t *testing.T) {
	t.Parallel()
	server := newScript(t)
	c := start(t, server.url, "t")
	server.accept().hangUp(4002)
	err := await(t, "run ends", c.done)
	var closed *websocket.CloseError
	if !errors.Is(err, ErrPermanent) || !errors.As(err, &closed) || closed.Code != 4002 {
		t.Errorf("run returned %v", err)
	}
}

func TestOtherCodesLeadToANewConnection(t *testing.T) {
	t.Parallel()
	server := newScript(t)
	start(t, server.url, "t")
	for _, code := range []int{1000, 1012, 4003} {
		server.accept().hangUp(code)
	}
	server.accept().expect(subscribeT)
}

func TestReconnectFrameIsObeyed(t *testing.T) {
	t.Parallel()
	server := newScript(t)
	c := start(t, server.url, "t")
	l := server.accept()
	l.expect(subscribeT)
	l.send(`{"type":"reconnect","after_ms":10}`) // and the server never closes
	if next := await(t, "the client hangs up", c.next); next != 0 {
		t.Errorf("it adds %v to the time that the server chose", next)
	}
	server.accept().expect(subscribeT)
}

func TestExpiredTokenIsReplaced(t *testing.T) {
	t.Parallel()
	server := newScript(t)
	c := start(t, server.url)
	c.tokens <- "old"
	c.tokens <- "fresh"
	c.Subscribe("t")
	l := server.accept()
	l.expect(`{"type":"subscribe","topic":"t","token":"old"}`)
	l.send(`{"type":"error","topic":"t","code":"token_expired","message":"m"}`)
	l.expect(`{"type":"subscribe","topic":"t","token":"fresh"}`)
	l.state("snapshot", 1)
	c.expect(Snapshot, 1)
}

func TestErrorThatPassesIsRetriedSilently(t *testing.T) {
	t.Parallel()
	server := newScript(t)
	c := start(t, server.url, "t")
	l := server.accept()
	l.expect(subscribeT)
	l.send(`{"type":"error","topic":"t","code":"unavailable","message":"m"}`)
	l.expect(subscribeT)
	l.state("snapshot", 1)
	c.expect(Snapshot, 1)
}

func TestFinalErrorIsHandledAndItsTopicForgotten(t *testing.T) {
	t.Parallel()
	server := newScript(t)
	c := start(t, server.url, "t")
	l := server.accept()
	l.expect(subscribeT)
	l.send(`{"type":"error","topic":"t","code":"forbidden","message":"m"}`)
	if f := c.expect(Error, 0); f.Code != "forbidden" || f.Topic != "t" {
		t.Errorf("got %+v", f)
	}
	_ = l.NetConn().Close()
	l = server.accept()
	c.Subscribe("other")
	l.expect(`{"type":"subscribe","topic":"other","token":"k"}`)
}

func TestTokenThatCannotBeHadIsAskedForAgain(t *testing.T) {
	t.Parallel()
	server := newScript(t)
	c := start(t, server.url)
	c.tokens <- ""
	c.Subscribe("t")
	server.accept().expect(subscribeT)
}

func TestTopicsComeAndGoDuringAConnection(t *testing.T) {
	t.Parallel()
	server := newScript(t)
	c := start(t, server.url)
	l := server.accept()
	c.SubscribeAfter("t", 5)
	l.expect(resumeT5)
	c.Unsubscribe("t")
	l.expect(`{"type":"unsubscribe","topic":"t"}`)
	c.Subscribe("t")
	l.expect(subscribeT)
	l.state("snapshot", 7)
	c.expect(Snapshot, 7)
}

func TestRefusedHandshake(t *testing.T) {
	t.Parallel()
	for status, permanent := range map[int]bool{403: true, 400: true, 426: true, 429: false, 503: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
		}))
		c := start(t, "ws"+strings.TrimPrefix(server.URL, "http"), "t")
		if permanent {
			if err := await(t, "run ends", c.done); !errors.Is(err, ErrPermanent) {
				t.Errorf("%d: run returned %v", status, err)
			}
		} else if next := await(t, "the attempt fails", c.next); next < 7*time.Second {
			t.Errorf("%d: the next attempt follows after %v", status, next)
		}
		c.stop()
		server.Close()
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server := newScript(t)
	c := start(t, server.url, "t")
	server.accept().expect(subscribeT)
	c.stop()
	if err := await(t, "run ends", c.done); !errors.Is(err, context.Canceled) {
		t.Errorf("run returned %v", err)
	}
}

func TestDelaysDoubleToFourSecondsAndGetLongAfterAMinute(t *testing.T) {
	t.Parallel()
	longest := func(attempts int) (most time.Duration) {
		for range 200 {
			b := backoff{attempts: attempts}
			d := b.next()
			if d < 0 || b.attempts != attempts+1 {
				t.Fatalf("attempt %d waits %v", attempts, d)
			}
			most = max(most, d)
		}
		return most
	}
	for attempts, bound := range map[int]time.Duration{
		0: firstDelay, 1: 2 * firstDelay, 3: lastDelay, 10: lastDelay, patientAttempts - 1: lastDelay, patientAttempts: longDelay, 1000: longDelay,
	} {
		if most := longest(attempts); most >= bound || most < bound/2 {
			t.Errorf("attempt %d waits %v at most, want nearly %v", attempts, most, bound)
		}
	}
	b := backoff{attempts: 1000}
	b.reset()
	if d := b.next(); d >= firstDelay {
		t.Errorf("after a success the first delay is %v", d)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	handle := func(Frame) {}
	for name, cfg := range map[string]Config{
		"http":       {URL: "http://host/v1/live", Handle: handle},
		"no URL":     {URL: "://", Handle: handle},
		"no handler": {URL: "ws://host"},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
