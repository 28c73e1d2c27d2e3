//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// swarm is the clients of a benchmark: bare sockets behind one epoll, served by one
// goroutine, so that the load takes as little as possible from the server beside it.
type swarm struct {
	b         *testing.B
	addr      netip.AddrPort
	greetings [][]byte
	epoll     int
	conns     []swarmConn
	byFD      map[int32]int

	expected int
	received int
	took     []time.Duration // from publish to here, of timed states
	buffer   []byte
}

type swarmConn struct {
	fd       int
	upgraded bool
	ready    bool
	rest     []byte // of a frame that has not come whole
}

// perAddress keeps each loopback address below the server's default limit of 500.
const perAddress = 400

func newSwarm(b *testing.B, addr string, greetings [][]byte) *swarm {
	b.Helper()
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		b.Fatal(err)
	}
	const most = 64 << 10
	return &swarm{b: b, addr: netip.MustParseAddrPort(addr), greetings: greetings, epoll: epoll, byFD: map[int32]int{}, buffer: make([]byte, most)}
}

// connect opens connections, a few at a time, until n have what they came for: a
// handshake and, with greetings, the answer to the first.
func (s *swarm) connect(n int) {
	s.b.Helper()
	const atOnce = 100
	s.expected, s.received = n, 0
	for s.received < n {
		for len(s.conns) < n && len(s.conns)-s.received < atOnce {
			s.open()
		}
		s.poll()
	}
}

func (s *swarm) open() {
	s.b.Helper()
	i := len(s.conns)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	s.must(err)
	const bindWithoutPort = 24 // IP_BIND_ADDRESS_NO_PORT: the port is chosen for the pair of addresses
	s.must(syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, bindWithoutPort, 1))
	s.must(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(1 + i/perAddress)}}))
	s.must(syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(s.addr.Port()), Addr: s.addr.Addr().As4()}))
	s.must(syscall.SetNonblock(fd, true))
	s.must(syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1))
	s.must(syscall.EpollCtl(s.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}))
	s.conns = append(s.conns, swarmConn{fd: fd})
	s.byFD[int32(fd)] = i
	s.write(fd, fmt.Appendf(nil, "GET /v1/live?n=%d HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", i, s.addr))
}

// joinCrowd makes every client watch the crowd's order too, where there is one.
func (s *swarm) joinCrowd() {
	s.b.Helper()
	if s.greetings == nil {
		return
	}
	s.expect(len(s.conns))
	for i := range s.conns {
		s.write(s.conns[i].fd, s.greetings[2*i+1])
		if i%100 == 0 {
			s.pollNow()
		}
	}
	s.await()
}

// expect begins to count frames and to take their times.
func (s *swarm) expect(n int) {
	s.expected, s.received, s.took = n, 0, s.took[:0]
}

func (s *swarm) await() {
	s.b.Helper()
	for s.received < s.expected {
		s.poll()
	}
}

func (s *swarm) latency(q float64) float64 {
	slices.Sort(s.took)
	return s.took[int(q*float64(len(s.took)-1))].Seconds() * 1000
}

func (s *swarm) hangUp() {
	for _, c := range s.conns {
		_ = syscall.Close(c.fd)
	}
	_ = syscall.Close(s.epoll)
}

func (s *swarm) poll() { s.b.Helper(); s.pollFor(int(patience.Milliseconds())) }

func (s *swarm) pollNow() { s.b.Helper(); s.pollFor(0) }

func (s *swarm) pollFor(ms int) {
	s.b.Helper()
	var events [256]syscall.EpollEvent
	n, err := syscall.EpollWait(s.epoll, events[:], ms)
	if err == syscall.EINTR {
		return
	}
	s.must(err)
	if n == 0 && ms > 0 {
		s.b.Fatalf("%d of %d frames came", s.received, s.expected)
	}
	for _, e := range events[:n] {
		s.read(s.byFD[e.Fd])
	}
}

func (s *swarm) read(i int) {
	s.b.Helper()
	c := &s.conns[i]
	n, err := syscall.Read(c.fd, s.buffer)
	if err == syscall.EAGAIN || err == syscall.EINTR {
		return
	}
	s.must(err)
	if n == 0 {
		s.b.Fatalf("connection %d was closed", i)
	}
	now := time.Now()
	b := s.buffer[:n]
	if len(c.rest) > 0 {
		b = append(c.rest, b...)
	}
	if !c.upgraded {
		b = s.upgrade(i, b)
	}
	for {
		opcode, payload, rest := cutFrame(b)
		if payload == nil {
			break
		}
		b = rest
		s.take(c, opcode, payload, now)
	}
	c.rest = append([]byte(nil), b...)
}

func (s *swarm) upgrade(i int, b []byte) []byte {
	s.b.Helper()
	c := &s.conns[i]
	head, rest, whole := bytes.Cut(b, []byte("\r\n\r\n"))
	if !whole {
		return b
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		s.b.Fatalf("handshake of %d: %s", i, head)
	}
	c.upgraded = true
	if s.greetings == nil {
		c.ready = true
		s.received++
	} else {
		s.write(c.fd, s.greetings[2*i])
	}
	return rest
}

// take counts a text frame and answers a ping.
func (s *swarm) take(c *swarmConn, opcode byte, payload []byte, now time.Time) {
	s.b.Helper()
	switch opcode {
	case 0x1:
	case 0x9:
		s.write(c.fd, []byte{0x8a, 0x80, 0, 0, 0, 0})
		return
	default:
		s.b.Fatalf("frame of kind %d", opcode)
	}
	s.received++
	if bytes.HasPrefix(payload, []byte(`{"type":"error"`)) {
		s.b.Fatalf("refused: %s", payload)
	}
	if _, rest, ok := bytes.Cut(payload, []byte(`"data":{"t":`)); ok {
		digits, _, _ := bytes.Cut(rest, []byte(","))
		at, err := strconv.ParseInt(string(digits), 10, 64)
		s.must(err)
		s.took = append(s.took, now.Sub(time.Unix(0, at)))
	}
}

// cutFrame returns the first whole frame of a server, of up to 64 KiB, or a nil payload.
func cutFrame(b []byte) (opcode byte, payload, rest []byte) {
	if len(b) < 2 {
		return 0, nil, b
	}
	head, size := 2, int(b[1])
	switch size {
	case 126:
		if head = 4; len(b) < head {
			return 0, nil, b
		}
		size = int(b[2])<<8 | int(b[3])
	}
	if len(b) < head+size {
		return 0, nil, b
	}
	return b[0] & 0xf, b[head : head+size : head+size], b[head+size:]
}

// clientFrame masks a text with zeros, which leaves it as it is.
func clientFrame(text string) []byte {
	n := len(text)
	head := []byte{0x81, 0x80 | byte(n), 0, 0, 0, 0}
	if n >= 126 {
		head = []byte{0x81, 0x80 | 126, byte(n >> 8), byte(n), 0, 0, 0, 0}
	}
	return append(head, text...)
}

func (s *swarm) write(fd int, b []byte) {
	s.b.Helper()
	if n, err := syscall.Write(fd, b); err != nil || n < len(b) {
		s.b.Fatalf("write: %d of %d bytes, %v", n, len(b), err)
	}
}

func (s *swarm) must(err error) {
	s.b.Helper()
	if err != nil {
		s.b.Fatal(err)
	}
}
