package stripe

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/stripe/stripetest"
	"anxin/engine/order"
)

func ask(tb testing.TB, c *Channel, q channel.Query) order.Evidence {
	tb.Helper()
	ev, err := c.Query(tb.Context(), q)
	if err != nil {
		tb.Fatal(err)
	}
	return ev
}

// The search may show an old state: the intent is read itself.
func TestQueryTellsPaymentAsItIsNow(t *testing.T) {
	t.Parallel()
	c := serve(t, map[string]object{searched: found(anIntent("requires_payment_method")), retrieved: anIntent("succeeded")})
	ev := ask(t, c, about())
	if ev.Source != order.FromQuery || ev.Claims != order.ClaimsSucceeded || *ev.Amount != cny(8800) || ev.Merchant != "test" ||
		ev.ChannelTxn != "pi_1" || !ev.OccurredAt.Std().Equal(paidAt) {
		t.Errorf("evidence is %+v", ev)
	}
	c = serve(t, map[string]object{searched: found(anIntent("canceled")), retrieved: anIntent("canceled")})
	if ev := ask(t, c, about()); ev.Claims != order.ClaimsClosed || !ev.OccurredAt.Std().Equal(paidAt) {
		t.Errorf("evidence is %+v", ev)
	}
}

// An intent that is known is read without the search, whose index lags; where it is gone,
// or is no intent's number, the search finds what there is.
func TestKnownIntentNeedsNoSearch(t *testing.T) {
	t.Parallel()
	q := about()
	q.ChannelTxn = "pi_1"
	if ev := ask(t, serve(t, map[string]object{retrieved: anIntent("processing")}), q); ev.Claims != order.ClaimsProcessing {
		t.Errorf("evidence is %+v", ev)
	}
	both := map[string]object{"GET /v1/payment_intents/pi_0": failing(404, "resource_missing"), searched: found(anIntent("succeeded")), retrieved: anIntent("succeeded")}
	for _, txn := range []string{"pi_0", "ch_1", "pi_1/../x"} {
		q.ChannelTxn = txn
		if ev := ask(t, serve(t, both), q); ev.Claims != order.ClaimsSucceeded {
			t.Errorf("%s: evidence is %+v", txn, ev)
		}
	}
	q.ChannelTxn = "pi_1"
	other := anIntent("succeeded").With("metadata", object{"order_no": "A1002"})
	if _, err := serve(t, map[string]object{retrieved: other}).Query(t.Context(), q); codeOf(err) != channel.CodeOtherOrder {
		t.Errorf("another order's: %v", err)
	}
}

// Each new session of a shop makes a payment intent; the one that came furthest counts, of
// those alike the newest, which comes first.
func TestOfSeveralIntentsTheFurthestCounts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ first, second, told string }{
		{"requires_payment_method", "succeeded", "pi_2"},
		{"succeeded", "canceled", "pi_1"},
		{"canceled", "processing", "pi_2"},
		{"canceled", "requires_action", "pi_2"},
		{"succeeded", "succeeded", "pi_1"},
		{"canceled", "canceled", "pi_1"},
	} {
		first, second := anIntent(test.first), anIntent(test.second).With("id", "pi_2")
		c := serve(t, map[string]object{searched: found(first, second), retrieved: first, "GET /v1/payment_intents/pi_2": second})
		if ev := ask(t, c, about()); ev.ChannelTxn != test.told {
			t.Errorf("%s, %s: told is %s", test.first, test.second, ev.ChannelTxn)
		}
	}
}

// Stripe's search knows no case, and says nothing about orders that it was not asked for.
func TestSearchIsHeldToTheOrder(t *testing.T) {
	t.Parallel()
	like, other := anIntent("succeeded").With("metadata", object{"order_no": "a1001"}), anIntent("succeeded").With("metadata", object{"order_no": "A1002"})
	if _, err := serve(t, map[string]object{searched: found(like)}).Query(t.Context(), about()); codeOf(err) != channel.CodeNotFound {
		t.Errorf("a number in another case: %v", err)
	}
	if _, err := serve(t, map[string]object{searched: found(anIntent("succeeded"), other)}).Query(t.Context(), about()); codeOf(err) != channel.CodeOtherOrder {
		t.Errorf("another number: %v", err)
	}
	q := about()
	q.OrderNo = "A1' OR status:'succeeded"
	if _, err := deaf(t).Query(t.Context(), q); codeOf(err) != channel.CodeMalformed {
		t.Errorf("a number with a quote: %v", err)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	good := anIntent("succeeded")
	for what, test := range map[string]struct {
		intent object
		code   string
	}{
		"about another intent":           {good.With("id", "pi_2"), channel.CodeOtherOrder},
		"changed to another order":       {good.With("metadata", object{"order_no": "A1002"}), channel.CodeOtherOrder},
		"about no order":                 {good.With("metadata", object{}), channel.CodeOtherOrder},
		"of no mode":                     {good.With("livemode", nil), channel.CodeMalformed},
		"another kind":                   {good.With("object", "charge"), channel.CodeMalformed},
		"in an unknown state":            {good.With("status", "paid"), channel.CodeMalformed},
		"of nothing":                     {good.With("amount_received", 0), channel.CodeMalformed},
		"with a charge that is a text":   {good.With("latest_charge", "ch_1"), channel.CodeMalformed},
		"with a number's name and again": {good.With("Metadata", object{"order_no": "A1001"}), channel.CodeMalformed},
		"longer than any answer":         {good.With("description", strings.Repeat("x", maxAnswer)), channel.CodeMalformed},
	} {
		c := serve(t, map[string]object{searched: found(good), retrieved: test.intent})
		ev, err := c.Query(t.Context(), about())
		failed, ok := errors.AsType[*channel.QueryError](err)
		if !ok || failed.Code != test.code || failed.Permanent || failed.Outcome != order.QueryUnreachable {
			t.Errorf("%s: %+v, %+v", what, ev, err)
		}
	}
}

// An answer of the other mode than the key's names it.
func TestAnswerNamesItsMode(t *testing.T) {
	t.Parallel()
	live := anIntent("succeeded").With("livemode", true)
	if ev := ask(t, serve(t, map[string]object{searched: found(live), retrieved: live}), about()); ev.Merchant != "live" {
		t.Errorf("merchant %s", ev.Merchant)
	}
}

func TestRefundsAreTold(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		charge  int64
		refunds []object
		asked   []string
		claims  order.Claimed
		id      string
		part    int64 // 0 = all of it
	}{
		"in part":                            {2000, []object{aRefund("re_1", "succeeded", 2000)}, []string{"re_1"}, order.ClaimsRefunded, "re_1", 2000},
		"on its way":                         {2000, []object{aRefund("re_1", "pending", 2000)}, []string{"re_1"}, order.ClaimsRefunding, "re_1", 2000},
		"the one that ended":                 {4000, []object{aRefund("re_1", "pending", 2000), aRefund("re_2", "failed", 2000)}, []string{"re_1", "re_2"}, order.ClaimsRefundFailed, "re_2", 2000},
		"not the one that nobody asks about": {2000, []object{aRefund("re_9", "succeeded", 2000)}, []string{"re_1"}, order.ClaimsSucceeded, "", 0},
		"all of it by one, unasked":          {8800, []object{aRefund("re_1", "succeeded", 8800), aRefund("re_0", "failed", 8800)}, nil, order.ClaimsRefunded, "re_1", 8800},
		"all of it by two, unasked":          {8800, []object{aRefund("re_1", "succeeded", 800), aRefund("re_2", "succeeded", 8000)}, nil, order.ClaimsRefunded, "", 0},
		"all of it, but one is on its way":   {8800, []object{aRefund("re_1", "succeeded", 800), aRefund("re_2", "pending", 8000)}, nil, order.ClaimsRefunding, "", 0},
		"all of it, but it failed meanwhile": {8800, []object{aRefund("re_1", "failed", 8800)}, nil, order.ClaimsSucceeded, "", 0},
		"part of it, unasked":                {2000, nil, nil, order.ClaimsSucceeded, "", 0},
	} {
		paid := anIntent("succeeded").With("latest_charge", aCharge(test.charge))
		c := serve(t, map[string]object{searched: found(paid), retrieved: paid, listed: page(test.refunds...)})
		ev := ask(t, c, about(test.asked...))
		if ev.Claims != test.claims || *ev.Amount != cny(8800) || ev.ChannelTxn != "pi_1" || (ev.Refund != nil) != (test.claims != order.ClaimsSucceeded) {
			t.Errorf("%s: %+v", what, ev)
			continue
		}
		if r := ev.Refund; r != nil && (r.ID != test.id || (r.Amount != nil) != (test.part != 0) || r.Amount != nil && *r.Amount != cny(test.part)) {
			t.Errorf("%s: refund %+v", what, r)
		}
	}
	paid := anIntent("succeeded")
	other := aRefund("re_1", "succeeded", 100).With("payment_intent", "pi_2")
	if _, err := serve(t, map[string]object{searched: found(paid), retrieved: paid, listed: page(other)}).Query(t.Context(), about("re_1")); codeOf(err) != channel.CodeOtherOrder {
		t.Errorf("another payment's refund: %v", err)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	open := anIntent("requires_payment_method")
	for what, test := range map[string]struct {
		before, cancel, after object
		want                  string
	}{
		"closes":                     {open, anIntent("canceled"), nil, ""},
		"closed before":              {anIntent("canceled"), nil, nil, ""},
		"paid":                       {anIntent("succeeded"), nil, nil, channel.ErrAlreadyPaid.Error()},
		"on its way":                 {anIntent("processing"), nil, nil, channel.ErrAlreadyPaid.Error()},
		"authorized":                 {anIntent("requires_capture"), nil, nil, channel.ErrAlreadyPaid.Error()},
		"paid in that moment":        {open, failing(400, "payment_intent_unexpected_state"), anIntent("succeeded"), channel.ErrAlreadyPaid.Error()},
		"closed in that moment":      {open, failing(400, "payment_intent_unexpected_state"), anIntent("canceled"), ""},
		"cannot be closed":           {open, failing(400, "payment_intent_unexpected_state"), open, "payment_intent_unexpected_state"},
		"a checkout session's":       {open, failing(400, "parameter_invalid"), nil, "http_400"},
		"locked":                     {open, failing(409, "lock_timeout"), nil, "http_409"},
		"not allowed":                {open, failing(403, "more_permissions_required"), nil, "http_403"},
		"an answer of another shape": {open, object{"object": "list"}, nil, channel.CodeMalformed},
	} {
		var asked atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := found(test.before)
			switch r.Method + " " + r.URL.Path {
			case retrieved:
				if answer = test.before; asked.Add(1) > 1 {
					answer = test.after
				}
			case canceled:
				answer = test.cancel
			}
			if status, ok := answer["status"].(int); ok {
				w.WriteHeader(status)
			}
			_, _ = w.Write(answer.JSON())
		}))
		t.Cleanup(server.Close)
		err := newOpen(t, server.URL).Close(t.Context(), about())
		got := codeOf(err)
		if got == "" && err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %v, want %q", what, err, test.want)
		}
	}
	if err := serve(t, map[string]object{searched: found()}).Close(t.Context(), about()); codeOf(err) != channel.CodeNotFound {
		t.Errorf("nothing there: %v", err)
	}
}

func newOpen(tb testing.TB, gateway string) *Channel {
	tb.Helper()
	return open(tb, config(gateway, ""))
}

// The library forgets the status of what it cannot read, and prints what it can.
func TestRefusalsKeepTheirStatusAndLoseTheirWords(t *testing.T) {
	t.Parallel()
	for status, permanent := range map[int]bool{400: true, 401: true, 402: true, 403: true, 404: true, 409: false, 429: false, 500: false, 503: false} {
		c := serve(t, map[string]object{searched: failing(status, "some_code")})
		_, err := c.Query(t.Context(), about())
		failed, ok := errors.AsType[*channel.QueryError](err)
		if !ok || failed.Permanent != permanent {
			t.Errorf("%d: %+v", status, err)
			continue
		}
		for _, part := range []string{stripetest.Words, stripetest.APIKey, "some_code", "dashboard"} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("%d: %q is in %q", status, part, err)
			}
		}
	}
}

// The library would ask three times.
func TestEachQuestionIsPutOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Stripe-Should-Retry", "true")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(server.Close)
	if _, err := newOpen(t, server.URL).Query(t.Context(), about()); codeOf(err) != "http_503" || asked.Load() != 1 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

// An API that never answers is given up by the adapter's own clock, whatever its caller
// allows.
func TestQueryHasATimeoutOfItsOwn(t *testing.T) {
	t.Parallel()
	var left time.Duration
	cfg := config("http://127.0.0.1:9", "")
	cfg.Client = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		deadline, _ := r.Context().Deadline()
		left = time.Until(deadline)
		return nil, context.DeadlineExceeded
	})}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Query(t.Context(), about())
	if codeOf(err) != channel.CodeTimeout || left <= 0 || left > queryTimeout {
		t.Errorf("error %+v with %s left", err, left)
	}
}
