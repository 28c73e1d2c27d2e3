package httpapi_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"anxin/server/httpapi"
)

func TestEveryResourceSaysWhichMethodsItTakes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.want(http.StatusMethodNotAllowed, "DELETE", "/v1/orders/A1", nil)
	if allow := a.header.Get("Allow"); !strings.Contains(allow, "GET") || !strings.Contains(allow, "HEAD") {
		t.Errorf("Allow is %q", allow)
	}
	a = w.want(http.StatusNoContent, "OPTIONS", "/v1/orders/A1/claim", nil)
	if allow := a.header.Get("Allow"); allow != "POST" {
		t.Errorf("Allow is %q", allow)
	}
	if p := w.send("OPTIONS", "/v1/nothing", nil).problem(t); p.Code != "no_such_route" {
		t.Errorf("OPTIONS of nothing: %s", p.Code)
	}
	head := w.want(http.StatusOK, "HEAD", "/healthz", nil)
	if len(head.body) != 0 || head.header.Get("Content-Length") == "0" {
		t.Errorf("HEAD answers %d bytes, Content-Length %q", len(head.body), head.header.Get("Content-Length"))
	}
}

func TestOnlyAllowedOriginsMayCallFromABrowser(t *testing.T) {
	t.Parallel()
	w := setup(t)
	preflight := header{"Origin": "https://shop.example", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
	a := w.want(http.StatusNoContent, "OPTIONS", "/v1/orders/A1", nil, preflight)
	if a.header.Get("Access-Control-Allow-Origin") != "https://shop.example" || !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("headers %v", a.header)
	}
	if a.header.Get("Access-Control-Allow-Credentials") != "" || a.header.Get("Vary") == "" {
		t.Errorf("headers %v", a.header)
	}
	preflight["Origin"] = "https://shop.example.evil.example"
	a = w.want(http.StatusNoContent, "OPTIONS", "/v1/orders/A1", nil, preflight)
	if got := a.header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("a foreign origin is allowed: %q", got)
	}
}

func TestOtherRoutesCanBeMounted(t *testing.T) {
	t.Parallel()
	var app *fiber.App
	setup(t, func(c *httpapi.Config, d *httpapi.Deps) {
		var err error
		app, err = httpapi.New(*c, *d)
		must(t, err)
	})
	app.Get("/sandbox", func(c *fiber.Ctx) error { return c.SendString("shop") })
	for path, want := range map[string]int{"/sandbox": http.StatusOK, "/sandbox/else": http.StatusNotFound, "/healthz": http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://anxin.example"+path, nil)
		must(t, err)
		resp, err := app.Test(req)
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode != want || resp.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

func TestEveryAnswerHasAnIdOfOurs(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.send("GET", "/v1/nothing", nil, header{"X-Request-Id": "mine"})
	id := a.header.Get("X-Request-Id")
	if len(id) != 16 || a.problem(t).Instance != "urn:anxin:request:"+id {
		t.Errorf("id %q, instance %q", id, a.problem(t).Instance)
	}
}

func TestMetricsAreForThisMachineAndForKeys(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *httpapi.Config, _ *httpapi.Deps) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	a := w.want(http.StatusOK, "GET", "/metrics", nil)
	for _, line := range []string{
		"anxin_callbacks_total 0\n", "# TYPE anxin_live_connections gauge\n", `anxin_live_closes_total{code="4003"} 0` + "\n",
		"# TYPE anxin_live_publish_to_write_seconds histogram\n", `anxin_live_publish_to_write_seconds_bucket{le="+Inf"} 0` + "\n", "# TYPE anxin_live_sweep_seconds_total counter\n",
	} {
		if !strings.Contains(string(a.body), line) {
			t.Errorf("no %q in %s", line, a.body)
		}
	}
	outside := header{"X-Forwarded-For": "203.0.113.9"}
	w.want(http.StatusUnauthorized, "GET", "/metrics", nil, outside)
	w.want(http.StatusOK, "GET", "/metrics", nil, outside, bearer(shopKey))
}

func TestMetricsAreNotForWhomAnUnnamedProxyBringsIn(t *testing.T) {
	t.Parallel()
	w := setup(t) // no trusted proxy: the address of the connection is this machine's
	w.want(http.StatusUnauthorized, "GET", "/metrics", nil, header{"X-Forwarded-For": "203.0.113.9"})
	w.want(http.StatusUnauthorized, "GET", "/metrics", nil, header{"Forwarded": "for=203.0.113.9"})
	w.want(http.StatusOK, "GET", "/metrics", nil)
}

func TestGuessersAreSlowedDownAndNobodyElse(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	limited := false
	for range 2000 {
		if limited {
			break
		}
		a := w.send("GET", "/v1/orders/A1", nil, bearer("guess"))
		if a.status == http.StatusTooManyRequests {
			limited = a.problem(t).Code == "rate_limited" && a.header.Get("Retry-After") == "1"
		}
	}
	if !limited {
		t.Error("2000 wrong credentials in a row were not limited")
	}
	w.want(http.StatusOK, "GET", "/v1/orders/A1", nil, bearer(shopKey))
	w.want(http.StatusOK, "GET", "/v1/orders/A1", nil, bearer(r.ViewToken))
}
