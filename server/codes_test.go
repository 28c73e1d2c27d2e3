package main

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTheCodeOfALookupReachesThePayersPhone walks the way back to an order: the number, the
// code out of the simulated SMS, and the page.
func TestTheCodeOfALookupReachesThePayersPhone(t *testing.T) {
	t.Parallel()
	p := startServer(t, t.TempDir())
	order := registration("A1")
	order["payer"] = object{"id": "u-1", "locale": "en", "phone": "+8613800138000"}
	if status, answer := p.call(http.MethodPost, "/v1/orders", order); status != http.StatusCreated {
		t.Fatalf("register: %d %v", status, answer)
	}
	p.form(t, "/orders", url.Values{"order_no": {"A1"}}, http.StatusOK)
	code := p.texted(t, regexp.MustCompile(`\b\d{4} ?\d{4}\b`))
	found := p.form(t, "/orders/code", url.Values{"order_no": {"A1"}, "code": {code}}, http.StatusSeeOther)
	if to := found.Get("Location"); !strings.HasPrefix(to, "/pay/A1?k=") || !strings.Contains(p.text(to), `data-status="awaiting_payment"`) {
		t.Errorf("leads to %q", to)
	}
	p.form(t, "/orders/code", url.Values{"order_no": {"A1"}, "code": {code}}, http.StatusUnprocessableEntity)
	if logs := p.logs(); strings.Contains(logs, "13800138000") { // the code is there: that is where the simulated SMS is read
		t.Errorf("the log:\n%s", logs)
	}
}

// texted waits for a message in the outbox of the simulated provider that holds a text.
func (p *process) texted(t *testing.T, text *regexp.Regexp) string {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-again.C {
		_, answer := p.call(http.MethodGet, "/sandbox/v1/messages", nil)
		items, _ := answer["items"].([]any)
		for _, it := range items {
			body, _ := it.(map[string]any)["text"].(string)
			if found := text.FindString(body); found != "" {
				return found
			}
		}
	}
	t.Fatalf("no message holds %s\n%s", text, p.logs())
	return ""
}

// form posts a form as a browser without scripts does, and does not follow where it leads.
func (p *process) form(t *testing.T, path string, values url.Values, want int) http.Header {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.base+path, strings.NewReader(values.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != want {
		t.Fatalf("%s: %d, want %d", path, resp.StatusCode, want)
	}
	return resp.Header
}
