package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anxin/engine/channel/stripe/stripetest"
	"anxin/engine/order"
)

// stripeShop is a server with an account at Stripe, whose API is played by the test.
type stripeShop struct{ *process }

// apiAnswer is what the API answers to a question.
type apiAnswer func(question string) (status int, answer stripetest.Object)

// startStripeShop sets an account up as the guide says.
func startStripeShop(t *testing.T, answer apiAnswer) stripeShop {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := (stripetest.Vendor{}).Check(r); err != nil {
			t.Errorf("asked %s: %v", r.URL, err)
		}
		status, answered := answer(r.Method + " " + r.URL.Path + " " + r.URL.Query().Get("query"))
		w.WriteHeader(status)
		_, _ = w.Write(answered.JSON())
	}))
	t.Cleanup(api.Close)
	dir := t.TempDir()
	files := map[string]string{"endpoint.secret": stripetest.Secret + "\n", "anxin.yaml": weighedFirst + `
channels:
  stripe:
    provider: stripe
    schedule: [1s, 3s, 5s, 7s, 9s]
    account:
      api_key: env:STRIPE_API_KEY
      endpoint_secrets: [file:endpoint.secret]
      api_url: ` + api.URL + `
`}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return stripeShop{startServer(t, filepath.Join(dir, "data"),
		"ANXIN_CONFIG="+filepath.Join(dir, "anxin.yaml"), "ANXIN_LOG_LEVEL=debug", "STRIPE_API_KEY="+stripetest.APIKey)}
}

// claimed registers an order that its payer says to have paid, and returns its view token.
func (s stripeShop) claimed(orderNo string) string {
	s.t.Helper()
	r := registration(orderNo)
	r["channel"] = "stripe"
	status, answer := s.call(http.MethodPost, "/v1/orders", r)
	if status != http.StatusCreated {
		s.t.Fatalf("register %s: %d %v", orderNo, status, answer)
	}
	s.call(http.MethodPost, "/v1/orders/"+orderNo+"/claim", nil)
	return answer["view_token"].(string)
}

// send delivers an event, signed with a secret, and returns the status of the answer.
func (s stripeShop) send(event stripetest.Object, secret string) int {
	s.t.Helper()
	signed := stripetest.Request(event.JSON(), time.Now(), secret)
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.base+"/v1/callbacks/stripe", bytes.NewReader(signed.Body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = signed.Header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

const markedBuyer = "marked-buyer@shop.example"

// intentFor is the payment intent about an order.
func intentFor(orderNo, status string) stripetest.Object {
	return stripetest.Intent("pi_"+orderNo, orderNo, status, 8800, "cny", time.Now(), markedBuyer)
}

// stripeEvent is an event, with an id that is new for each kind and order.
func stripeEvent(kind string, about stripetest.Object) stripetest.Object {
	return stripetest.Event(fmt.Sprintf("evt_%s_%s", strings.ReplaceAll(kind, ".", "_"), about["id"]), kind, time.Now(), about)
}

func paidEvent(orderNo string) stripetest.Object {
	return stripeEvent("payment_intent.succeeded", intentFor(orderNo, "succeeded"))
}

// wantNothingMarked looks for what no frame and no log may hold.
func (s stripeShop) wantNothingMarked(frames []watched) {
	s.t.Helper()
	text := s.logs() + s.text("/metrics")
	for _, f := range frames {
		text += string(f.frame.Data)
	}
	for _, part := range []string{"marked", "Marked", "pi_P", "evt_", "rk_test", "whsec_", "resource_missing", "card_declined"} {
		if strings.Contains(text, part) {
			s.t.Errorf("%q is in a frame, in the metrics or in the log", part)
		}
	}
}

// nothingFound is an API that knows of no payment.
func nothingFound(string) (int, stripetest.Object) {
	return http.StatusOK, stripetest.Object{"object": "search_result", "data": []string{}}
}

// TestStripeEventReachesThePage takes a signed event to the page's frame, then the same
// one again, and the refunds that follow.
func TestStripeEventReachesThePage(t *testing.T) {
	t.Parallel()
	s := startStripeShop(t, nothingFound)
	token := s.claimed("P1")
	if got := s.send(paidEvent("P1"), "whsec_of_somebody_else"); got != http.StatusUnauthorized {
		t.Errorf("a forged event is answered %d", got)
	}
	if got := s.send(stripeEvent("payment_intent.payment_failed", intentFor("P1", "requires_payment_method")), stripetest.Secret); got != http.StatusOK {
		t.Errorf("answered %d", got)
	}
	if status := s.order("P1")["status"]; status != string(order.StatusConfirming) {
		t.Errorf("after an attempt that was declined it is %v", status)
	}
	for range 2 {
		if got := s.send(paidEvent("P1"), stripetest.Secret); got != http.StatusOK {
			t.Errorf("answered %d", got)
		}
	}
	frames := s.watch("P1", token)
	if last := frames[len(frames)-1]; last.Status != order.StatusSucceeded {
		t.Errorf("ends as %s", last.Status)
	}
	refund := func(id, status string, fen int64) stripetest.Object {
		return stripetest.Refund(id, "pi_P1", "P1", status, fen, "cny", time.Now())
	}
	s.send(stripeEvent("refund.created", refund("re_1", "succeeded", 2000)), stripetest.Secret)
	if status := s.order("P1")["status"]; status != string(order.StatusSucceeded) {
		t.Errorf("after a refund in part it is %v", status)
	}
	s.send(stripeEvent("refund.created", refund("re_2", "pending", 6800)), stripetest.Secret)
	if status := s.order("P1")["status"]; status != string(order.StatusRefunding) {
		t.Errorf("while the rest is on its way it is %v", status)
	}
	s.send(stripeEvent("refund.updated", refund("re_2", "succeeded", 6800)), stripetest.Secret)
	if status := s.order("P1")["status"]; status != string(order.StatusRefunded) {
		t.Errorf("after the refund of the rest it is %v", status)
	}
	s.wantNothingMarked(frames)
}

// TestStripeLostEventIsFoundByQuery has the event get lost: the API is busy, then the
// search knows nothing yet, then shows an old state, then the payment is there.
func TestStripeLostEventIsFoundByQuery(t *testing.T) {
	t.Parallel()
	var searches atomic.Int64
	s := startStripeShop(t, func(question string) (int, stripetest.Object) {
		paid := intentFor("P2", "succeeded")
		switch question {
		case "GET /v1/payment_intents/search metadata['order_no']:'P2'":
		case "GET /v1/payment_intents/pi_P2 ":
			if searches.Load() == 3 {
				return http.StatusOK, intentFor("P2", "processing")
			}
			return http.StatusOK, paid.With("latest_charge", stripetest.Charge("pi_P2", "P2", 8800, 0, "cny", time.Now(), markedBuyer))
		default:
			t.Errorf("asked %q", question)
		}
		switch searches.Add(1) {
		case 1:
			return http.StatusTooManyRequests, stripetest.Failure("invalid_request_error", "lock_timeout")
		case 2:
			return nothingFound(question)
		}
		return http.StatusOK, stripetest.Object{"object": "search_result", "data": []stripetest.Object{intentFor("P2", "requires_payment_method")}}
	})
	frames := s.watch("P2", s.claimed("P2"))
	if last := frames[len(frames)-1]; last.Status != order.StatusSucceeded || last.Attempt != 4 {
		t.Errorf("ends as %s after %d attempts", last.Status, last.Attempt)
	}
	if timeline := fmt.Sprint(s.order("P2")["timeline"]); !strings.Contains(timeline, string(order.DiagnosisCallbackMissing)) {
		t.Error("no event was diagnosed as callback_missing")
	}
	s.wantNothingMarked(frames)
}

// TestStripeWrongAmountIsNeverPaid holds that a true signature about another amount,
// currency, mode or account opens a case and moves nothing.
func TestStripeWrongAmountIsNeverPaid(t *testing.T) {
	t.Parallel()
	s := startStripeShop(t, nothingFound)
	received := func(orderNo string, changes ...any) stripetest.Object {
		return stripeEvent("payment_intent.succeeded", intentFor(orderNo, "succeeded").With(changes...))
	}
	for orderNo, test := range map[string]struct {
		event stripetest.Object
		kind  order.CaseKind
	}{
		"P3": {received("P3", "amount_received", 8799), order.CaseAmountMismatch},
		"P4": {received("P4", "currency", "usd"), order.CaseAmountMismatch},
		"P5": {paidEvent("P5").With("livemode", true), order.CaseMerchantMismatch},
		"P6": {paidEvent("P6").With("account", "acct_2002"), order.CaseMerchantMismatch},
	} {
		s.claimed(orderNo)
		if got := s.send(test.event, stripetest.Secret); got != http.StatusOK {
			t.Errorf("%s: answered %d", orderNo, got)
		}
		o := s.order(orderNo)
		if cases := fmt.Sprint(o["cases"]); o["status"] != string(order.StatusConfirming) || !strings.Contains(cases, string(test.kind)) {
			t.Errorf("%s: %v with cases %s", orderNo, o["status"], cases)
		}
	}
	s.wantNothingMarked(nil)
}

// TestStripeGuide runs the guide as it stands: its configuration, its check and its
// rehearsal, in which openssl takes Stripe's part.
func TestStripeGuide(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../docs/channels-stripe.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, base := t.TempDir(), freeAddress(t)
	sh := func(script string) string {
		t.Helper()
		script = strings.NewReplacer("http://127.0.0.1:8080", "http://"+base, "go run ./server", binary).Replace(script)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, "bash", "-euc", script)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "ANXIN_CONFIG=anxin.yaml", "ANXIN_DATA_DIR="+filepath.Join(dir, "data"), "ANXIN_LISTEN="+base)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, script, out)
		}
		return string(out)
	}
	if err := os.WriteFile(filepath.Join(dir, "anxin.yaml"), []byte(weighedFirst+fenced(t, string(guide), "provider: stripe")), 0o600); err != nil {
		t.Fatal(err)
	}
	sh(fenced(t, string(guide), "> stripe/endpoint.secret"))
	if found := sh(fenced(t, string(guide), "channels check")); !strings.Contains(found, "API key") || strings.Contains(found, "error") {
		t.Errorf("the check finds %s", found)
	}
	p := startServerAt(t, filepath.Join(dir, "data"), base, "ANXIN_CONFIG="+filepath.Join(dir, "anxin.yaml"))
	if out := sh(fenced(t, string(guide), "ORDER=R$(date +%s)")); !strings.Contains(out, "200") || !strings.Contains(out, `"succeeded"`) {
		t.Errorf("the rehearsal says %s\n%s", out, p.logs())
	}
}
