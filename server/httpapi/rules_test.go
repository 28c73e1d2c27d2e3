package httpapi

import (
	"net/netip"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

func TestTheClientIsTheFirstAddressThatNoTrustedProxyNamed(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for _, c := range []struct{ name, peer, forwarded, want string }{
		{"no proxy", "203.0.113.1", "", "203.0.113.1"},
		{"a stranger's claim", "203.0.113.1", "198.51.100.1", "203.0.113.1"},
		{"one proxy", "10.0.0.1", "198.51.100.1", "198.51.100.1"},
		{"a claim before the proxy's word", "10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"},
		{"two proxies", "10.0.0.1", "1.2.3.4, 198.51.100.1, 10.9.9.9", "198.51.100.1"},
		{"only proxies", "10.0.0.1", "10.0.0.2", "10.0.0.2"},
		{"nonsense", "10.0.0.1", "unknown", "10.0.0.1"},
		{"nonsense behind a proxy", "10.0.0.1", "x, 10.0.0.3", "10.0.0.3"},
		{"mapped address", "::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"},
		{"IPv6", "2001:db8::1", "2001:db9::7", "2001:db9::7"},
	} {
		if got := clientAddress(c.peer, c.forwarded, trusted); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestALimiterGivesTheBurstThenTheRate(t *testing.T) {
	t.Parallel()
	l := newLimiter(rate{perSecond: 2, burst: 3})
	now := time.Unix(1000, 0)
	for i := range 3 {
		if wait := l.take("a", now); wait != 0 {
			t.Fatalf("request %d of the burst waits %v", i, wait)
		}
	}
	if wait := l.take("a", now); wait != 500*time.Millisecond {
		t.Errorf("beyond the burst one waits %v", wait)
	}
	if wait := l.take("b", now); wait != 0 {
		t.Errorf("another address waits %v", wait)
	}
	now = now.Add(500 * time.Millisecond)
	if wait := l.take("a", now); wait != 0 {
		t.Errorf("after the wait it waits %v", wait)
	}
	if wait := l.take("a", now.Add(-time.Hour)); wait == 0 {
		t.Error("a clock that goes back gives tokens")
	}
}

func TestALimiterForgetsInsteadOfGrowing(t *testing.T) {
	t.Parallel()
	l := newLimiter(rate{perSecond: 1, burst: 1})
	for i := range maxBuckets + 10 {
		l.take(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String(), time.Unix(1000, 0))
	}
	if n := len(l.buckets); n > maxBuckets {
		t.Errorf("%d buckets", n)
	}
}

func TestOneSubscriberIsOneAddressBlock(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"203.0.113.1": "203.0.113.1", "::ffff:203.0.113.1": "203.0.113.1",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "": "", "x": "",
	} {
		if got := addressBlock(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestLinksLeadToPagesOnly(t *testing.T) {
	t.Parallel()
	for link, want := range map[string]bool{
		"https://shop.example/o/1?a=b#c": true, "http://127.0.0.1:8080/x": true, "/orders/1": true, "/": true, "/a//b": true,
		"HTTPS://shop.example": true, "//evil.example": false, `/\evil.example`: false, `\\evil`: false,
		"javascript:alert(1)": false, "JaVaScript:alert(1)": false, "data:text/html,x": false, "mailto:a@b.c": false,
		"https:shop.example": false, "https:///x": false, "https://:80": false, "ftp://x": false, "orders/1": false, "?a": false, "#a": false,
		"https://x.example/\n": false, "java\tscript:x": false, "https://u:p@x.example": false, "https://u@x.example": false,
		"http://[::1": false,
	} {
		if got := safeLink(link); got != want {
			t.Errorf("%q: %v", link, got)
		}
	}
	if safeLink(" https://shop.example") {
		t.Error("a leading space is let through")
	}
}

func TestEveryKnownErrorHasItsProblemAndOthersNone(t *testing.T) {
	t.Parallel()
	for _, k := range known {
		p, ok := asProblem(k.err)
		if !ok || p.Code != k.code || p.Status != k.status {
			t.Errorf("%v became %v", k.err, p)
		}
	}
	if p, _ := asProblem(&order.FieldError{Field: "f", Reason: "r"}); p.Field != "f" || p.Detail != "r" {
		t.Errorf("field error became %+v", p)
	}
	if p, _ := asProblem(&engine.TooSoonError{RetryAfter: 1500 * time.Millisecond}); wholeSeconds(p.retryAfter) != 2 {
		t.Errorf("too soon became %+v", p)
	}
	if p, ok := asProblem(engine.ErrFenced); ok {
		t.Errorf("an inner error became %v", p)
	}
}
