package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
	"anxin/hub"
	"anxin/server/httpapi"
)

// mouth is a provider that takes every message.
type mouth struct {
	channel notify.Channel
	key     string
}

func (m mouth) Traits() notify.Traits { return notify.Traits{Channel: m.channel, Repeatable: true} }
func (mouth) Send(context.Context, notify.Message) (notify.Receipt, error) {
	return notify.Receipt{}, nil
}

// browserMouth is one that browsers subscribe to.
type browserMouth struct{ mouth }

func (m browserMouth) PublicKey() string               { return m.key }
func (m browserMouth) Check(notify.Subscription) error { return nil }

// asking starts a node that tells payers by all that they can ask for.
func asking(t *testing.T) *world {
	t.Helper()
	catalogue, err := notify.NewCatalogue(nil)
	must(t, err)
	deps := &engine.MessageDeps{
		Plan: notify.DefaultPlan(time.UTC, order.DefaultStageLimits), Catalogue: catalogue, Links: noLinks{}, Key: notify.Key("k"),
		Providers: []engine.MessageProvider{
			{Name: "texts", Provider: mouth{channel: notify.SMS}},
			{Name: "mails", Provider: mouth{channel: notify.Email}},
			{Name: "browsers", Provider: browserMouth{mouth{notify.WebPush, "BKey_-"}}},
		},
	}
	return setupNode(t, hub.Config{}, func(s engine.Store) engine.Store { return s }, deps)
}

// delayed registers an order of which a check has found nothing, and returns what opens it.
func (w *world) delayed(orderNo string) (view header, form url.Values) {
	w.t.Helper()
	r := w.register(registration(orderNo))
	view = bearer(r.ViewToken)
	w.want(http.StatusOK, "POST", "/v1/orders/"+orderNo+"/claim", nil, view)
	w.awaitQuery(orderNo)
	return view, url.Values{"k": {r.ViewToken}, "wording": {"en/optin.lead@0123456789ab"}}
}

func formOf(form url.Values, pairs ...string) string {
	filled := url.Values{"k": form["k"], "wording": form["wording"]}
	for i := 0; i < len(pairs); i += 2 {
		filled.Set(pairs[i], pairs[i+1])
	}
	return filled.Encode()
}

// Without script: the page offers it, a form asks, the page says by what the payer is told,
// and another form takes it back.
func TestPayersAskToBeToldWithoutScript(t *testing.T) {
	t.Parallel()
	w := asking(t)
	_, form := w.delayed("A1")
	back := "/pay/A1?k=" + url.QueryEscape(form.Get("k"))
	shown := func(path string) string { t.Helper(); return string(w.want(http.StatusOK, "GET", path, nil).body) }
	if page := shown(back); !strings.Contains(page, `<div id="tell">`) || !strings.Contains(page, "Tell me when it&#39;s done") {
		t.Fatal("the page does not offer it")
	}
	asks := shown("/pay/A1/optin?k=" + url.QueryEscape(form.Get("k")))
	for _, want := range []string{`name="phone"`, `name="email"`, `data-key="BKey_-"`, "only to tell you about your payments here"} {
		if !strings.Contains(asks, want) {
			t.Errorf("the opt-in page lacks %s", want)
		}
	}
	a := w.want(http.StatusSeeOther, "POST", "/pay/A1/optin?lang=en", formOf(form, "kind", "sms", "phone", " +44 7700-900123 "), formHeader)
	if got := a.header.Get("Location"); got != back+"&lang=en#tell" {
		t.Errorf("the form leads to %q", got)
	}
	page := shown(back)
	if !strings.Contains(page, "we&#39;ll send a text message to &#43;4477****0123") || strings.Contains(page, "900123") {
		t.Error("the page does not say by what the payer is told, or shows the number")
	}
	w.want(http.StatusSeeOther, "POST", "/pay/A1/optout", formOf(form, "kind", "sms"), formHeader)
	if page := shown(back); strings.Contains(page, "text message") {
		t.Error("it was not taken back")
	}
	w.callback("A1", "succeeded", 8800)
	if a := w.want(http.StatusSeeOther, "GET", "/pay/A1/optin?k="+url.QueryEscape(form.Get("k")), nil); a.header.Get("Location") != back {
		t.Errorf("once the result is known it leads to %q", a.header.Get("Location"))
	}
	if strings.Contains(w.log.String(), "900123") {
		t.Error("the number is in the log")
	}
}

func TestAnOptInThatIsNotTakenIsSaidBesideItsForm(t *testing.T) {
	t.Parallel()
	w := asking(t)
	_, form := w.delayed("A1")
	for entered, c := range map[string]struct {
		body string
		want string
	}{
		"12":     {formOf(form, "kind", "sms", "phone", "12"), "It needs its country code"},
		"a@b c":  {formOf(form, "kind", "email", "email", "a@b c"), "check the e-mail address"},
		"<b>@\"": {formOf(form, "kind", "email", "email", "<b>@\""), "value=\"&lt;b&gt;@&#34;\""},
	} {
		a := w.want(http.StatusUnprocessableEntity, "POST", "/pay/A1/optin", c.body, formHeader)
		if !strings.Contains(string(a.body), c.want) || strings.Contains(string(a.body), "<b>@") {
			t.Errorf("%q: the page does not say %q", entered, c.want)
		}
	}
	for _, body := range []string{formOf(form, "kind", "fax"), formOf(form, "kind", "webpush"), formOf(form)} {
		if a := w.want(http.StatusUnprocessableEntity, "POST", "/pay/A1/optin", body, formHeader); !strings.Contains(string(a.body), "That didn") {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	for _, path := range []string{"/pay/A1/optin", "/pay/A1/optout"} {
		w.want(http.StatusNotFound, "POST", path, "k=forged&kind=sms&phone=13800138000", formHeader)
	}
	w.want(http.StatusNotFound, "GET", "/pay/A1/optin?k=forged", nil)
	w.want(http.StatusUnprocessableEntity, "POST", "/pay/A1/optout", formOf(form, "kind", "inbox"), formHeader)
	for range 20 {
		a := w.send("POST", "/pay/A1/optin", formOf(form, "kind", "sms", "phone", "13800138000"), formHeader)
		if a.status == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("any number of addresses is taken")
}

// The same for apps and the page's script.
func TestTheOptInOfTheAPIKeepsWhatWasAgreedTo(t *testing.T) {
	t.Parallel()
	w := asking(t)
	c := checker{w, routerOf(t, w)}
	view, _ := w.delayed("A1")
	other := bearer(w.register(registration("A2")).ViewToken)
	type offers struct {
		Items []struct {
			Kind string `json:"kind"`
			Key  string `json:"application_server_key"`
		} `json:"items"`
		Asked []struct {
			Kind string   `json:"kind"`
			To   []string `json:"to"`
		} `json:"asked"`
	}
	if got := decode[offers](t, c.exchange(http.StatusOK, "GET", "/v1/orders/A1/optin", nil, view)); len(got.Items) != 3 || got.Items[2].Key != "BKey_-" || len(got.Asked) != 0 {
		t.Errorf("offered %+v", got)
	}
	const wording = "zh-CN/optin.lead@0123456789ab"
	c.exchange(http.StatusOK, "POST", "/v1/orders/A1/optin", object{"kind": "email", "email": "payer@example.com", "wording": wording}, view)
	if got := decode[offers](t, c.exchange(http.StatusOK, "GET", "/v1/orders/A1/optin", nil, view)); len(got.Asked) != 1 || got.Asked[0].To[0] != "p***@example.com" {
		t.Errorf("asked %+v", got)
	}
	full := string(w.want(http.StatusOK, "GET", "/v1/orders/A1", nil, bearer(shopKey)).body)
	if !strings.Contains(full, wording) || strings.Contains(full, "payer@example.com") {
		t.Error("the order's timeline does not keep the wording, or shows the address")
	}
	c.exchange(http.StatusNoContent, "POST", "/v1/orders/A1/optout", object{"kind": "email"}, view)
	c.exchange(http.StatusUnprocessableEntity, "POST", "/v1/orders/A1/optout", object{"kind": "inbox"}, view)
	c.exchange(http.StatusForbidden, "POST", "/v1/orders/A1/optout", object{"kind": "email"}, other)
	for field, body := range map[string]object{
		"phone": {"kind": "sms", "phone": "12"}, "email": {"kind": "email", "email": "x"}, "kind": {"kind": "fax"},
		"subscription": {"kind": "webpush", "subscription": object{"endpoint": "http://127.0.0.1/"}},
		"wording":      {"kind": "sms", "phone": "+447700900123", "wording": "<b>"},
	} {
		if p := c.exchange(http.StatusUnprocessableEntity, "POST", "/v1/orders/A1/optin", body, view).problem(t); p.Field != field {
			t.Errorf("%v: field %q", body, p.Field)
		}
	}
	var seen httpapi.Problem
	for range 20 {
		a := w.send("POST", "/v1/orders/A1/optin", object{"kind": "sms", "phone": "+447700900123"}, view)
		if a.status == http.StatusTooManyRequests {
			must(t, json.Unmarshal(a.body, &seen))
			break
		}
	}
	if seen.Code != "rate_limited" {
		t.Errorf("any number is taken: %+v", seen)
	}
}

func TestTheWorkerIsServedForThePagesOnly(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.want(http.StatusOK, "GET", "/pay/worker.js", nil)
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/javascript") || a.header.Get("Cache-Control") != "no-cache" ||
		a.header.Get("Service-Worker-Allowed") != "" || a.header.Get("Content-Security-Policy") != "default-src 'none'; connect-src 'self'" {
		t.Errorf("headers %v", a.header)
	}
	if body := string(a.body); !strings.Contains(body, "notificationclick") || strings.Contains(body, `"fetch"`) {
		t.Error("the worker shows no notifications, or stands between page and server")
	}
	page := w.want(http.StatusOK, "GET", strings.TrimPrefix(w.register(registration("A1")).PageURL, w.base), nil)
	if csp := page.header.Get("Content-Security-Policy"); !strings.Contains(csp, "worker-src 'self'") {
		t.Errorf("policy %q", csp)
	}
	if !strings.Contains(string(page.body), `<div id="tell" hidden>`) {
		t.Error("a node that tells nobody offers to")
	}
}

// Addresses of strangers cannot be left by the hundred, on however many pages. A backend's own
// calls come from one place.
func TestAddressesLeftFromOneNetworkAreBounded(t *testing.T) {
	t.Parallel()
	w := asking(t)
	taken, refused := 0, 0
	for i := range 16 {
		orderNo := fmt.Sprint("A", i)
		view := bearer(w.register(registration(orderNo)).ViewToken)
		for range 8 {
			a := w.send("POST", "/v1/orders/"+orderNo+"/optin", object{"kind": "fax"}, view)
			switch a.status {
			case http.StatusUnprocessableEntity:
				taken++
			case http.StatusTooManyRequests:
				refused++
			default:
				t.Fatalf("answered %d %s", a.status, a.body)
			}
		}
	}
	if taken < 60 || refused == 0 {
		t.Errorf("%d were taken and %d refused", taken, refused)
	}
	w.want(http.StatusUnprocessableEntity, "POST", "/v1/orders/A0/optin", object{"kind": "fax"}, bearer(shopKey))
}

// subscribed is a subscription as browsers serialise it, with a secret of one letter.
func subscribed(endpoint, secret string) object {
	return object{"endpoint": "https://push.example/" + endpoint, "expirationTime": nil, "keys": object{
		"p256dh": "BA" + strings.Repeat("A", 85), "auth": strings.Repeat(secret, 21) + "A",
	}}
}

// What a payer asked for moves with the browser, and only by who knows its secret.
func TestARenewalKeepsWhatWasAskedAndMovesNobodyElses(t *testing.T) {
	t.Parallel()
	w := asking(t)
	c := checker{w, routerOf(t, w)}
	view, _ := w.delayed("A1")
	optIn := object{"kind": "webpush", "subscription": subscribed("1", "B"), "wording": "en/optin.lead@0123456789ab"}
	c.exchange(http.StatusOK, "POST", "/v1/orders/A1/optin", optIn, view)
	held := func() engine.OptIn {
		t.Helper()
		o, err := w.store.Order(t.Context(), "A1")
		must(t, err)
		ins, _, err := w.store.OptIns(t.Context(), engine.InboxID(o.Backend, o.Payer.ID))
		must(t, err)
		if len(ins) != 1 {
			t.Fatalf("%d opt-ins", len(ins))
		}
		return ins[0]
	}
	was := held()
	renew := func(status int, old, fresh object) answer {
		t.Helper()
		return c.exchange(status, "POST", "/v1/push/renewals", object{"old": old, "subscription": fresh})
	}
	renew(http.StatusNoContent, subscribed("1", "C"), subscribed("2", "D")) // knows the address only
	renew(http.StatusNoContent, subscribed("3", "B"), subscribed("2", "D")) // nobody's
	if got := held(); got != was {
		t.Errorf("somebody else's was moved: %+v", got)
	}
	renew(http.StatusNoContent, subscribed("1", "B"), subscribed("2", "D"))
	got := held()
	if got.To.WebPush.Endpoint != "https://push.example/2" || got.Fingerprint == was.Fingerprint {
		t.Errorf("not moved: %+v", got)
	}
	got.To, got.Fingerprint = was.To, was.Fingerprint
	if got != was {
		t.Errorf("was agreed to as %+v, is as %+v", was, got)
	}
	for field, p := range map[string]httpapi.Problem{
		"old":          renew(http.StatusUnprocessableEntity, object{}, subscribed("2", "D")).problem(t),
		"subscription": renew(http.StatusUnprocessableEntity, subscribed("2", "D"), object{"endpoint": "http://127.0.0.1/"}).problem(t),
	} {
		if p.Field != field {
			t.Errorf("field %q, want %q", p.Field, field)
		}
	}
	c.exchange(http.StatusNoContent, "POST", "/v1/orders/A1/optout", object{"kind": "webpush"}, view)
	renew(http.StatusNoContent, subscribed("2", "D"), subscribed("4", "E"))
	if o, err := w.store.Order(t.Context(), "A1"); err != nil {
		t.Error(err)
	} else if ins, outs, err := w.store.OptIns(t.Context(), engine.InboxID(o.Backend, o.Payer.ID)); err != nil || len(ins) != 0 || len(outs) != 1 {
		t.Errorf("what was taken back holds again: %+v, %v, %v", ins, outs, err)
	}
}
