//go:build unix

package httpapi

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"anxin/hub"
)

// BenchmarkIdleConnections reports what one subscribed, idle connection costs
// the whole process: B/conn in Go's heap and stacks after a collection, and
// where /proc tells it, rss-B/conn of resident memory. The clients are bare
// file descriptors of the same process, which cost no Go memory. Kernel
// buffers are in neither figure.
func BenchmarkIdleConnections(b *testing.B) {
	const connections = 5000 // twice as many descriptors
	for range b.N {
		n := startLive(b, hub.Limits{MaxPerIP: -1})
		connectIdle(b, n.addr, 0, 200).hangUp() // warm up the pools and the runtime
		before := measure()
		clients := connectIdle(b, n.addr, 200, connections)
		if got := n.Stats().Subscriptions; got < connections {
			b.Fatalf("%d subscriptions", got)
		}
		after := measure()
		b.ReportMetric(float64(after.goBytes-before.goBytes)/connections, "B/conn")
		b.ReportMetric(float64(after.stacks-before.stacks)/connections, "stack-B/conn")
		if before.resident > 0 {
			b.ReportMetric(float64(after.resident-before.resident)/connections, "rss-B/conn")
		}
		clients.hangUp()
	}
}

type memory struct{ goBytes, stacks, resident int64 }

func measure() memory {
	for range 3 {
		runtime.GC() // stacks shrink by half in each
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return memory{
		goBytes:  int64(m.HeapInuse + m.StackInuse),
		stacks:   int64(m.StackInuse),
		resident: residentBytes(),
	}
}

func residentBytes() int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(statm))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// idleClients are sockets that only the kernel knows.
type idleClients []int

func connectIdle(b *testing.B, addr string, first, count int) idleClients {
	b.Helper()
	clients := make(idleClients, 0, count)
	buffer := make([]byte, 4096)
	for i := range count {
		fd, err := connectOne(netip.MustParseAddrPort(addr), first+i, buffer)
		if err != nil {
			b.Fatalf("connection %d: %v", i, err)
		}
		clients = append(clients, fd)
	}
	return clients
}

func (c idleClients) hangUp() {
	for _, fd := range c {
		_ = syscall.Close(fd)
	}
}

func connectOne(addr netip.AddrPort, number int, buffer []byte) (fd int, err error) {
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return 0, err
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}); err != nil {
		return 0, err
	}
	handshake := "GET /v1/live HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if err := converse(fd, []byte(handshake), "\r\n\r\n", buffer); err != nil {
		return 0, err
	}
	text := fmt.Sprintf(`{"type":"subscribe","topic":"order:%d"}`, number)
	frame := append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...) // masked with zeros
	return fd, converse(fd, frame, "}}", buffer)
}

// converse sends and reads until the answer ends as expected.
func converse(fd int, send []byte, until string, buffer []byte) error {
	if _, err := syscall.Write(fd, send); err != nil {
		return err
	}
	for n := 0; !bytes.HasSuffix(buffer[:n], []byte(until)); {
		got, err := syscall.Read(fd, buffer[n:])
		if err != nil {
			return err
		}
		if got == 0 {
			return fmt.Errorf("closed after %q", buffer[:n])
		}
		n += got
	}
	return nil
}
