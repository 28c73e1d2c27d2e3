// Package stripetest is Stripe as tests need it: it signs events, checks the questions
// that it is asked and answers them as the API does. It is made of the standard library and
// of Stripe's description alone, and shares no code with the adapter or with the library
// that the adapter is built on.
package stripetest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"anxin/engine/channel"
)

// The credentials of the account.
const (
	APIKey     = "rk_test_MarkedKey5e1f77a0"  // #nosec G101 -- of the tests
	LiveKey    = "rk_live_MarkedKey5e1f77a0"  // #nosec G101 -- of the tests
	Secret     = "whsec_MarkedSecret9d2b41c7" // #nosec G101 -- of the tests
	NextSecret = "whsec_MarkedSecretNext3a80" // #nosec G101 -- of the tests
	Account    = "acct_1001"
)

// Object is one of Stripe's.
type Object map[string]any

// With returns a copy with some members changed, nil removes one.
func (o Object) With(changes ...any) Object {
	c := maps.Clone(o)
	for pair := range slices.Chunk(changes, 2) {
		name := pair[0].(string)
		c[name] = pair[1]
		if pair[1] == nil {
			delete(c, name)
		}
	}
	return c
}

// JSON writes an object as Stripe does, indented.
func (o Object) JSON() []byte {
	raw, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		panic(err) // made of strings and numbers
	}
	return raw
}

// Signature is a header over a body, with a signature by each secret, and one of the kind
// that Stripe sends besides for tests.
func Signature(body []byte, at time.Time, secrets ...string) string {
	var header strings.Builder
	_, _ = fmt.Fprintf(&header, "t=%d", at.Unix())
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		_, _ = fmt.Fprintf(mac, "%d.%s", at.Unix(), body) // a hash takes everything
		header.WriteString(",v1=" + hex.EncodeToString(mac.Sum(nil)))
	}
	return header.String() + ",v0=" + strings.Repeat("0a", sha256.Size)
}

// Request is a callback of a body, signed with the secrets.
func Request(body []byte, at time.Time, secrets ...string) channel.Request {
	h := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "User-Agent": {"Stripe/1.0 (+https://stripe.com/docs/webhooks)"}}
	h.Set("Stripe-Signature", Signature(body, at, secrets...))
	return channel.Request{Header: h, Body: body, ReceivedAt: at}
}

// Event is an event of a type about an object.
func Event(id, kind string, at time.Time, object Object) Object {
	return Object{
		"id": id, "object": "event", "api_version": "2020-08-27", "created": at.Unix(), "livemode": false, "pending_webhooks": 1,
		"type": kind, "request": Object{"id": "req_1", "idempotency_key": nil}, "data": Object{"object": object},
	}
}

// Intent is a payment intent about an order in a state. Payer stands wherever Stripe names
// one.
func Intent(id, orderNo, status string, units int64, currency string, at time.Time, payer string) Object {
	received := int64(0)
	if status == "succeeded" {
		received = units
	}
	i := Object{
		"id": id, "object": "payment_intent", "amount": units, "amount_received": received, "amount_capturable": 0, "currency": currency,
		"status": status, "livemode": false, "created": at.Unix(), "canceled_at": nil, "latest_charge": nil, "last_payment_error": nil,
		"client_secret": id + "_secret_" + payer, "receipt_email": payer, "description": payer, "capture_method": "automatic",
		"payment_method_types": []string{"card", "link"}, "metadata": Object{"order_no": orderNo, "shop": "tea"},
	}
	switch status {
	case "requires_payment_method":
		i["last_payment_error"] = Object{"code": "card_declined", "decline_code": "insufficient_funds", "message": payer, "type": "card_error"}
	case "canceled":
		i["canceled_at"], i["cancellation_reason"] = at.Unix(), "requested_by_customer"
	case "succeeded":
		i["latest_charge"] = "ch_1"
	}
	return i
}

// Charge is the charge of a payment intent that was paid, with what was given back of it.
func Charge(intent, orderNo string, units, refunded int64, currency string, at time.Time, payer string) Object {
	return Object{
		"id": "ch_1", "object": "charge", "amount": units, "amount_captured": units, "amount_refunded": refunded, "refunded": refunded >= units,
		"captured": true, "currency": currency, "created": at.Unix(), "livemode": false, "paid": true, "status": "succeeded",
		"payment_intent": intent, "billing_details": Object{"email": payer, "name": payer}, "metadata": Object{"order_no": orderNo},
	}
}

// Refund is a refund of a payment intent.
func Refund(id, intent, orderNo, status string, units int64, currency string, at time.Time) Object {
	return Object{
		"id": id, "object": "refund", "amount": units, "currency": currency, "status": status, "created": at.Unix(), "charge": "ch_1",
		"payment_intent": intent, "reason": "requested_by_customer", "metadata": Object{"order_no": orderNo},
	}
}

// Session is a checkout session about an order.
func Session(intent, orderNo, paid string, units int64, currency string, at time.Time, payer string) Object {
	return Object{
		"id": "cs_test_1", "object": "checkout.session", "mode": "payment", "client_reference_id": orderNo, "metadata": Object{},
		"amount_subtotal": units, "amount_total": units, "currency": currency, "created": at.Unix(), "livemode": false,
		"payment_intent": intent, "payment_status": paid, "customer_details": Object{"email": payer, "phone": payer},
	}
}

// Failure is what the API says when it refuses. Words are for people, and must not get
// anywhere.
func Failure(kind, code string) Object {
	return Object{"error": Object{"type": kind, "code": code, "message": Words + APIKey, "request_log_url": "https://dashboard.stripe.com/logs/req_1", "doc_url": "https://stripe.com/docs"}}
}

// Words begin what Stripe says to people.
const Words = "marked-words: "
