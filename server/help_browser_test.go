package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestOpenPageIsToldAndTells walks what surrounds the main job, in a browser: an
// announcement appears on the open page, and the payer says that the page did not help.
// Once the payment is found, a page that is opened anew leads to the order, and tells the
// shop nothing of where the payer was.
func TestOpenPageIsToldAndTells(t *testing.T) {
	t.Parallel()
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if referrer := r.Header.Get("Referer"); referrer != "" && r.URL.Path == "/orders/A1" { // else its own icon
			t.Errorf("the shop is told where the payer came from: %s", referrer)
		}
		_, _ = w.Write([]byte("<h1 id=order-of-shop>Your order</h1>"))
	}))
	t.Cleanup(shop.Close)
	p := startServer(t, t.TempDir())
	reg := registration("A1")
	reg["links"] = object{"detail": shop.URL + "/orders/A1"}
	status, registered := p.call("POST", "/v1/orders", reg)
	if status != http.StatusCreated {
		t.Fatalf("register: %d %v", status, registered)
	}
	p.call("POST", "/v1/orders/A1/claim", nil)
	ctx := browser(t)
	var helped, shown string
	if err := chromedp.Run(ctx,
		chromedp.Navigate(registered["page_url"].(string)),
		chromedp.WaitVisible(`#anxin[data-live="socket"]`, chromedp.ByQuery),
	); err != nil {
		t.Fatalf("%v\n%s", err, p.logs())
	}
	p.call("POST", "/v1/ops/announcements", object{
		"texts": []object{{"lang": "en", "text": "Slower today"}, {"lang": "zh-CN", "text": "今天比平时慢"}},
		"until": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	})
	if err := chromedp.Run(ctx,
		chromedp.WaitVisible("#announcement", chromedp.ByQuery), chromedp.Text("#announcement", &shown, chromedp.ByQuery),
		chromedp.Click(`#feedback-form button[value="no"]`, chromedp.ByQuery),
		chromedp.WaitNotVisible("#feedback-form .pair", chromedp.ByQuery), chromedp.Text("#feedback", &helped, chromedp.ByQuery),
	); err != nil {
		t.Fatalf("%v\n%s", err, p.logs())
	}
	if !strings.Contains(shown, "Slower today") && !strings.Contains(shown, "今天比平时慢") {
		t.Errorf("announced is %q", shown)
	}
	if helped == "" {
		t.Error("nobody says thank you")
	}
	if _, list := p.call("GET", "/v1/ops/feedback?order_no=A1", nil); len(list["items"].([]any)) != 1 || list["items"].([]any)[0].(object)["helped"] != false {
		t.Errorf("feedback %v", list)
	}
	p.pay("A1", object{"outcome": "succeeded"})
	if err := chromedp.Run(ctx,
		chromedp.WaitVisible(`#anxin[data-status="succeeded"]`, chromedp.ByQuery),
		chromedp.Navigate("about:blank"), // the page has been touched, and stays: another one has not
		chromedp.Navigate(registered["page_url"].(string)),
		chromedp.WaitVisible("#order-of-shop", chromedp.ByQuery),
	); err != nil {
		t.Fatalf("%v\n%s", err, p.logs())
	}
}
