package main

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// shortPlan tells at once what the built-in plan tells after minutes, at any hour. The test
// asks for each check, so that the loss lasts until it has seen what is told meanwhile.
const shortPlan = `stages: {delayed: 1s, prolonged: 1h}
check_gap: 1s
channels: {sandbox: {schedule: [12h]}}
notifications:
  quiet_hours: {}
  rules:
    - notices: [delayed]
      tell: [{ channel: inbox }, { channel: sms }]
    - notices: [succeeded]
      tell: [{ channel: inbox }, { channel: sms }, { channel: email }]
`

// tokenOfInbox finds the way from an order's page to the messages.
var tokenOfInbox = regexp.MustCompile(`action="/inbox"><input type="hidden" name="k" value="([^"]+)"`)

// TestTheDemoTellsTheStoryOfALoss is the README's: somebody buys in the simulated shop, pays
// and leaves; nothing is heard for a while, then the payment is found. The message centre,
// the outbox and the printed SMS tell of each stage, once and in order.
func TestTheDemoTellsTheStoryOfALoss(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startServer(t, dir, withConfig(t, dir, shortPlan))
	if !strings.Contains(p.logs(), "/sandbox/outbox") || !strings.Contains(p.text("/sandbox?lang=en"), `href="/sandbox/outbox?lang=en"`) {
		t.Errorf("nothing leads to the outbox:\n%s", p.logs())
	}
	cashier := p.form(t, "/sandbox/buy", url.Values{"item": {"tea"}, "preset": {"two_minutes"}, "lang": {"en"}}, http.StatusSeeOther).Get("Location")
	orderNo, _, _ := strings.Cut(strings.TrimPrefix(cashier, "/sandbox/cashier/"), "?")
	p.form(t, "/sandbox/cashier/"+orderNo, url.Values{"action": {"pay"}, "preset": {"two_minutes"}}, http.StatusSeeOther)
	found := tokenOfInbox.FindStringSubmatch(p.text("/sandbox/return/" + orderNo))
	if found == nil {
		t.Fatalf("the order's page does not lead to messages\n%s", p.logs())
	}
	p.told(found[1], orderNo, []string{"delayed"}, []string{"sms: is being confirmed"})
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for known := ""; known != "succeeded"; <-again.C { // six times "processing", then the truth
		p.call(http.MethodPost, "/v1/orders/"+orderNo+"/query", nil) // refused while it is too soon
		_, answer := p.call(http.MethodGet, "/v1/orders/"+orderNo, nil)
		known = answer["status"].(string)
	}
	p.told(found[1], orderNo, []string{"delayed", "succeeded"}, []string{"sms: is being confirmed", "sms: is confirmed", "email: is confirmed"})
	outbox := p.text("/sandbox/outbox?lang=en")
	for _, want := range []string{" × GSM-7, ", "<h2>Payment confirmed</h2>", "g***@example.com", `href="/sandbox/return/` + orderNo + `"`} {
		if !strings.Contains(outbox, want) {
			t.Errorf("the outbox lacks %q:\n%s", want, outbox)
		}
	}
	if strings.Contains(outbox, "5550143") || strings.Contains(outbox, "guest@") || strings.Contains(p.logs(), "5550143") || strings.Contains(p.logs(), "guest@") {
		t.Error("a recipient is shown whole")
	}
	if n := strings.Count(p.logs(), "sandbox: a message was sent"); n != 3 {
		t.Errorf("%d messages were printed:\n%s", n, p.logs())
	}
}

// told waits until the message centre and the outbox tell of an order what they should, and
// nothing else.
func (p *process) told(token, orderNo string, notices, sent []string) {
	p.t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	var inbox, outbox []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-again.C {
		inbox, outbox = nil, nil
		_, answer := p.call(http.MethodGet, "/v1/inbox", nil, "Authorization", "Bearer "+token)
		for _, it := range answer["items"].([]any) {
			inbox = append(inbox, it.(object)["notice"].(string))
		}
		slices.Reverse(inbox)
		_, answer = p.call(http.MethodGet, "/sandbox/v1/messages", nil)
		for _, it := range answer["items"].([]any) {
			m := it.(object)
			for _, words := range []string{"is being confirmed", "is confirmed"} {
				if m["order_no"] == orderNo && strings.Contains(m["text"].(string), words) {
					outbox = append(outbox, m["channel"].(string)+": "+words)
				}
			}
		}
		slices.Sort(outbox)
		slices.Sort(sent)
		if slices.Equal(inbox, notices) && slices.Equal(outbox, sent) {
			return
		}
	}
	p.t.Fatalf("inbox %q, want %q; outbox %q, want %q\n%s", inbox, notices, outbox, sent, p.logs())
}
