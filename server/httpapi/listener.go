package httpapi

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
)

// Entrance bounds the connections that are no live ones: each holds a file of the process,
// and who takes all of them would stop it from opening its own; and what is read of their
// requests stays in memory until they are answered.
type Entrance struct {
	// Most bounds all of them, MostOf those of one IPv4 address or IPv6 /64. 0 = no bound.
	Most, MostOf int
	// Trusted are proxies, for whose clients MostOf does not hold, nor for this machine's own.
	Trusted []netip.Prefix
	// MaxBytes bounds the bytes of large requests that are being read or worked on; one that
	// would exceed it is cut off. 0 = no bound.
	MaxBytes int64
	Log      logrus.FieldLogger
}

// smallRequest is from how many bytes on a request counts as large: few callbacks have more,
// and as many connections as there may be can have so much.
const smallRequest = 16 << 10

var errBytes = errors.New("as much is being read as there is memory for")

// Lending returns a listener whose connections a handler of this package may take out of
// fasthttp's hands. The app must listen on one. It survives that the process may open no
// more files for a while, on which fasthttp would end.
//
// fasthttp would leave hijacked connections open by itself (KeepHijackedConns), but then
// leaves them its read buffer too, as large as the largest header, which is half of the
// memory that a connection costs while it is being made.
func Lending(l net.Listener, e Entrance) net.Listener {
	return &lender{Listener: l, Entrance: e, of: make(map[string]int)}
}

type lender struct {
	net.Listener
	Entrance

	bytes atomic.Int64 // of large requests

	mu    sync.Mutex // guards what follows
	total int
	of    map[string]int // by address
	told  time.Time      // the log
	since int            // refused
}

const (
	shortestPause = 5 * time.Millisecond
	longestPause  = time.Second
	// tellEvery is how often the log is told of what is refused.
	tellEvery = time.Minute
)

// Accept waits for a connection.
func (l *lender) Accept() (net.Conn, error) {
	pause := shortestPause
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			if !passing(err) {
				return nil, err
			}
			l.tell(err)
			<-time.After(pause)
			pause = min(2*pause, longestPause)
			continue
		}
		pause = shortestPause
		lent := &lentConn{Conn: conn, from: l.addressOf(conn), lender: l}
		refusal := l.enter(lent)
		if refusal == nil {
			return lent, nil
		}
		l.tell(refusal)
		refuse(conn, refusal)
	}
}

// passing reports whether accepting may work again later.
func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// tell logs why connections are not taken, now and then.
func (l *lender) tell(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since++
	if l.Log == nil || time.Since(l.told) < tellEvery {
		return
	}
	l.Log.WithError(why).WithField("connections", l.since).Warn("connections are refused")
	l.told, l.since = time.Now(), 0
}

// addressOf returns what MostOf counts, "" = it does not hold.
func (l *lender) addressOf(conn net.Conn) string {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	ip := tcp.AddrPort().Addr().Unmap()
	if ip.IsLoopback() || slices.ContainsFunc(l.Trusted, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return ""
	}
	return blockOf(ip)
}

// enter lets a connection in, or returns the refusal for it.
func (l *lender) enter(c *lentConn) *Problem {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.Most > 0 && l.total >= l.Most:
		return problem(http.StatusServiceUnavailable, "connections", "this node has as many connections as it may").retry(busyRetry)
	case l.MostOf > 0 && c.from != "" && l.of[c.from] >= l.MostOf:
		return problem(http.StatusTooManyRequests, "connections_per_address", "this address has as many connections as it may").retry(busyRetry)
	}
	l.total++
	l.of[c.from]++
	return nil
}

// leave reports whether the connection had not left before.
func (l *lender) leave(c *lentConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.left {
		return false
	}
	c.left = true
	l.total--
	if l.of[c.from]--; l.of[c.from] == 0 {
		delete(l.of, c.from)
	}
	return true
}

// refuse answers a request that nobody reads. So few bytes wait for no client.
func refuse(conn net.Conn, p *Problem) {
	body, _ := json.Marshal(p) // it has texts and a number
	w := hijackWriter{conn: conn, status: p.Status, header: http.Header{
		"Content-Type": {problemType}, "Retry-After": {retryAfter(p.retryAfter)}, "Cache-Control": {noStore},
	}}
	_, _ = w.Write(body)
	w.finish()
}

// lentConn is a connection until it is taken; then closing it and setting its deadlines
// does nothing.
type lentConn struct {
	net.Conn
	lender *lender
	from   string       // an address that is counted
	left   bool         // the lender; guarded by its mu
	read   atomic.Int64 // bytes since the last answer; those of a large request are counted
	taken  bool         // set by a handler, whose return fasthttp waits for
}

// Read is cut off where there is no room for a large request.
func (c *lentConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	read, more := c.read.Add(int64(n)), int64(n)
	if read <= smallRequest || more == 0 || c.lender.MaxBytes == 0 {
		return n, err
	}
	if read-more <= smallRequest {
		more = read // it has just become a large one
	}
	if c.lender.bytes.Add(more) > c.lender.MaxBytes {
		c.lender.tell(errBytes)
		return 0, errBytes // for which the connection is closed, and counted until then
	}
	return n, err
}

// Write answers a request, whose bytes are not held any more.
func (c *lentConn) Write(b []byte) (int, error) {
	c.forget()
	return c.Conn.Write(b)
}

func (c *lentConn) forget() {
	if read := c.read.Swap(0); read > smallRequest && c.lender.MaxBytes > 0 {
		c.lender.bytes.Add(-read)
	}
}

// take makes the connection one of the hub, which counts those itself.
func (c *lentConn) take() net.Conn {
	c.taken = true
	c.forget()
	c.lender.leave(c)
	return c.Conn
}

// Close is what fasthttp does when a hijacking handler has returned.
func (c *lentConn) Close() error {
	if c.taken {
		return nil
	}
	if c.lender.leave(c) {
		c.forget()
	}
	return c.Conn.Close()
}

// SetDeadline, like the two below, is what fasthttp does after a handler.
func (c *lentConn) SetDeadline(t time.Time) error {
	if c.taken {
		return nil
	}
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline: see SetDeadline.
func (c *lentConn) SetReadDeadline(t time.Time) error {
	if c.taken {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline: see SetDeadline.
func (c *lentConn) SetWriteDeadline(t time.Time) error {
	if c.taken {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}
