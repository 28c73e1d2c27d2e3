package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"anxin/engine/channel"
)

// FuzzReplay reads what an operator might ask for: a replay that is bounded and names
// what it is about, or a problem of the caller's.
func FuzzReplay(f *testing.F) {
	for _, seed := range []string{
		`{"ids":["c_1"]}`, `{"channel":"sandbox","state":"rejected","limit":5,"accept_stale":true}`, `{"state":"rejected"}`,
		`{"ids":[],"channel":"a"}`, `{"limit":-9223372036854775808}`, `{"since":"2026-01-02T03:04:05Z"}`, `{"accept_stale":1}`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var in replayInput
		err := decodeStrict(body, &in)
		if err == nil {
			r, refused := in.replay("wang")
			if refused == nil && len(r.IDs) == 0 && (r.Select.Channel == "" || r.Select.State == "" || r.Select.Limit < 1 || r.Select.Limit > maxPage) {
				t.Fatalf("%q asks for %+v", body, r)
			}
			err = refused
		}
		if p, ok := errors.AsType[*Problem](err); err != nil && (!ok || p.Status < 400 || p.Status >= 500) {
			t.Fatalf("%v is no problem of the caller's", err)
		}
	})
}

// FuzzRequestView shows requests of any bytes: as JSON that reads back the same, without
// what a secret header held.
func FuzzRequestView(f *testing.F) {
	f.Add("Sandbox-Signature", "0123456789abcdef", "a=1", []byte(`{"a":1}`))
	f.Add("X-\xff", "caf\xe9", "\xff", []byte("\x00\xff"))
	f.Add("Cookie", "session=1234", "", []byte(strings.Repeat("长", maxShown/3+1)))
	f.Fuzz(func(t *testing.T, name, value, query string, body []byte) {
		v := viewOfRequest(channel.Request{Header: http.Header{name: {value}}, Query: query, Body: body})
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var again requestView
		if err := json.Unmarshal(text, &again); err != nil || again.Body != v.Body || again.Query != v.Query {
			t.Fatalf("%+v reads back as %+v, %v", v, again, err)
		}
		if v.Encoding == "text" && !v.Truncated && v.Body != string(body) {
			t.Fatalf("%q is shown as %q", body, v.Body)
		}
		for _, values := range v.Headers {
			if secretHeader(name) && values[0] != mask {
				t.Fatalf("%s shows %q", name, values[0])
			}
		}
	})
}

// FuzzClientAddress sends forged forwarding headers: the address is the peer's own
// unless the peer is trusted, and always one address.
func FuzzClientAddress(f *testing.F) {
	f.Add("10.0.0.1", "1.2.3.4, 10.0.0.2")
	f.Add("10.0.0.1", "::ffff:10.0.0.9,,fe80::1%eth0")
	f.Add("8.8.8.8", "1.2.3.4")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, peer, forwarded string) {
		if _, err := netip.ParseAddr(peer); err != nil {
			return // comes from the socket
		}
		got := clientAddress(peer, forwarded, trusted)
		if _, err := netip.ParseAddr(got); err != nil {
			t.Fatalf("%q", got)
		}
		if !isTrusted(peer, trusted) && got != peer {
			t.Fatalf("%s passes itself off as %s", peer, got)
		}
	})
}
