package hub

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"
)

// socket stands between gorilla and the connection. Gorilla writes the handshake and,
// while it reads, the answer to a close frame or to what is no frame. That answer goes
// out by the session's own writing: two writers would mix up their frames, and gorilla
// would wait for a client with the socket locked, and publishers with it.
type socket struct {
	net.Conn
	session *session // nil during the handshake
}

// Write sends bytes of the handshake; later it takes a close frame.
func (c *socket) Write(b []byte) (int, error) {
	if c.session == nil {
		return c.Conn.Write(b)
	}
	c.session.answerClose(slices.Clone(b))
	return len(b), nil
}

// SetWriteDeadline would get in the way of the session's.
func (c *socket) SetWriteDeadline(t time.Time) error {
	if c.session == nil {
		return c.Conn.SetWriteDeadline(t)
	}
	return nil
}

// answerClose queues gorilla's close frame, unless this side has closed already.
func (s *session) answerClose(frame []byte) {
	s.mu.Lock()
	if s.closing == 0 && s.out.final == nil {
		s.out.final = frame
	}
	claimed := s.claim()
	s.mu.Unlock()
	if claimed {
		s.flush()
	}
}

// readAhead is the buffer of each connection for reading: a subscribe with its token
// mostly fits, and gorilla takes over none that has 256 bytes or less.
const readAhead = 288

// upgrading hands the session's socket to gorilla.
type upgrading struct {
	http.ResponseWriter
	session *session
	scratch *bufio.Writer // for the answer only
}

var _ http.Hijacker = (*upgrading)(nil)

// Hijack takes the connection over for the session.
func (u *upgrading) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	hijacker, ok := u.ResponseWriter.(http.Hijacker)
	if !ok {
		return nil, nil, errors.New("hub: the response cannot be hijacked")
	}
	conn, buffers, err := hijacker.Hijack()
	if err != nil {
		return nil, nil, err
	}
	s := u.session
	s.raw, s.socket.Conn = conn, conn
	if buffers.Reader.Buffered() > 0 { // gorilla refuses a client that spoke too early
		return &s.socket, buffers, nil
	}
	s.in = bufio.NewReaderSize(conn, readAhead)
	return &s.socket, &bufio.ReadWriter{Reader: s.in, Writer: u.scratch}, nil
}
