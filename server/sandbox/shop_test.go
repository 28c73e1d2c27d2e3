package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	wire "anxin/engine/channel/sandbox"
	"anxin/engine/channel/strictjson"
	told "anxin/engine/notify"
)

const formType = "application/x-www-form-urlencoded"

// buy goes through the shop and returns the order number.
func (w *world) buy(item, preset string) string {
	w.t.Helper()
	response, raw := w.do("POST", "/sandbox/buy", formType, url.Values{"item": {item}, "preset": {preset}, "lang": {"zh-CN"}}.Encode())
	location, err := url.Parse(response.Header.Get("Location"))
	if err != nil || response.StatusCode != http.StatusSeeOther {
		w.t.Fatalf("buy: %d %s", response.StatusCode, raw)
	}
	no, ok := strings.CutPrefix(location.Path, "/sandbox/cashier/")
	if !ok {
		w.t.Fatalf("buy leads to %s", location)
	}
	return no
}

// at does something at the cashier and follows the shop's own redirects.
func (w *world) at(no, action, preset string) string {
	w.t.Helper()
	response, raw := w.do("POST", "/sandbox/cashier/"+no, formType, url.Values{"action": {action}, "preset": {preset}}.Encode())
	if response.StatusCode != http.StatusSeeOther {
		w.t.Fatalf("%s: %d %s", action, response.StatusCode, raw)
	}
	if next := response.Header.Get("Location"); strings.HasPrefix(next, "/sandbox/return/") {
		response, _ = w.do("GET", next, "", "")
	}
	return response.Header.Get("Location")
}

func TestShopRegistersWhatIsBought(t *testing.T) {
	t.Parallel()
	w := setup(t)
	no := w.buy("cup", "lost")
	raw, err := json.Marshal(receive(t, w.registered, "the registration"))
	if err != nil {
		t.Fatal(err)
	}
	var got registration
	if err := strictjson.Decode(raw, &got); err != nil {
		t.Fatal(err)
	}
	if got.OrderNo != no || got.Channel != "sandbox" || got.Mode != "managed" || got.Amount.Minor != 3600 || got.Subject != "白瓷茶杯" ||
		got.Payer.Locale != "zh-CN" || !payerPattern.MatchString(got.Payer.ID) || got.ExpiresAt.Std().Before(time.Now()) {
		t.Errorf("registered %+v", got)
	}
	for _, link := range []string{got.Links.Detail, got.Links.Repay, got.Links.Support} {
		path, ok := strings.CutPrefix(link, w.url)
		if response, raw := w.do("GET", path, "", ""); !ok || response.StatusCode != http.StatusOK || !strings.Contains(raw, `lang="zh-CN"`) {
			t.Errorf("link %s: %d", link, response.StatusCode)
		}
	}
	w.buy("tea", "fine")
	if again := receive(t, w.registered, "the second registration"); again["payer"].(map[string]any)["id"] != got.Payer.ID {
		t.Errorf("the same browser is another payer: %v", again["payer"])
	}
}

func TestPayingLeadsThroughTheShopToThePage(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.run()
	no := w.buy("tea", "late")
	if ev, err := w.query(no); err != nil || ev.Claims != "pending" {
		t.Errorf("before paying: %+v, %v", ev, err)
	}
	if page := w.at(no, actPay, "fine"); page != w.url+"/pay/"+no+"?k="+testToken {
		t.Errorf("paying leads to %s", page)
	}
	if claimed := receive(t, w.claims, "the claim"); claimed != no {
		t.Errorf("claimed %s", claimed)
	}
	if got := w.callback(); got.note.OrderNo != no || got.note.Evidence.Claims != "succeeded" {
		t.Errorf("callback %+v: the preset chosen at the cashier counts", got.note)
	}
	w.at(no, actDecline, "fine")
	if p := w.mustLoad(no); p.State != wire.StateSucceeded {
		t.Errorf("what was paid became %s", p.State)
	}
	if _, raw := w.do("GET", "/sandbox/cashier/"+no, "", ""); strings.Contains(raw, `value="pay"`) {
		t.Error("the cashier asks again for what is paid")
	}
}

func TestLeavingClaimsNothing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	no := w.buy("tea", "fine")
	if page := w.at(no, actLeave, "fine"); page != w.url+"/pay/"+no+"?k="+testToken {
		t.Errorf("leaving leads to %s", page)
	}
	if p := w.mustLoad(no); p.State != wire.StatePending || p.InForce || len(w.claims) != 0 {
		t.Errorf("payment %+v, %d claims", p, len(w.claims))
	}
}

func TestDecliningDecidesOverThePreset(t *testing.T) {
	t.Parallel()
	w := setup(t)
	no := w.buy("tea", "refunded")
	w.at(no, actDecline, "refunded")
	if p := w.mustLoad(no); p.State != wire.StateFailed || p.Reason != "declined" || p.Plan.Refund != nil {
		t.Errorf("payment %+v", p)
	}
}

func TestEveryPresetCanBePaid(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, chosen := range presets {
		no := w.buy("tea", chosen.ID)
		w.at(no, actPay, chosen.ID)
		want := wire.StateSucceeded
		if chosen.ID == "declined" {
			want = wire.StateFailed
		}
		p := w.mustLoad(no)
		if p.State != want || p.Purchase.Preset != chosen.ID {
			t.Errorf("%s: %s, preset %s", chosen.ID, p.State, p.Purchase.Preset)
		}
		if err := chosen.Plan.validate(*p.Amount); err != nil {
			t.Errorf("%s: a script could not ask for it: %v", chosen.ID, err)
		}
	}
}

func TestShopWithoutAnxin(t *testing.T) {
	t.Parallel()
	w := setup(t)
	no := w.buy("tea", "fine")
	w.refuseAll.Store(true)
	response, raw := w.do("POST", "/sandbox/buy", formType, "item=tea")
	if response.StatusCode != http.StatusBadGateway || !strings.Contains(raw, "could not be registered") {
		t.Errorf("buy: %d %s", response.StatusCode, raw)
	}
	if page := w.at(no, actPay, "fine"); !strings.Contains(page, "/pay/"+no) {
		t.Errorf("a claim that fails keeps the payer at %q", page)
	}
	for _, secret := range []string{testAPIKey, testToken, testSecret, testWebhook} {
		if strings.Contains(w.logged.String(), secret) {
			t.Errorf("%q is in the log: %s", secret, w.logged)
		}
	}
	if !strings.Contains(w.logged.String(), "could not claim") {
		t.Errorf("the failed claim is not in the log: %s", w.logged)
	}
}

func TestPayersLinkIsShownToNobodyElse(t *testing.T) {
	t.Parallel()
	w := setup(t)
	no := w.buy("tea", "fine")
	for _, path := range []string{"/sandbox/v1/payments/", "/sandbox/orders/", "/sandbox/cashier/"} {
		if response, raw := w.do("GET", path+no, "", ""); response.StatusCode != http.StatusOK || strings.Contains(raw, testToken) {
			t.Errorf("%s: %d %s", path, response.StatusCode, raw)
		}
	}
}

func TestPagesInBothLanguages(t *testing.T) {
	t.Parallel()
	w := setup(t)
	no := w.buy("tea", "fine")
	w.pay("SCRIPT", `"outcome":"unpaid"`)
	for _, page := range []struct {
		path   string
		status int
	}{
		{"/sandbox", 200},
		{"/sandbox?again=" + no, 200},
		{"/sandbox?again=%3Cb%3E", 200},
		{"/sandbox/cashier/" + no, 200},
		{"/sandbox/orders/" + no, 200},
		{"/sandbox/orders/SCRIPT", 200},
		{"/sandbox/support", 200},
		{"/sandbox/orders/NONE", 404},
		{"/sandbox/cashier/NONE", 404},
		{"/sandbox/cashier/SCRIPT", 404},
		{"/sandbox/return/NONE", 404},
		{"/sandbox/orders/%3Cb%3E", 404},
	} {
		for accept, want := range map[string]struct{ lang, notice string }{
			"zh-TW;q=0.5,zh":   {"zh-CN", "模拟商店与支付，"},
			"en-GB,zh;q=0.1":   {"en", "No real money"},
			"":                 {"en", "No real money"},
			"not a language!;": {"en", "No real money"},
		} {
			response, raw := w.do("GET", page.path, "", "", "Accept-Language", accept)
			if response.StatusCode != page.status || !strings.Contains(raw, `<html lang="`+want.lang+`">`) || !strings.Contains(raw, want.notice) {
				t.Errorf("%s in %q: %d %s", page.path, accept, response.StatusCode, raw)
			}
			checkPage(t, page.path, response, raw)
		}
	}
	if _, raw := w.do("GET", "/sandbox?lang=zh-CN", "", "", "Accept-Language", "en"); !strings.Contains(raw, `<html lang="zh-CN">`) {
		t.Error("?lang does not decide over the browser")
	}
}

func checkPage(t *testing.T, path string, response *http.Response, raw string) {
	t.Helper()
	policy := response.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
		t.Errorf("%s: policy %q", path, policy)
	}
	if response.Header.Get("Referrer-Policy") != "no-referrer" || response.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: headers %v", path, response.Header)
	}
	if found := regexp.MustCompile(`(?i)<script|\son[a-z]+=|\sstyle=|<style|<b>`).FindString(raw); found != "" {
		t.Errorf("%s contains %q", path, found)
	}
}

func TestOrderPageEscapesWhatCameFromOutside(t *testing.T) {
	t.Parallel()
	w := setup(t)
	no := w.buy("tea", "fine")
	if status, raw := w.hook("msg_1", webhookOf(no, `<b onclick=x>`, 3), time.Now()); status != 200 {
		t.Fatalf("webhook: %d %s", status, raw)
	}
	response, raw := w.do("GET", "/sandbox/orders/"+no, "", "")
	if !strings.Contains(raw, "&lt;b onclick=x&gt;") {
		t.Errorf("the type of the webhook is not shown: %s", raw)
	}
	checkPage(t, "order page", response, strings.ReplaceAll(raw, "&lt;b onclick=x&gt;", ""))
}

func TestOrderPageShowsTheNewestResult(t *testing.T) {
	t.Parallel()
	w := setup(t)
	no := w.buy("tea", "fine")
	for _, step := range []struct {
		kind string
		seq  int
		want string
	}{
		{"order.case_opened", 2, "Waiting for the payment result"},
		{"order.refunding", 6, "Refund on its way"},
		{"order.succeeded", 4, "Refund on its way"}, // late
		{"order.refunded", 7, "Refunded"},
	} {
		if status, raw := w.hook("msg_"+step.kind, webhookOf(no, step.kind, step.seq), time.Now()); status != 200 {
			t.Fatalf("webhook: %d %s", status, raw)
		}
		if _, raw := w.do("GET", "/sandbox/orders/"+no, "", ""); !strings.Contains(raw, ">"+step.want+"<") {
			t.Errorf("after %s: %s", step.kind, raw)
		}
	}
}

func TestStyleIsServed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, page := w.do("GET", "/sandbox", "", "")
	link := regexp.MustCompile(`<link rel="stylesheet" href="([^"]+)">`).FindStringSubmatch(page)
	if link == nil {
		t.Fatal("the page has no style")
	}
	response, raw := w.do("GET", link[1], "", "")
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/css; charset=utf-8" || !strings.Contains(raw, "prefers-color-scheme: dark") {
		t.Errorf("%s: %d %s", link[1], response.StatusCode, response.Header.Get("Content-Type"))
	}
}

func TestFormsAreBounded(t *testing.T) {
	t.Parallel()
	w := setup(t)
	no := w.buy("tea", "fine")
	for _, path := range []string{"/sandbox/buy", "/sandbox/cashier/" + no} {
		if response, _ := w.do("POST", path, formType, "item="+strings.Repeat("x", maxForm)); response.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: large form: %d", path, response.StatusCode)
		}
		if response, _ := w.do("POST", path, formType, "item=%zz"); response.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: broken form: %d", path, response.StatusCode)
		}
	}
	if response, _ := w.do("POST", "/sandbox/cashier/"+no, formType, "action=steal"); response.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("other action: %d", response.StatusCode)
	}
}

func TestCatalogsAreComplete(t *testing.T) {
	t.Parallel()
	p, err := loadPages(&url.URL{Scheme: "http", Host: "shop.test"})
	if err != nil {
		t.Fatal(err)
	}
	needed := []string{"known."}
	for _, it := range items {
		needed = append(needed, "item."+it.ID+".name", "item."+it.ID+".note")
	}
	for _, chosen := range presets {
		needed = append(needed, "preset."+chosen.ID+".title", "preset."+chosen.ID+".hint")
	}
	for _, problem := range []*problem{
		errJSON, errUnknownField, errField, errPaymentExists, errNoPayment, errTooLarge, errSignature, errBackend, errAnxin, errInternal,
	} {
		needed = append(needed, "problem."+problem.Code)
	}
	for _, shown := range []told.Channel{told.SMS, told.Email, told.Push, told.WebPush} {
		needed = append(needed, "outbox."+string(shown))
	}
	for _, lang := range langs {
		for _, key := range needed {
			if p.texts[lang][key] == "" {
				t.Errorf("%s has no %q", lang, key)
			}
		}
		for key := range p.texts[lang] {
			for _, other := range langs {
				if p.texts[other][key] == "" {
					t.Errorf("%q is in %s and not in %s", key, lang, other)
				}
			}
		}
	}
}
