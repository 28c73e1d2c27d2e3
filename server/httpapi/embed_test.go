package httpapi_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"anxin/frontend/page"
	"anxin/server/httpapi"
)

// branded serves the pages of the backend shop in a brand of its own.
func branded(t *testing.T) *world {
	return setup(t, func(c *httpapi.Config, d *httpapi.Deps) {
		renderer, err := page.New(page.Options{PublicURL: c.PublicURL, Merchants: map[string]page.Brand{
			"shop": {Name: "Tea House", FrameAncestors: []string{"https://shop.example"}},
		}})
		must(t, err)
		d.Page = renderer
		c.Support = httpapi.Support{URL: "https://help.example/?o={order_no}", Merchants: map[string]string{"shop": "https://shop.example/help/{order_no}"}}
	})
}

func TestEmbeddedPagesAreFramedByTheMerchantOnly(t *testing.T) {
	t.Parallel()
	w := branded(t)
	r := w.register(registration("A1"))
	path := "/pay/A1?k=" + url.QueryEscape(r.ViewToken)
	plain := w.want(http.StatusOK, "GET", path, nil)
	if csp := plain.header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") || plain.header.Get("X-Frame-Options") != "DENY" {
		t.Errorf("a page that is not embedded may be framed: %s", csp)
	}
	framed := w.want(http.StatusOK, "GET", path+"&embed=1&lang=zh-CN", nil)
	if csp := framed.header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors https://shop.example") || framed.header.Get("X-Frame-Options") != "" {
		t.Errorf("policy of an embedded page: %s, %q", csp, framed.header.Get("X-Frame-Options"))
	}
	if body := string(framed.body); strings.Contains(body, `class="top"`) || !strings.Contains(body, `action="/pay/A1/claim?embed=1&amp;lang=zh-CN"`) {
		t.Error("the embedded page has a header, or its forms forget the frame")
	}
	form := header{"Content-Type": "application/x-www-form-urlencoded"}
	back := w.want(http.StatusSeeOther, "POST", "/pay/A1/claim?embed=1&lang=zh-CN", "k="+url.QueryEscape(r.ViewToken), form)
	if got := back.header.Get("Location"); got != "/pay/A1?k="+r.ViewToken+"&embed=1&lang=zh-CN" {
		t.Errorf("the form leads to %q", got)
	}
	for _, a := range []answer{plain, framed} {
		if a.header.Get("Set-Cookie") != "" || strings.Contains(string(a.body), "localStorage") {
			t.Error("the page keeps something on the device")
		}
	}
}

func TestPagesWearTheBrandOfTheOrdersBackend(t *testing.T) {
	t.Parallel()
	w := branded(t)
	r := w.register(registration("A1"))
	if body := string(w.want(http.StatusOK, "GET", strings.TrimPrefix(r.PageURL, w.base), nil).body); !strings.Contains(body, "<bdi>Tea House</bdi>") {
		t.Error("the page does not wear its merchant's brand")
	}
	other := decode[registered](t, w.want(http.StatusCreated, "POST", "/v1/orders", registration("B1"), bearer(otherKey)))
	if body := string(w.want(http.StatusOK, "GET", strings.TrimPrefix(other.PageURL, w.base), nil).body); strings.Contains(body, "Tea House") {
		t.Error("another merchant's page wears the brand")
	}
}

func TestSupportIsToldTheNumberOfTheOrder(t *testing.T) {
	t.Parallel()
	w := branded(t)
	own := with(registration("A2"), "links", object{"support": "https://chat.example/?about={order_no}&x=1"})
	for _, c := range []struct {
		r    registered
		want string
	}{
		{w.register(registration("A1")), "https://shop.example/help/A1"},
		{w.register(own), "https://chat.example/?about=A2&x=1"},
		{decode[registered](t, w.want(http.StatusCreated, "POST", "/v1/orders", registration("B1"), bearer(otherKey))), "https://help.example/?o=B1"},
	} {
		if got := c.r.Progress.Links.Support; got == nil || *got != c.want {
			t.Errorf("support is %v, want %s", got, c.want)
		}
	}
}

func TestPagesAndScriptsAreCompressedForWhoTakesIt(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	path := strings.TrimPrefix(r.PageURL, w.base)
	for _, accepts := range []string{"identity", "", "br", "gzip;q=0"} {
		plain := w.want(http.StatusOK, "GET", path, nil, header{"Accept-Encoding": accepts})
		if got := plain.header.Get("Content-Encoding"); got != "" || !strings.HasPrefix(string(plain.body), "<!doctype html>") {
			t.Errorf("for %q: encoding %q", accepts, got)
		}
	}
	packed := w.want(http.StatusOK, "GET", path, nil, header{"Accept-Encoding": "gzip, deflate"})
	if packed.header.Get("Content-Encoding") != "gzip" || !strings.Contains(packed.header.Get("Vary"), "Accept-Encoding") {
		t.Fatalf("encoding %q", packed.header.Get("Content-Encoding"))
	}
	unpacked, err := gzip.NewReader(strings.NewReader(string(packed.body)))
	must(t, err)
	text, err := io.ReadAll(unpacked)
	must(t, err)
	if !strings.HasPrefix(string(text), "<!doctype html>") || len(packed.body)*2 > len(text) {
		t.Errorf("%d bytes became %d", len(text), len(packed.body))
	}
}
