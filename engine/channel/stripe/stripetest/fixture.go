package stripetest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/channeltest"
	"anxin/engine/order"
)

// Vendor is Stripe as the suite of channels wants it, with an account or with none.
type Vendor struct{ Account string }

// Merchant is what evidence about the account must name.
func (v Vendor) Merchant() string { return strings.TrimSuffix("test/"+v.Account, "/") }

// Provider implements channeltest.Fixture.
func (v Vendor) Provider() channeltest.Provider {
	return channeltest.Provider{
		Merchant: v.Merchant(), Price: order.Money{Minor: 8800, Currency: "CNY"},
		Success: channel.Answer{Status: http.StatusOK}, Headers: []string{"Stripe-Signature"}, Freshness: 5 * time.Minute,
		Notified: []channeltest.Word{
			{State: "payment_intent.succeeded succeeded", Claims: order.ClaimsSucceeded},
			{State: "checkout.session.completed paid", Claims: order.ClaimsSucceeded},
			{State: "checkout.session.async_payment_succeeded paid", Claims: order.ClaimsSucceeded},
			{State: "charge.refunded succeeded", Claims: order.ClaimsSucceeded},
			{State: "payment_intent.created requires_payment_method", Claims: order.ClaimsPending},
			{State: "payment_intent.payment_failed requires_payment_method", Claims: order.ClaimsPending},
			{State: "payment_intent.requires_action requires_action", Claims: order.ClaimsPending},
			{State: "payment_intent.processing processing", Claims: order.ClaimsProcessing},
			{State: "payment_intent.amount_capturable_updated requires_capture", Claims: order.ClaimsProcessing},
			{State: "checkout.session.completed unpaid", Claims: order.ClaimsProcessing},
			{State: "checkout.session.async_payment_failed unpaid", Claims: order.ClaimsFailed},
			{State: "payment_intent.canceled canceled", Claims: order.ClaimsClosed},
			{State: "checkout.session.expired unpaid", Claims: order.ClaimsClosed},
			{State: "refund.created pending", Claims: order.ClaimsRefunding},
			{State: "refund.updated requires_action", Claims: order.ClaimsRefunding},
			{State: "refund.created succeeded", Claims: order.ClaimsRefunded},
			{State: "refund.updated succeeded", Claims: order.ClaimsRefunded},
			{State: "charge.refund.updated succeeded", Claims: order.ClaimsRefunded},
			{State: "refund.failed failed", Claims: order.ClaimsRefundFailed},
			{State: "refund.updated canceled", Claims: order.ClaimsRefundFailed},
		},
		Answered: []channeltest.Word{
			{State: "requires_payment_method", Claims: order.ClaimsPending},
			{State: "requires_confirmation", Claims: order.ClaimsPending},
			{State: "requires_action", Claims: order.ClaimsPending},
			{State: "processing", Claims: order.ClaimsProcessing},
			{State: "requires_capture", Claims: order.ClaimsProcessing},
			{State: "succeeded", Claims: order.ClaimsSucceeded},
			{State: "canceled", Claims: order.ClaimsClosed},
			{State: "pending", Claims: order.ClaimsRefunding},
			{State: "requires_action", Claims: order.ClaimsRefunding},
			{State: "succeeded", Claims: order.ClaimsRefunded},
			{State: "failed", Claims: order.ClaimsRefundFailed},
			{State: "canceled", Claims: order.ClaimsRefundFailed},
		},
		Unanswered: []order.Claimed{order.ClaimsFailed}, RefundsAlone: true,
		NoProbes: true, UnsignedAnswers: true,
		Secrets: []string{APIKey, Secret, NextSecret, Words, "MarkedKey", "MarkedSecret"},
	}
}

// intentOf is the number of the payment intent that is told of.
func intentOf(told channeltest.Told) string { return "pi_" + told.Txn }

// currency is how Stripe writes one.
func currency(m order.Money) string { return strings.ToLower(m.Currency) }

// Callback implements channeltest.Fixture. Its states are the type of the event and the
// status of the object.
func (v Vendor) Callback(_ testing.TB, c channeltest.Callback) channel.Request {
	kind, status, _ := strings.Cut(c.Told.State, " ")
	e := Event("evt_"+c.ID, kind, c.Told.At, told(c.Told, kind, status))
	mode, account, _ := strings.Cut(c.Told.Merchant, "/")
	e["livemode"] = mode != "test"
	if account != "" {
		e["account"] = account
	}
	if c.Twist == channeltest.TwistUnrelated {
		e = e.With("type", "charge.dispute.created", "data", Object{"object": Object{"object": "dispute", "metadata": Object{"order_no": c.Told.OrderNo}}})
	}
	body, secret := e.JSON(), Secret
	switch c.Twist {
	case channeltest.TwistRepeated:
		body = []byte(strings.Replace(string(body), `"order_no":`, `"order_no": "A9999", "order_no":`, 1))
	case channeltest.TwistWrongKey:
		secret = "whsec_of_somebody_else" // #nosec G101 -- of nobody
	case channeltest.Straight, channeltest.TwistUnrelated, channeltest.TwistProbe:
	}
	r := Request(body, c.SignedAt, secret)
	r.ReceivedAt = c.ReceivedAt
	return r
}

// told is the object of an event.
func told(t channeltest.Told, kind, status string) Object {
	const payer = channeltest.MarkedPayer
	units, cur, intent := t.Amount.Minor, currency(t.Amount), intentOf(t)
	switch {
	case t.Refund != nil:
		return Refund(t.Refund.ID, intent, t.OrderNo, status, t.Refund.Amount.Minor, cur, t.Refund.At)
	case kind == "charge.refunded":
		return Charge(intent, t.OrderNo, units, units, cur, t.At, payer)
	case strings.HasPrefix(kind, "checkout."):
		return Session(intent, t.OrderNo, status, units, cur, t.At, payer)
	}
	return Intent(intent, t.OrderNo, status, units, cur, t.At, payer)
}

// Sign implements channeltest.Fixture.
func (v Vendor) Sign(_ testing.TB, body []byte, at time.Time) channel.Request {
	return Request(body, at, Secret)
}

// Answer implements channeltest.Fixture.
func (v Vendor) Answer(t testing.TB, w http.ResponseWriter, r *http.Request, s channeltest.Script) {
	t.Helper()
	if err := v.Check(r); err != nil {
		t.Errorf("asked %s %s: %v", r.Method, r.URL, err)
	}
	if status, failure := refusalOf(s, r); status != 0 {
		w.WriteHeader(status)
		_, _ = w.Write(failure.JSON())
		return
	}
	answer, ok := reply(s, r)
	if !ok {
		t.Errorf("asked %s %s", r.Method, r.URL)
		w.WriteHeader(http.StatusNotFound)
		return
	}
	body := answer.JSON()
	if s.Fault == channeltest.FaultRepeated {
		body = []byte(strings.Replace(string(body), `"order_no":`, `"order_no": "A9999", "order_no":`, 1))
	}
	if s.Fault == channeltest.FaultRaw {
		body = s.Raw
	}
	_, _ = w.Write(body) // #nosec G705 -- the suite's own bytes
}

// Check is what the API demands of any question.
func (v Vendor) Check(r *http.Request) error {
	if got := r.Header.Get("Authorization"); got != "Bearer "+APIKey {
		return fmt.Errorf("with %d bytes of another authorization", len(got))
	}
	if got := r.Header.Get("Stripe-Account"); got != v.Account {
		return fmt.Errorf("for account %q, want %q", got, v.Account)
	}
	if r.Header.Get("Stripe-Version") == "" || r.Header.Get("X-Stripe-Client-Telemetry") != "" {
		return fmt.Errorf("with headers %v", slices.Sorted(keys(r.Header)))
	}
	return nil
}

func keys(h http.Header) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range h {
			if !yield(name) {
				return
			}
		}
	}
}

// refusalOf is how the API refuses, status 0 if it does not.
func refusalOf(s channeltest.Script, r *http.Request) (int, Object) {
	switch s.Fault {
	case channeltest.FaultDenied:
		return http.StatusUnauthorized, Failure("invalid_request_error", "api_key_expired")
	case channeltest.FaultParameters:
		return http.StatusBadRequest, Failure("invalid_request_error", "parameter_unknown")
	case channeltest.FaultBusy:
		return http.StatusTooManyRequests, Failure("invalid_request_error", "lock_timeout")
	default:
	}
	if s.Close == channeltest.CloseDenied && r.Method == http.MethodPost {
		return http.StatusForbidden, Failure("invalid_request_error", "more_permissions_required")
	}
	return 0, nil
}

// reply is what the API answers, ok false to a question that it does not know.
func reply(s channeltest.Script, r *http.Request) (answer Object, ok bool) {
	found, about := []Object{paymentOf(s)}, intentOf(s.Told)
	if s.Fault == channeltest.FaultNotFound {
		found = nil
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /v1/payment_intents/search":
		ok = strings.HasPrefix(r.URL.Query().Get("query"), "metadata['order_no']:'")
		return Object{"object": "search_result", "url": "/v1/payment_intents/search", "has_more": false, "data": found}, ok
	case "GET /v1/payment_intents/" + about:
		return found[0], true
	case "POST /v1/payment_intents/" + about + "/cancel":
		return found[0].With("status", "canceled"), true
	case "GET /v1/refunds":
		refunds := []Object{}
		if told := s.Told; told.Refund != nil && s.Fault != channeltest.FaultRefundAbsent {
			refunds = append(refunds, Refund(told.Refund.ID, about, "", told.State, told.Refund.Amount.Minor, currency(told.Amount), told.Refund.At))
		}
		return Object{"object": "list", "url": "/v1/refunds", "has_more": false, "data": refunds}, r.URL.Query().Get("payment_intent") == about
	}
	return nil, false
}

// paymentOf is the payment intent that a script tells of, its charge with it.
func paymentOf(s channeltest.Script) Object {
	told := s.Told
	status := told.State
	if told.Refund != nil {
		status = "succeeded"
	}
	if s.Close == channeltest.CloseDenied {
		status = "requires_payment_method"
	}
	cur := currency(told.Amount)
	i := Intent(intentOf(told), told.OrderNo, status, told.Amount.Minor, cur, told.At, channeltest.MarkedPayer)
	if status == "succeeded" {
		i["latest_charge"] = Charge(intentOf(told), told.OrderNo, told.Amount.Minor, 0, cur, told.At, channeltest.MarkedPayer)
	}
	return i
}
