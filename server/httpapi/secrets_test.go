package httpapi_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"anxin/engine/channel/sandbox"
	"anxin/frontend/page"
	"anxin/server/httpapi"
)

// TestNothingSecretOrPersonalIsLogged sends marked values through every route, rightly
// and wrongly, and looks for each of them in the log at its most talkative.
func TestNothingSecretOrPersonalIsLogged(t *testing.T) {
	t.Parallel()
	w := setup(t, func(_ *httpapi.Config, d *httpapi.Deps) { d.Page = panicsOnLocale{d.Page} })
	reg := registration("A1")
	reg["subject"] = "marked-subject"
	reg["payer"] = object{"id": "marked-payer", "phone": "13877776666", "email": "marked@mail.example", "push": []string{"marked-push"}, "locale": "en"}
	reg["links"] = object{"support": "https://shop.example/?s=marked-link"}
	r := w.register(reg)
	w.register(with(with(registration("P1"), "mode", "pushed"), "subject", "marked-subject"))
	inbox := r.InboxToken
	secrets := []string{
		shopKey, otherKey, operatorKey, tokenSecret, channelSecret, r.ViewToken, inbox, "marked-", "13877776666", "marked@",
	}
	credentials := []header{bearer(shopKey), bearer(r.ViewToken), bearer(inbox), bearer("marked-credential"), nil}
	extra := header{
		"Idempotency-Key": "marked-key", "Cookie": "s=marked-cookie", "X-Request-Id": "marked-id", "User-Agent": "marked-agent",
		"X-Forwarded-For": "203.0.113.77", sandbox.HeaderSignature: "marked-signature", "Accept-Language": "marked-language",
		"Origin": "https://marked-origin.example",
	}
	bodies := []any{nil, reg, `{"marked-field":1}`, `marked-garbage`, object{"type": "retrying", "reason": "marked-reason"}, object{"type": "retrying"}}
	var patterns []string
	for _, route := range w.app.GetRoutes(true) {
		path := strings.NewReplacer(":order_no", "A1", ":channel", "sandbox", ":name", "marked-asset").Replace(route.Path)
		patterns = append(patterns, route.Path)
		for _, credential := range credentials {
			for _, body := range bodies {
				w.send(route.Method, path+"?k="+url.QueryEscape(r.ViewToken)+"&after=marked-after&cursor=marked-cursor&wait=marked", body, credential, extra)
			}
			w.send(route.Method, path, nil, credential, extra)
		}
	}
	form := header{"Content-Type": "application/x-www-form-urlencoded"}
	for _, path := range []string{"/pay/A1/claim", "/pay/A1/query", "/pay/A1/query"} {
		w.send("POST", path, "k="+url.QueryEscape(r.ViewToken), form)
	}
	w.send("POST", "/v1/orders/P1/updates", object{"type": "retrying"}, bearer(shopKey), extra)
	w.send("GET", "/pay/A1?lang=fr&k="+url.QueryEscape(r.ViewToken), nil) // panics
	w.send("GET", "/marked-path", nil)
	w.callback("A1", sandbox.StateSucceeded, 1)
	w.callback("A1", sandbox.StateSucceeded, 8800)

	log := w.log.String()
	for _, secret := range append(secrets, "203.0.113.77", "127.0.0.1") {
		if i := strings.Index(log, secret); i >= 0 {
			t.Errorf("%q is logged: %s", secret, log[max(0, i-200):min(len(log), i+200)])
		}
	}
	for _, pattern := range slices.Compact(patterns) { // the test must have been everywhere
		if !strings.Contains(log, "route=\""+pattern+"\"") && !strings.Contains(log, "route="+pattern+" ") {
			t.Errorf("%s was not called", pattern)
		}
	}
	for _, event := range []string{"request panicked", "callback refused", "unmatched"} {
		if !strings.Contains(log, event) {
			t.Errorf("the log lacks %q", event)
		}
	}
}

func TestAPanicIsAProblemWithoutAWordAboutIt(t *testing.T) {
	t.Parallel()
	w := setup(t, func(_ *httpapi.Config, d *httpapi.Deps) { d.Page = panicsOnLocale{d.Page} })
	r := w.register(registration("A1"))
	a := w.want(http.StatusInternalServerError, "GET", "/pay/A1?lang=fr&k="+r.ViewToken, nil)
	if p := a.problem(t); p.Code != "internal" || strings.Contains(string(a.body), "marked") {
		t.Errorf("answered %s", a.body)
	}
	w.want(http.StatusOK, "GET", "/healthz", nil)
}

func TestTheInternalCauseOfAFailureStaysInside(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	must(t, w.store.Close())
	a := w.send("GET", "/v1/orders/A1", nil, bearer(shopKey))
	if p := a.problem(t); p.Status != http.StatusInternalServerError || p.Code != "internal" || strings.Contains(string(a.body), "sql") {
		t.Errorf("answered %s", a.body)
	}
	shown := w.want(http.StatusServiceUnavailable, "GET", "/pay/A1?k="+r.ViewToken, nil)
	if !strings.Contains(string(shown.body), "不影响您的付款") || shown.header.Get("Retry-After") == "" {
		t.Errorf("the payer is told %s", shown.body)
	}
	if p := w.send("GET", "/readyz", nil).problem(t); p.Code != "not_ready" {
		t.Errorf("readiness: %s", p.Code)
	}
	w.want(http.StatusOK, "GET", "/healthz", nil)
	if log := w.log.String(); !strings.Contains(log, "request failed") || !strings.Contains(log, "payer page not shown") {
		t.Errorf("the log does not say why: %s", log)
	}
}

func TestNewRefusesToBuildWithoutADependency(t *testing.T) {
	t.Parallel()
	if app, err := httpapi.New(httpapi.Config{}, httpapi.Deps{}); err == nil || app != nil {
		t.Error("it built an app of nothing")
	}
}

// panicsOnLocale is a page with a fault: asked for French it panics with something that
// must not get out.
type panicsOnLocale struct{ httpapi.Page }

func (p panicsOnLocale) Render(w io.Writer, v page.View) error {
	if v.Lang == "fr" {
		panic("marked-panic " + v.Token)
	}
	return p.Page.Render(w, v)
}
