package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gorilla/websocket"
	"github.com/sirupsen/logrus"

	"anxin/hub"
	"anxin/hub/membus"
)

const livePatience = 20 * time.Second

// liveTruth has every topic in the state that was published last, or 1.
type liveTruth struct{ states sync.Map }

func (s *liveTruth) Snapshot(_ context.Context, topic string) (hub.Message, error) {
	if m, ok := s.states.Load(topic); ok {
		return m.(hub.Message), nil
	}
	return liveState(topic, 1), nil
}

func (s *liveTruth) Seqs(context.Context, []string) (map[string]int64, error) {
	return map[string]int64{}, nil
}

func (*liveTruth) Authorize(context.Context, string, string) (hub.Grant, error) {
	return hub.Grant{Audience: "payer"}, nil
}

func liveState(topic string, seq int64) hub.Message {
	const size = 250 // about what a real state has
	return hub.Message{
		Topic: topic, Seq: seq, Event: "retry.scheduled",
		Data: fmt.Appendf(nil, `{"topic":%q,"pad":%q}`, topic, strings.Repeat("x", size)),
	}
}

// liveNode is a Fiber app that serves a hub on a loopback port.
type liveNode struct {
	*hub.Hub
	app   *fiber.App
	truth *liveTruth
	addr  string
}

func startLive(tb testing.TB, limits hub.Limits) *liveNode {
	tb.Helper()
	return startLiveHub(tb, hub.Config{Limits: limits})
}

func startLiveHub(tb testing.TB, cfg hub.Config) *liveNode {
	tb.Helper()
	log := logrus.New()
	log.SetOutput(tb.Output())
	n := &liveNode{truth: &liveTruth{}, app: fiber.New(fiber.Config{DisableStartupMessage: true, ReadTimeout: readTimeout, WriteTimeout: writeTimeout})}
	var err error
	n.Hub, err = hub.New(cfg, hub.Deps{
		Source: n.truth, Authorizer: n.truth, Bus: membus.New().Join(), Log: log,
	})
	if err != nil {
		tb.Fatal(err)
	}
	n.app.Get("/v1/live", Live(n.Hub))
	n.app.Get("/echo/:word", func(c *fiber.Ctx) error { return c.SendString(c.Params("word")) })

	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	n.addr = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() {
		if err := n.app.Listener(Lending(listener, Entrance{})); err != nil {
			tb.Errorf("listen: %v", err)
		}
	})
	parts.Go(func() {
		if err := n.Run(ctx); err != nil {
			tb.Errorf("run: %v", err)
		}
	})
	tb.Cleanup(func() {
		cancel()
		if err := n.app.Shutdown(); err != nil {
			tb.Errorf("shut down: %v", err)
		}
		parts.Wait()
	})
	return n
}

func (n *liveNode) dial(t *testing.T, header http.Header) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{hub.Subprotocol}}
	conn, response, err := dialer.Dial("ws://"+n.addr+"/v1/live", header)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
		_ = response.Body.Close()
	}
	return conn, response, err
}

type liveFrame struct {
	Type, Topic string
	Seq         int64
	Data        json.RawMessage
}

func readLive(t *testing.T, conn *websocket.Conn) liveFrame {
	t.Helper()
	var f liveFrame
	if err := conn.SetReadDeadline(time.Now().Add(livePatience)); err != nil {
		t.Fatal(err)
	}
	if err := conn.ReadJSON(&f); err != nil {
		t.Fatalf("read frame: %v", err)
	}
	return f
}

func watchLive(t *testing.T, conn *websocket.Conn, topic string) {
	t.Helper()
	if err := conn.WriteJSON(map[string]string{"type": "subscribe", "topic": topic}); err != nil {
		t.Fatal(err)
	}
	if f := readLive(t, conn); f.Type != "snapshot" || f.Topic != topic || string(f.Data) != string(liveState(topic, 1).Data) {
		t.Fatalf("got %+v", f)
	}
}

func TestLiveConnectionsSurviveTheReuseOfFibersMemory(t *testing.T) {
	t.Parallel()
	n := startLive(t, hub.Limits{MaxPerIP: -1})
	var conns []*websocket.Conn
	for i := range 30 {
		conn, _, err := n.dial(t, nil)
		if err != nil {
			t.Fatal(err)
		}
		if conn.Subprotocol() != hub.Subprotocol {
			t.Fatalf("subprotocol %q", conn.Subprotocol())
		}
		conns = append(conns, conn)
		watchLive(t, conn, fmt.Sprintf("order:%d", i))
		word := strings.Repeat(fmt.Sprint(i), 100) // other requests between, on other connections
		if got := getLive(t, "http://"+n.addr+"/echo/"+word); got != word {
			t.Fatalf("echo %q", got)
		}
	}
	for i, conn := range conns {
		topic := fmt.Sprintf("order:%d", i)
		n.Publish(liveState(topic, 2))
		if f := readLive(t, conn); f.Type != "update" || f.Topic != topic || f.Seq != 2 {
			t.Fatalf("got %+v", f)
		}
	}
}

func getLive(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return readLiveBody(t, response)
}

func readLiveBody(t *testing.T, response *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLiveRefusesWithProblems(t *testing.T) {
	t.Parallel()
	n := startLive(t, hub.Limits{MaxPerIP: 1})
	if _, _, err := n.dial(t, nil); err != nil {
		t.Fatal(err)
	}
	plain, err := http.Get("http://" + n.addr + "/v1/live")
	if err != nil {
		t.Fatal(err)
	}
	wantLiveProblem(t, plain, fiber.StatusUpgradeRequired, "upgrade_required")
	if plain.Header.Get("Upgrade") != "websocket" {
		t.Error("the answer does not say what to upgrade to")
	}
	_, foreign, err := n.dial(t, http.Header{"Origin": {"https://evil.example"}})
	if err == nil {
		t.Fatal("a foreign origin was let in")
	}
	wantLiveProblem(t, foreign, fiber.StatusForbidden, "origin")
	_, full, err := n.dial(t, nil) // refused by the node, not for what it asks
	if err == nil {
		t.Fatal("the limit was not kept")
	}
	wantLiveProblem(t, full, fiber.StatusTooManyRequests, "connections_per_address")
	if full.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// The limit on anonymous connections is a deadline of the socket, which Fiber's server
// sets too, and clears after each request.
func TestLiveConnectionThatAsksForNothingIsClosed(t *testing.T) {
	t.Parallel()
	n := startLiveHub(t, hub.Config{SubscribeWithin: 50 * time.Millisecond})
	conn, _, err := n.dial(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(livePatience)); err != nil {
		t.Fatal(err)
	}
	if _, _, err = conn.ReadMessage(); !websocket.IsCloseError(err, int(hub.CloseSubscribeTimeout)) {
		t.Errorf("got %v", err)
	}
}

func wantLiveProblem(t *testing.T, response *http.Response, status int, code string) {
	t.Helper()
	var p Problem
	if err := json.Unmarshal([]byte(readLiveBody(t, response)), &p); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != status || p.Status != status || p.Code != code || p.Detail == "" ||
		!strings.HasPrefix(response.Header.Get("Content-Type"), problemType) {
		t.Errorf("got %d %q %+v, want %d %s", response.StatusCode, response.Header.Get("Content-Type"), p, status, code)
	}
}

func TestDrainSendsLiveClientsAwayBeforeTheAppStops(t *testing.T) {
	t.Parallel()
	n := startLive(t, hub.Limits{})
	conn, _, err := n.dial(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	watchLive(t, conn, "order:A")
	n.Drain(context.Background(), time.Millisecond)
	if f := readLive(t, conn); f.Type != "reconnect" {
		t.Errorf("got %+v", f)
	}
	_, _, err = conn.ReadMessage()
	if !websocket.IsCloseError(err, int(hub.CloseRestart)) {
		t.Errorf("got %v", err)
	}
	_, refused, err := n.dial(t, nil)
	if !errors.Is(err, websocket.ErrBadHandshake) {
		t.Fatalf("got %v", err)
	}
	wantLiveProblem(t, refused, fiber.StatusServiceUnavailable, "draining")
}
