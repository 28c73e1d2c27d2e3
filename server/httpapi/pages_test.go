package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"anxin/server/auth"
	"anxin/server/httpapi"
)

func TestPagesAreTrueGuardedAndTheSameForEveryBadLink(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	path := "/pay/A1?k=" + url.QueryEscape(r.ViewToken)
	a := w.want(http.StatusOK, "GET", path, nil)
	for name, want := range map[string]string{
		"Cache-Control": "private, no-cache", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		"X-Frame-Options": "DENY", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if csp := a.header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	zh := w.want(http.StatusOK, "GET", path+"&lang=zh-CN", nil)
	if !strings.Contains(string(zh.body), `lang="zh-CN"`) || !strings.Contains(string(a.body), `lang="en"`) {
		t.Error("the page is not in the language that was asked for")
	}
	expired, err := w.tokens.Issue(auth.KindView, "A1", -1)
	must(t, err)
	absent, err := w.tokens.Issue(auth.KindView, "Z9", 1<<40)
	must(t, err)
	first := w.want(http.StatusNotFound, "GET", "/pay/A1", nil)
	for _, bad := range []string{"/pay/A1?k=x", "/pay/A1?k=" + expired, "/pay/Z9?k=" + absent, "/pay/Z9?k=" + r.ViewToken, "/pay/a.b?k=1", "/pay/A1?k=" + strings.Repeat("A", 5000)} {
		other := w.want(http.StatusNotFound, "GET", bad, nil)
		if string(other.body) != string(first.body) {
			t.Errorf("%s looks different", bad)
		}
	}
}

func TestFormsLeadBackToThePage(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	form := header{"Content-Type": "application/x-www-form-urlencoded"}
	body := "k=" + url.QueryEscape(r.ViewToken)
	for _, path := range []string{"/pay/A1/claim", "/pay/A1/query"} {
		a := w.want(http.StatusSeeOther, "POST", path, body, form)
		back := a.header.Get("Location")
		if plain, asked, _ := strings.Cut(back, "&asked="); plain != "/pay/A1?k="+r.ViewToken || (asked != "") != (path == "/pay/A1/query") {
			t.Fatalf("%s leads to %q", path, back)
		}
		page := w.want(http.StatusOK, "GET", back, nil)
		if says := strings.Contains(string(page.body), `<p id="notice">Checking now`) && strings.Contains(string(page.body), `<p id="check-note">You can check again at`); says != (path == "/pay/A1/query") {
			t.Errorf("after %s the page says when to check again: %v", path, says)
		}
		if !strings.Contains(string(page.body), `data-status="confirming"`) {
			t.Errorf("after %s the page does not say confirming", path)
		}
	}
	w.awaitQuery("A1")
	long := w.want(http.StatusOK, "GET", "/pay/A1?k="+r.ViewToken+"&asked=99999999999", nil)
	if !strings.Contains(string(long.body), `<p id="check-note">You can check again at`) || strings.Contains(string(long.body), `"check_again_at":"51`) {
		t.Error("an address makes payers wait for ever")
	}
	soon := w.want(http.StatusTooManyRequests, "POST", "/pay/A1/query", body, form)
	if !strings.Contains(string(soon.body), `data-status="confirming"`) || soon.header.Get("Retry-After") == "" {
		t.Errorf("a check too soon shows %s", soon.body)
	}
	w.want(http.StatusNotFound, "POST", "/pay/A1/claim", "k=forged", form)
}

func TestTheFrontDoorLeadsToTheSandboxOnlyWhereThereIsOne(t *testing.T) {
	t.Parallel()
	w := setup(t)
	if a := w.want(http.StatusFound, "GET", "/", nil); a.header.Get("Location") != "/sandbox" {
		t.Errorf("leads to %q", a.header.Get("Location"))
	}
	production := setup(t, func(c *httpapi.Config, _ *httpapi.Deps) { c.Sandbox = false })
	if p := production.send("GET", "/", nil).problem(t); p.Code != "no_such_route" {
		t.Errorf("production: %s", p.Code)
	}
}

func TestAssetsAreKeptForEver(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	page := string(w.want(http.StatusOK, "GET", strings.TrimPrefix(r.PageURL, w.base), nil).body)
	_, rest, found := strings.Cut(page, `src="`)
	script, _, _ := strings.Cut(rest, `"`)
	if !found || !strings.HasPrefix(script, "/assets/page.") {
		t.Fatalf("no script in the page: %q", script)
	}
	a := w.want(http.StatusOK, "GET", script, nil)
	if len(a.body) == 0 || !strings.Contains(a.header.Get("Cache-Control"), "immutable") {
		t.Errorf("%d bytes, %v", len(a.body), a.header)
	}
	w.want(http.StatusNotFound, "GET", "/assets/page.js", nil)
}
