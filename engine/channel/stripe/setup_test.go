package stripe

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/channeltest"
	"anxin/engine/channel/stripe/stripetest"
	"anxin/engine/order"
)

// object is one of Stripe's.
type object = stripetest.Object

// config is what a merchant would enter.
func config(gateway, account string) Config {
	return Config{
		APIKey: stripetest.APIKey, EndpointSecrets: []string{stripetest.NextSecret, stripetest.Secret},
		Account: account, APIURL: gateway,
	}
}

// open returns the adapter, with a transport that ends with the test.
func open(tb testing.TB, cfg Config) *Channel {
	tb.Helper()
	transport := &http.Transport{}
	tb.Cleanup(transport.CloseIdleConnections)
	cfg.Client = &http.Client{Transport: transport}
	c, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// deaf returns an adapter that may not dial.
func deaf(tb testing.TB) *Channel {
	tb.Helper()
	cfg := config("", "")
	cfg.Client = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		tb.Errorf("dialled %s", r.URL)
		return nil, errors.New("not here")
	})}
	c, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// serve opens an adapter that asks an API, with an answer for each method and path.
func serve(tb testing.TB, answers map[string]object) *Channel {
	tb.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		question := r.Method + " " + r.URL.Path
		answer, ok := answers[question]
		if err := (stripetest.Vendor{}).Check(r); err != nil || !ok {
			tb.Errorf("asked %s: %v", question, err)
		}
		if status, ok := answer["status"].(int); ok {
			w.WriteHeader(status)
		}
		_, _ = w.Write(answer.JSON())
	}))
	tb.Cleanup(server.Close)
	return open(tb, config(server.URL, ""))
}

const (
	searched  = "GET /v1/payment_intents/search"
	retrieved = "GET /v1/payment_intents/pi_1"
	canceled  = "POST /v1/payment_intents/pi_1/cancel"
	listed    = "GET /v1/refunds"
)

var paidAt = time.Date(2026, 11, 23, 8, 0, 2, 0, time.UTC)

// anIntent is the suite's payment intent in a state.
func anIntent(status string) object {
	i := stripetest.Intent("pi_1", "A1001", status, 8800, "cny", paidAt, channeltest.MarkedPayer)
	if status == "succeeded" {
		i["latest_charge"] = aCharge(0)
	}
	return i
}

func aCharge(refunded int64) object {
	return stripetest.Charge("pi_1", "A1001", 8800, refunded, "cny", paidAt, channeltest.MarkedPayer)
}

func aRefund(id, status string, fen int64) object {
	return stripetest.Refund(id, "pi_1", "", status, fen, "cny", paidAt.Add(time.Minute))
}

func found(objects ...object) object { return object{"object": "search_result", "data": objects} }
func page(objects ...object) object  { return object{"object": "list", "data": objects} }

// failing is a refusal with its status.
func failing(status int, code string) object {
	return stripetest.Failure("invalid_request_error", code).With("status", status)
}

func about(refunds ...string) channel.Query {
	now := time.Now()
	return channel.Query{OrderNo: "A1001", Amount: cny(8800), RefundIDs: refunds, CreatedAt: now.Add(-time.Minute), ExpiresAt: now.Add(time.Hour)}
}

// cny is an amount in fen.
func cny(fen int64) order.Money { return order.Money{Minor: fen, Currency: "CNY"} }

// codeOf is the code of a query that brought no answer.
func codeOf(err error) string {
	if failed, ok := errors.AsType[*channel.QueryError](err); ok {
		return failed.Code
	}
	return ""
}
