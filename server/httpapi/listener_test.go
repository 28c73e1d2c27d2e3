package httpapi

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
)

// queue is a listener whose connections and errors a test decides on.
type queue chan any

func (q queue) Accept() (net.Conn, error) {
	next, ok := <-q
	if !ok {
		return nil, net.ErrClosed
	}
	if err, ok := next.(error); ok {
		return nil, err
	}
	return next.(net.Conn), nil //nolint:forcetypeassert // it is one or the other
}

func (q queue) Close() error { return nil }

func (q queue) Addr() net.Addr { return &net.TCPAddr{} }

// remote is the server's end of a connection from an address.
type remote struct {
	net.Conn
	from netip.Addr
}

func (c remote) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.from, 4711))
}

// call queues a connection and returns the client's end.
func (q queue) call(address string) net.Conn {
	client, server := net.Pipe()
	q <- remote{server, netip.MustParseAddr(address)}
	return client
}

func TestTheListenerSurvivesThatFilesRunOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := make(queue, 4)
		l := Lending(q, Entrance{})
		for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE} {
			q <- &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", errno)}
		}
		client := q.call("192.0.2.1")
		defer func() { _ = client.Close() }()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		close(q)
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("a closed listener says %v", err)
		}
	})
}

// TestConnectionsAreBounded lets callers in one after the other. Who is too many is told so.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	q := make(queue, 1)
	l := Lending(q, Entrance{Most: 5, MostOf: 2, Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	accepted := make(chan *lentConn)
	go func() {
		defer close(accepted)
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			accepted <- conn.(*lentConn) //nolint:forcetypeassert // that is what it lends
		}
	}()
	enters := func(address string) *lentConn {
		t.Helper()
		client := q.call(address)
		t.Cleanup(func() { _ = client.Close() })
		c := <-accepted
		t.Cleanup(func() { _ = c.Conn.Close() })
		return c
	}
	refused := func(address string, status int, code string) {
		t.Helper()
		client := q.call(address)
		defer func() { _ = client.Close() }()
		resp, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		defer resp.Body.Close()
		var p Problem
		if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || resp.StatusCode != status || p.Code != code ||
			resp.Header.Get("Content-Type") != problemType || resp.Header.Get("Retry-After") == "" {
			t.Fatalf("%s: %d %v %+v %v", address, resp.StatusCode, resp.Header, p, err)
		}
	}
	first, second := enters("2001:db8::1"), enters("2001:db8::2")
	refused("2001:db8::3", http.StatusTooManyRequests, "connections_per_address")
	if err := errors.Join(first.Close(), first.Close()); err != nil { // twice counts once
		t.Fatal(err)
	}
	third := enters("2001:db8::3")
	refused("2001:db8::4", http.StatusTooManyRequests, "connections_per_address")
	if third.take() == nil || third.Close() != nil { // a live one is counted elsewhere
		t.Fatal("a connection is not lent")
	}
	enters("2001:db8::4")
	for _, address := range []string{"10.0.0.1", "10.0.0.1", "10.0.0.1"} { // a proxy has many behind it
		enters(address)
	}
	refused("127.0.0.1", http.StatusServiceUnavailable, "connections")
	_ = second.Close()
	enters("127.0.0.1")
	close(q)
	if _, ok := <-accepted; ok {
		t.Fatal("one more was let in")
	}
	if got := l.(*lender); got.total != 5 || len(got.of) != 2 { //nolint:forcetypeassert // it is one
		t.Errorf("%d are counted, of %v", got.total, got.of)
	}
}

// TestLargeRequestsAreBounded has two clients send: what is read of their requests counts
// until it is answered, once it is more than a small request has.
func TestLargeRequestsAreBounded(t *testing.T) {
	t.Parallel()
	q := make(queue, 1)
	l := Lending(q, Entrance{MaxBytes: 40 << 10}).(*lender) //nolint:forcetypeassert // it is one
	enter := func() (client, server net.Conn) {
		t.Helper()
		client = q.call("192.0.2.1")
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close(); _ = server.Close() })
		return client, server
	}
	send := func(client, server net.Conn, size int) error {
		t.Helper()
		go func() { _, _ = client.Write(make([]byte, size)) }()
		_, err := io.ReadFull(server, make([]byte, size))
		return err
	}
	holds := func(want int64) {
		t.Helper()
		if got := l.bytes.Load(); got != want {
			t.Errorf("%d bytes are counted, want %d", got, want)
		}
	}
	oneEnd, one := enter()
	otherEnd, other := enter()
	if err := errors.Join(send(oneEnd, one, 30<<10), send(otherEnd, other, 15<<10)); err != nil {
		t.Fatal(err)
	}
	holds(30 << 10)
	if err := send(otherEnd, other, 5<<10); !errors.Is(err, errBytes) {
		t.Errorf("what there is no room for ends with %v", err)
	}
	_ = other.Close()
	holds(30 << 10)
	go func() { _, _ = io.Copy(io.Discard, oneEnd) }()
	if _, err := one.Write([]byte("HTTP/1.1 200 OK\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	holds(0)
	thirdEnd, third := enter()
	if err := send(thirdEnd, third, 40<<10); err != nil {
		t.Fatal(err)
	}
	holds(40 << 10)
	if third.(*lentConn).take() == nil { //nolint:forcetypeassert // that is what it lends
		t.Fatal("a connection is not lent")
	}
	holds(0)
}
