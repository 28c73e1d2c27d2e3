package hub_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anxin/hub"
)

// Each test here lets one client or many do their worst, and holds what an honest one
// beside them is given.

// honest watches a topic and is given each new state of it.
type honest struct {
	*peer
	n   *node
	seq int64
}

func (n *node) honest(t *testing.T) *honest {
	t.Helper()
	n.truth.set("order:honest", 1)
	p := n.dial(t)
	p.subscribe("order:honest", 0)
	p.expect("snapshot", "order:honest", 1)
	return &honest{p, n, 1}
}

func (h *honest) served() {
	h.t.Helper()
	h.seq++
	h.n.store("order:honest", h.seq)
	h.expect("update", "order:honest", h.seq)
}

// countingSource counts the reads that go on at once.
type countingSource struct {
	*truth
	now, most atomic.Int64
}

func (s *countingSource) Snapshot(ctx context.Context, topic string) (hub.Message, error) {
	now := s.now.Add(1)
	defer s.now.Add(-1)
	for most := s.most.Load(); now > most && !s.most.CompareAndSwap(most, now); most = s.most.Load() {
	}
	return s.truth.Snapshot(ctx, topic)
}

func TestFloodOfSubscribesHarmsNobodyElse(t *testing.T) {
	t.Parallel()
	source := &countingSource{truth: newTruth()}
	n := setup(t, func(c *hub.Config, d *hub.Deps) { d.Source, c.Limits.MaxTopics = source, 50 })
	n.truth = source.truth
	h := n.honest(t)
	const attackers, topics = 30, 400
	for i := range topics {
		source.set(fmt.Sprint("order:", i), 1)
	}
	var frames bytes.Buffer
	for i := range topics { // all in one write
		writeMasked(&frames, fmt.Sprintf(`{"type":"subscribe","topic":"order:%d","token":"good"}`, i))
	}
	for range attackers {
		p := n.dial(t)
		if _, err := p.NetConn().Write(frames.Bytes()); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, p.NetConn()) }()
		h.served()
	}
	eventually(t, "the attackers are closed", func() bool { return n.Stats().Closes[hub.CloseProtocol] == attackers })
	h.served()
	late := n.dial(t)
	late.subscribe("order:honest", 0)
	late.expect("snapshot", "order:honest", h.seq)
	if most := source.most.Load(); most > 20 {
		t.Errorf("%d reads went on at once", most)
	}
	eventually(t, "nothing is left of them", func() bool { return n.Stats().Subscriptions == 2 && n.Stats().Topics == 1 })
}

// writeMasked writes a client's text frame of up to 125 bytes, masked with zeros.
func writeMasked(b *bytes.Buffer, text string) {
	b.Write([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0})
	b.WriteString(text)
}

// hole is a connection through a peer that swallows everything from some time on, and
// hangs up on nobody: what a server sees of a phone that lost its network.
type hole struct {
	net.Conn
	lost atomic.Bool
}

// dialThroughHole connects a client over a relay that the hole is in.
func (n *node) dialThroughHole(t *testing.T) (*peer, *hole) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	up, err := net.Dial("tcp", strings.TrimPrefix(n.url, "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	if err := up.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	h := &hole{Conn: up}
	accepted := make(chan net.Conn, 1)
	go func() {
		down, err := listener.Accept()
		if err == nil {
			accepted <- down
			go h.relay(up, down)
			h.relay(down, up)
		}
	}()
	dialer := websocket.Dialer{}
	conn, response, err := dialer.Dial("ws://"+listener.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	t.Cleanup(func() {
		_ = conn.Close()
		_ = up.Close()
		_ = (<-accepted).Close()
		_ = listener.Close()
	})
	return &peer{conn, t}, h
}

// relay copies until the network is lost; then it takes no bytes any more.
func (h *hole) relay(to io.Writer, from io.Reader) {
	b := make([]byte, 1024)
	for !h.lost.Load() {
		n, err := from.Read(b)
		if err != nil || h.lost.Load() {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

func TestHalfOpenConnectionIsFoundAndHarmsNobodyElse(t *testing.T) {
	t.Parallel()
	n := setup(t)
	h := n.honest(t)
	gone, network := n.dialThroughHole(t)
	gone.subscribe("order:honest", 0)
	gone.expect("snapshot", "order:honest", h.seq)
	network.lost.Store(true)
	for range 50 {
		h.served()
	}
	n.BeatAt(time.Now().Add(time.Minute)) // less than two and a half periods of 25 s
	h.expectQuiet()
	if got := n.Stats().Connections; got != 2 {
		t.Fatalf("%d connections", got)
	}
	n.BeatAt(time.Now().Add(70 * time.Second)) // the honest client was silent as long
	eventually(t, "it is closed as dead", func() bool { return n.Stats().Closes[hub.CloseDead] == 2 })
	eventually(t, "it is gone", func() bool { return n.Stats().Connections == 0 })
	n.honest(t).served()
}

func TestClientThatNeverReadsHoldsUpNoPublisher(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.WriteTimeout = time.Hour })
	h := n.honest(t)
	n.truth.set("order:bulk", 1)
	const stalled = 20
	for range stalled {
		n.stalled(t, "order:bulk")
	}
	for seq := int64(2); n.Stats().Conflations < 10*stalled; seq++ { // all their sockets are full
		n.Publish(bulky("order:bulk", seq))
		h.served()
	}
	h.served()
	stopped := make(chan struct{})
	go func() { n.stop(); close(stopped) }() // nor the end of the hub, an hour before their timeout
	h.expectClose(hub.CloseGoingAway)
	<-stopped
}
