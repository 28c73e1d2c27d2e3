package webhook_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"anxin/engine/webhook"
)

// nameServer answers questions for A records over UDP (RFC 1035), each with the next of
// its answers, and all others with none.
type nameServer struct {
	conn    net.PacketConn
	mu      sync.Mutex // guards what follows
	answers [][]netip.Addr
	asked   int
}

func serveNames(t *testing.T, answers ...[]netip.Addr) *nameServer {
	t.Helper()
	conn, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{conn: conn, answers: answers}
	ended := make(chan struct{})
	go func() { defer close(ended); s.run() }()
	t.Cleanup(func() { _ = conn.Close(); <-ended })
	return s
}

func (s *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
}

func (s *nameServer) run() {
	for {
		packet := make([]byte, 512)
		n, from, err := s.conn.ReadFrom(packet)
		if err != nil {
			return
		}
		_, _ = s.conn.WriteTo(s.answer(packet[:n]), from)
	}
}

// answer repeats the question and adds the addresses.
func (s *nameServer) answer(query []byte) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5 // the root label, type and class
	var addresses []netip.Addr
	if binary.BigEndian.Uint16(query[end-4:]) == 1 {
		addresses = s.next()
	}
	reply := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, byte(len(addresses)), 0, 0, 0, 0}, query[12:end]...)
	for _, ip := range addresses {
		reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4) // the same name, A, IN, TTL 0
		reply = append(reply, ip.AsSlice()...)
	}
	return reply
}

func (s *nameServer) next() []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return s.answers[min(s.asked, len(s.answers))-1]
}

func (s *nameServer) questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// A name of an attacker's zone answers with another address each time it is asked. What
// is checked must be what is dialled, with no second question in between.
func TestSenderChecksTheAddressThatItDials(t *testing.T) {
	t.Parallel()
	loopback, unrouted := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.1")
	for name, answers := range map[string][][]netip.Addr{
		"a private address":        {{loopback}},
		"private among others":     {{unrouted, loopback}},
		"private at every other":   {{unrouted}, {loopback}, {unrouted}, {loopback}},
		"metadata of the provider": {{netip.MustParseAddr("169.254.169.254")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var reached atomic.Bool
			local := serve(t, func(http.ResponseWriter, *http.Request) { reached.Store(true) })
			names := serveNames(t, answers...)
			s := sender(t, "http://rebinding.example:"+portOf(t, local)+"/hook", false)
			s.Resolve(names.resolver())
			for n := range 4 {
				if got := refusal(t, s).Code; got != "address_refused" {
					t.Errorf("code %s", got)
				}
				if got := names.questions(); got != n+1 {
					t.Errorf("%d questions for %d webhooks: one could be checked and another dialled", got, n+1)
				}
			}
			if reached.Load() {
				t.Error("a webhook reached a private address")
			}
		})
	}
}

// A connection that is open goes on to where it was checked to, whatever the name says.
func TestSenderStaysWhereItConnected(t *testing.T) {
	t.Parallel()
	var received atomic.Int64
	local := serve(t, func(http.ResponseWriter, *http.Request) { received.Add(1) })
	names := serveNames(t, []netip.Addr{netip.MustParseAddr("127.0.0.1")}, []netip.Addr{netip.MustParseAddr("127.8.8.8")})
	s := sender(t, "http://shop.example:"+portOf(t, local)+"/hook", true)
	s.Resolve(names.resolver())
	for range 3 {
		if _, err := s.Send(t.Context(), "shop", message); err != nil {
			t.Fatal(err)
		}
	}
	if received.Load() != 3 || names.questions() != 1 {
		t.Errorf("%d received after %d questions", received.Load(), names.questions())
	}
}

// The proxy of the environment is meant for people's browsers: through it the address
// check would see the proxy's address, and the proxy every result.
//
//nolint:paralleltest // sets the environment
func TestSenderIgnoresProxiesOfTheEnvironment(t *testing.T) {
	var proxied atomic.Bool
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { proxied.Store(true) })
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy)
	}
	t.Setenv("NO_PROXY", "")
	var received atomic.Bool
	local := serve(t, func(http.ResponseWriter, *http.Request) { received.Store(true) })
	address := "http://shop.example:" + portOf(t, local) + "/hook"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if u, err := http.ProxyFromEnvironment(req); err != nil || u == nil {
		t.Fatalf("the environment names no proxy for this address: %v, %v", u, err)
	}
	s := sender(t, address, true)
	s.Resolve(serveNames(t, []netip.Addr{netip.MustParseAddr("127.0.0.1")}).resolver())
	if _, err := s.Send(t.Context(), "shop", message); err != nil {
		t.Fatal(err)
	}
	if proxied.Load() || !received.Load() {
		t.Errorf("through the proxy: %v, at the backend: %v", proxied.Load(), received.Load())
	}
}

func TestSenderRefusesZones(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"[fe80::1%25lo]", "[::1%25lo]", "[2606:4700:4700::1111%25lo]", "[::ffff:127.0.0.1%25lo]"} {
		s, err := webhook.NewSender(map[string]webhook.Endpoint{
			"shop": {URL: "http://" + host + ":9/hook", Secrets: []webhook.Secret{secret(t, 'a')}},
		})
		if err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		if got := refusal(t, s).Code; got != "address_refused" {
			t.Errorf("%s: code %s", host, got)
		}
		s.Close()
	}
}
