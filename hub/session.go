package hub

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

// session is one WebSocket, or one event stream (see sse.go), which is the same
// but for its wire. One goroutine reads it for its whole life. Whoever has
// something for it writes, one at a time and as far as the socket takes it at
// once; only then a goroutine waits for the client. Gorilla does the handshake
// and the reading; what is written are whole frames encoded by this package,
// many of them in one call, so that watchers share encodings and an idle
// connection holds no write buffer.
type session struct {
	hub  *Hub
	wire wire
	conn *websocket.Conn // nil for an event stream
	in   *bufio.Reader   // of raw, for conn
	raw  net.Conn        // under conn
	sys  syscall.RawConn // of raw, for writes that do not wait; may be nil
	from netip.Prefix

	// socket is what gorilla has in place of raw.
	socket socket

	// heard is when the client last sent anything, in Unix milliseconds.
	heard atomic.Int64
	seat  seat // guarded by the wheel

	// These belong to the reading goroutine, and to whoever handles a frame while
	// that one waits.
	bucket     bucket
	strikes    int
	subscribed bool
	handling   sync.WaitGroup

	flushers sync.WaitGroup

	mu   sync.Mutex // guards what follows
	subs []*subscription
	out  outbox
	// flushing says that somebody writes, waits that it may wait for the client.
	flushing, waits bool
	// ended says that nothing may be written any more.
	ended bool
	// closing is the code that this side closes with, or 0.
	closing CloseCode
}

// newSession returns the session of a WebSocket that is still to be upgraded; see socket.
func newSession(h *Hub, from netip.Prefix) *session {
	s := &session{hub: h, wire: socketWire{}, from: from}
	s.bucket = newBucket(h.cfg.Limits)
	s.heard.Store(time.Now().UnixMilli())
	return s
}

// attach follows the upgrade: from now on the session's frames go out by itself only.
func (s *session) attach(conn *websocket.Conn) {
	s.conn = conn
	s.socket.session = s
	s.in.Reset(s.raw) // gorilla has put the socket between
	s.sys = system(s.raw)
	conn.SetReadLimit(MaxFrame)
	conn.SetPingHandler(s.pinged)
	conn.SetPongHandler(s.ponged)
}

// shut ends the connection with a code, after what already waits to be written.
// It does not block. The first code stays.
func (s *session) shut(code CloseCode) {
	s.mu.Lock()
	if s.closing == 0 && !s.ended {
		s.closing = code
		if last := s.wire.farewell(code); last != nil {
			s.out.final = last
		}
		s.hurry()
	}
	claimed := s.claim()
	s.mu.Unlock()
	if claimed {
		s.flush()
	}
}

// hurry leaves a write that waits for the client little time. The session is locked.
func (s *session) hurry() {
	if s.waits {
		s.writeWithin(closeTimeout)
	}
}

// answeredByGorilla names the codes that gorilla closes with while it reads.
func answeredByGorilla(code CloseCode) bool {
	return code == CloseMalformed || code == CloseTooBig
}

// end follows the reader's last read: it takes the session out of the hub,
// lets the close frame out and closes the socket.
func (s *session) end(code CloseCode) {
	s.hub.wheel.remove(s)
	s.leaveAll()
	if code != 0 {
		s.shut(code)
	}
	s.mu.Lock()
	s.ended = true
	closing := s.closing
	s.hurry()
	s.mu.Unlock()
	s.flushers.Wait()
	if closing != 0 {
		s.linger()
		s.hub.count.closed(closing)
	} else {
		s.hub.count.peerCloses.Add(1)
	}
	s.close()
	s.hub.door.leave(s.from)
}

// linger gives the client a moment to read the close frame: closing a socket
// with unread bytes resets it, and the client may never see the code.
func (s *session) linger() {
	if c, ok := s.raw.(interface{ CloseWrite() error }); ok && c.CloseWrite() != nil {
		return
	}
	s.readWithin(closeTimeout)
	if _, err := io.Copy(io.Discard, s.raw); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.hub.log.WithError(err).Debug("hub: client reset while closing")
	}
}

func (s *session) close() {
	if err := s.raw.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		s.hub.log.WithError(err).Debug("hub: close socket")
	}
}

// readWithin and writeWithin set the socket's deadlines. A socket refuses that
// only when it is closed, which the next read or write tells better.
func (s *session) readWithin(d time.Duration) {
	if err := s.raw.SetReadDeadline(time.Now().Add(d)); err != nil {
		s.hub.log.WithError(err).Debug("hub: set read deadline")
	}
}

func (s *session) writeWithin(d time.Duration) {
	if err := s.raw.SetWriteDeadline(time.Now().Add(d)); err != nil {
		s.hub.log.WithError(err).Debug("hub: set write deadline")
	}
}

func (s *session) leaveAll() {
	s.mu.Lock()
	subs := s.subs
	s.subs = nil
	s.mu.Unlock()
	for _, sub := range subs {
		s.leave(sub)
	}
}

func (s *session) leave(sub *subscription) {
	s.hub.topics.leave(&sub.watch)
	s.hub.door.leaveToken(sub.key)
	s.hub.count.subscriptions.Add(-1)
}

// find returns the subscription of a topic or nil. A scan of at most MaxTopics
// entries costs less memory than a map in each of many sessions of one topic.
// The session is locked.
func (s *session) find(topic string) *subscription {
	i := slices.IndexFunc(s.subs, func(sub *subscription) bool { return sub.name == topic })
	if i < 0 {
		return nil
	}
	return s.subs[i]
}
