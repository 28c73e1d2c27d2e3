package sandbox

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func TestBadPlansAreRefusedByName(t *testing.T) {
	t.Parallel()
	w := setup(t)
	const start = `{"order_no":"A1","amount":{"minor":8800,"currency":"CNY"},`
	for _, test := range []struct {
		content, code, field string
		status               int
	}{
		{``, "invalid_json", "", 400},
		{`{`, "invalid_json", "", 400},
		{`[]`, "invalid_json", "", 400},
		{start + `"outcome":"succeeded"}x`, "invalid_json", "", 400},
		{start + `"outcome":"succeeded","outcome":"declined"}`, "invalid_json", "outcome", 400},
		{start + `"outcome":"succeeded","fault":1}`, "unknown_field", "fault", 400},
		{start + `"outcome":"succeeded","callback":{"late":"1s"}}`, "unknown_field", "late", 400},
		{start + `"outcome":"succeeded","callback":{"times":"two"}}`, "invalid_json", "callback.times", 400},
		{start + `"outcome":"won"}`, "invalid_field", "outcome", 422},
		{`{"order_no":"A 1","amount":{"minor":8800,"currency":"CNY"},"outcome":"succeeded"}`, "invalid_field", "order_no", 422},
		{`{"order_no":"A1","amount":{"minor":0,"currency":"CNY"},"outcome":"succeeded"}`, "invalid_field", "amount", 422},
		{`{"order_no":"A1","amount":{"minor":1,"currency":"ABC"},"outcome":"succeeded"}`, "invalid_field", "amount", 422},
		{start + `"outcome":"succeeded","callback":{"delay":"25h"}}`, "invalid_field", "callback.delay", 422},
		{start + `"outcome":"succeeded","callback":{"delay":"-1s"}}`, "invalid_field", "callback.delay", 422},
		{start + `"outcome":"succeeded","callback":{"delay":5}}`, "invalid_field", "callback.delay", 422},
		{start + `"outcome":"succeeded","callback":{"times":21}}`, "invalid_field", "callback.times", 422},
		{start + `"outcome":"succeeded","query":{"processing":-1}}`, "invalid_field", "query.processing", 422},
		{start + `"outcome":"succeeded","query":{"not_found":1001}}`, "invalid_field", "query.not_found", 422},
		{start + `"outcome":"succeeded","backend":{"fail":1001}}`, "invalid_field", "backend.fail", 422},
		{start + `"outcome":"succeeded","refund":{"after":"soon"}}`, "invalid_field", "refund.after", 422},
		{start + `"outcome":"succeeded","refund":{"minor":8801}}`, "invalid_field", "refund.minor", 422},
		{start + `"subject":"` + strings.Repeat("x", maxJSON) + `"}`, "body_too_large", "", 413},
	} {
		response, raw := w.do("POST", "/sandbox/v1/payments", "application/json", test.content)
		var p problem
		if err := json.Unmarshal([]byte(raw), &p); err != nil {
			t.Fatalf("%.80s: %v in %s", test.content, err, raw)
		}
		if response.StatusCode != test.status || p.Code != test.code || p.Field != test.field || p.Status != test.status ||
			response.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%.120s: %d %s", test.content, response.StatusCode, raw)
		}
	}
	if response, raw := w.do("GET", "/sandbox/v1/payments/A1", "", ""); response.StatusCode != http.StatusNotFound || !strings.Contains(raw, "payment_not_found") {
		t.Errorf("a refused plan left %d %s", response.StatusCode, raw)
	}
}

func TestPaymentIsShownAsItStands(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.run()
	w.pay("A1", `"outcome":"succeeded","callback":{"delay":"0s","lost":false,"times":1,"bad_signature":false,"wrong_amount":false},`+
		`"query":{"processing":0,"not_found":0,"timeout":0},"backend":{"fail":3},"refund":{"after":"10m","credited_after":"20s","minor":8800}`)
	w.callback()
	w.settled("A1", 1)
	if _, err := w.query("A1"); err != nil {
		t.Fatal(err)
	}
	response, raw := w.do("GET", "/sandbox/v1/payments/A1", "", "")
	var shown struct {
		OrderNo   string `json:"order_no"`
		State     string `json:"state"`
		Plan      Plan   `json:"plan"`
		Used      usage  `json:"used"`
		Sent      int    `json:"callbacks_sent"`
		Callbacks []delivery
		Webhooks  []webhookReceipt
	}
	if err := json.Unmarshal([]byte(raw), &shown); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || shown.OrderNo != "A1" || shown.State != "succeeded" || shown.Used.Queries != 1 || shown.Sent != 1 ||
		len(shown.Callbacks) != 1 || !shown.Callbacks[0].Accepted || shown.Plan.Backend.Fail != 3 ||
		time.Duration(shown.Plan.Refund.After) != 10*time.Minute || shown.Webhooks == nil {
		t.Errorf("%d %s", response.StatusCode, raw)
	}
	if response, raw := w.do("POST", "/sandbox/v1/payments", "", `{"order_no":"A1","amount":{"minor":8800,"currency":"CNY"},"outcome":"succeeded"}`); response.StatusCode != http.StatusConflict || !strings.Contains(raw, "payment_exists") {
		t.Errorf("the same number again: %d %s", response.StatusCode, raw)
	}
}

// hook sends a webhook that the reference implementation has signed.
func (w *world) hook(id, content string, at time.Time) (status int, answer string) {
	w.t.Helper()
	signer, err := standardwebhooks.NewWebhook(testWebhook)
	if err != nil {
		w.t.Fatal(err)
	}
	signature, err := signer.Sign(id, at, []byte(content))
	if err != nil {
		w.t.Fatal(err)
	}
	response, raw := w.do("POST", "/sandbox/backend/webhook", "application/json", content,
		"webhook-id", id, "webhook-timestamp", strconv.FormatInt(at.Unix(), 10), "webhook-signature", "v1a,other "+signature)
	return response.StatusCode, raw
}

func webhookOf(no, kind string, seq int) string {
	return `{"type":"` + kind + `","timestamp":"2026-11-23T08:00:00.000Z","data":{"order_no":"` + no + `","seq":` + strconv.Itoa(seq) + `,"more":{}}}`
}

func TestBackendTakesSignedWebhooksOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.pay("A1", `"outcome":"succeeded","backend":{"fail":2},"callback":{"lost":true}`)
	content, now := webhookOf("A1", "order.succeeded", 4), time.Now()
	for try, want := range []int{500, 500, 200, 200} {
		if status, raw := w.hook("msg_1", content, now); status != want {
			t.Errorf("try %d: %d %s", try, status, raw)
		}
	}
	hooks, err := w.sandbox.store.webhooks(t.Context(), "A1")
	if err != nil || len(hooks) != 1 || hooks[0].WebhookID != "msg_1" || hooks[0].Type != "order.succeeded" || hooks[0].Seq != 4 {
		t.Errorf("kept %+v, error %v", hooks, err)
	}
	if status, raw := w.hook("msg_2", webhookOf("ELSEWHERE", "order.failed", 2), now); status != 200 {
		t.Errorf("webhook of an order that the channel does not know: %d %s", status, raw)
	}
}

func TestBackendRefusesWhatItCannotTrust(t *testing.T) {
	t.Parallel()
	w := setup(t)
	content, now := webhookOf("A1", "order.succeeded", 4), time.Now()
	if status, _ := w.hook("msg_1", content, now.Add(-time.Hour)); status != 401 {
		t.Errorf("stale: %d", status)
	}
	if status, _ := w.hook(strings.Repeat("m", maxWebhookID+1), content, now); status != 401 {
		t.Errorf("long id: %d", status)
	}
	if status, _ := w.hook("msg_1", "not json", now); status != 400 {
		t.Errorf("signed nonsense: %d", status)
	}
	for name, header := range map[string][]string{
		"unsigned": nil,
		"forged":   {"webhook-id", "msg_1", "webhook-timestamp", strconv.FormatInt(now.Unix(), 10), "webhook-signature", "v1,AAAA"},
	} {
		if response, _ := w.do("POST", "/sandbox/backend/webhook", "application/json", content, header...); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, response.StatusCode)
		}
	}
	if response, _ := w.do("POST", "/sandbox/backend/webhook", "", strings.Repeat(" ", maxWebhook+1)); response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %d", response.StatusCode)
	}
	if hooks, err := w.sandbox.store.webhooks(t.Context(), "A1"); err != nil || len(hooks) != 0 {
		t.Errorf("kept %+v, error %v", hooks, err)
	}
}
