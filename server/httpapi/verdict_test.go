package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"anxin/engine/channel/sandbox"
	"anxin/engine/order"
)

// verdict is what the API says of charging again.
type verdict struct {
	OrderNo    string `json:"order_no"`
	Verdict    string `json:"verdict"`
	Reason     string `json:"reason"`
	RetryAfter *int64 `json:"retry_after"`
}

// purchaseVerdict is the same over all orders for a purchase.
type purchaseVerdict struct {
	verdict
	Orders []verdict `json:"orders"`
}

func (v verdict) String() string { return v.Verdict + " " + v.Reason }

func (w *world) verdict(orderNo string) verdict {
	w.t.Helper()
	return decode[verdict](w.t, w.want(http.StatusOK, "GET", "/v1/orders/"+orderNo+"/verdict", nil, bearer(shopKey)))
}

func TestTheVerdictAsksTheChannelFirst(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		says sandbox.State
		want string
	}{
		"not paid yet": {sandbox.StatePending, "safe unpaid_confirmed"},
		"paid":         {sandbox.StateSucceeded, "unsafe paid"},
		"processing":   {sandbox.StateProcessing, "wait awaiting_unknown"},
		"declined":     {sandbox.StateFailed, "safe declined"},
		"closed":       {sandbox.StateClosed, "safe closed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			w.says.Store("A1", tc.says)
			w.register(registration("A1"))
			v := w.verdict("A1")
			if v.String() != tc.want || v.OrderNo != "A1" {
				t.Errorf("%+v, want %s", v, tc.want)
			}
			if (v.Verdict == "wait") != (v.RetryAfter != nil) {
				t.Errorf("%s with retry_after %v", v, v.RetryAfter)
			}
		})
	}
}

func TestAVerdictRightAfterTheLastSaysWhenToAskAgain(t *testing.T) {
	t.Parallel()
	w := setup(t) // its gap between two checks is a minute, and its channel is out of order
	w.register(registration("A1"))
	first, second := w.verdict("A1"), w.verdict("A1")
	if first.String() != "wait awaiting_unknown" || second.String() != first.String() {
		t.Errorf("%s, then %s", first, second)
	}
	if second.RetryAfter == nil || *second.RetryAfter < 30 || *second.RetryAfter > 60 {
		t.Errorf("retry after %v, want what is left of a minute", second.RetryAfter)
	}
}

func TestTheVerdictOfAPushedOrderIsItsBackendsOwnWord(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.register(with(with(registration("P1"), "mode", "pushed"), "channel", "anything"))
	if v := w.verdict("P1"); v.String() != "wait awaiting_unknown" {
		t.Errorf("nothing pushed: %s", v)
	}
	push := func(key string, kind order.UpdateType) {
		w.want(http.StatusOK, "POST", "/v1/orders/P1/updates", object{"type": kind}, bearer(shopKey), header{"Idempotency-Key": key})
	}
	push("1", order.PushConfirming)
	if v := w.verdict("P1"); v.String() != "wait confirming" {
		t.Errorf("confirming: %s", v)
	}
	push("2", order.PushSucceeded)
	if v := w.verdict("P1"); v.String() != "unsafe paid" {
		t.Errorf("succeeded: %s", v)
	}
}

func TestTheVerdictIsForTheBackendAlone(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	for credential, status := range map[string]int{r.ViewToken: http.StatusForbidden, otherKey: http.StatusNotFound, "": http.StatusUnauthorized} {
		w.want(status, "GET", "/v1/orders/A1/verdict", nil, bearer(credential))
	}
}

func TestVerdictsAreAsDescribed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, router := openAPI(t, w.base)
	c := checker{w, router}
	w.register(registration("A1"))
	w.says.Store("A2", sandbox.StateSucceeded)
	w.register(registration("A2"))
	c.exchange(200, "GET", "/v1/orders/A1/verdict", nil, bearer(shopKey))
	c.exchange(200, "GET", "/v1/orders/A2/verdict", nil, bearer(shopKey))
	c.exchange(404, "GET", "/v1/orders/Z1/verdict", nil, bearer(shopKey))
	at := order.At(time.Now().Add(-time.Minute))
	w.register(with(registration("P1"), "mode", "pushed"))
	c.exchange(200, "POST", "/v1/orders/P1/updates", object{"type": "succeeded", "occurred_at": at}, bearer(shopKey), header{"Idempotency-Key": "1"})
	c.exchange(200, "GET", "/v1/orders/P1", nil, bearer(shopKey))
}

func TestTheVerdictOnAPurchaseIsTheMostCarefulOfItsOrders(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, router := openAPI(t, w.base)
	c := checker{w, router}
	for no, says := range map[string]sandbox.State{"A1": sandbox.StateFailed, "A2": sandbox.StatePending, "A3": sandbox.StateSucceeded} {
		w.says.Store(no, says)
	}
	ask := func(body object) purchaseVerdict {
		t.Helper()
		return decode[purchaseVerdict](t, c.exchange(200, "POST", "/v1/verdicts", body, bearer(shopKey)))
	}
	purchase := object{"payer_id": "wang", "subject": "Two tickets", "amount": object{"minor": 8800, "currency": "CNY"}}
	if v := ask(purchase); v.String() != "safe no_order" || len(v.Orders) != 0 {
		t.Errorf("without an order: %+v", v)
	}
	for i, want := range []string{"safe declined", "safe unpaid_confirmed", "unsafe paid", "unsafe paid"} {
		no := []string{"A1", "A2", "A3", "A4"}[i] // of A4 the channel says nothing
		w.register(with(registration(no), "payer", object{"id": "wang"}))
		v := ask(purchase)
		if v.String() != want || len(v.Orders) != i+1 || v.Orders[0].OrderNo != no {
			t.Errorf("with %s: %+v, want %s", no, v, want)
		}
	}
	if v := ask(with(purchase, "subject", "One ticket")); v.Reason != "no_order" {
		t.Errorf("another subject: %+v", v)
	}
	if v := ask(with(purchase, "amount", nil)); v.Reason != "paid" {
		t.Errorf("any amount: %+v", v)
	}
	if v := ask(with(purchase, "payer_id", "li")); v.Reason != "no_order" {
		t.Errorf("another payer: %+v", v)
	}
	c.exchange(422, "POST", "/v1/verdicts", object{"payer_id": "wang"}, bearer(shopKey))
	c.exchange(422, "POST", "/v1/verdicts", with(purchase, "payer_id", ""), bearer(shopKey))
	c.exchange(422, "POST", "/v1/verdicts", with(purchase, "amount", object{"minor": 0, "currency": "CNY"}), bearer(shopKey))
	c.exchange(400, "POST", "/v1/verdicts", with(purchase, "payer", "wang"), bearer(shopKey))
	c.exchange(401, "POST", "/v1/verdicts", purchase)
	if other := decode[verdict](t, c.exchange(200, "POST", "/v1/verdicts", purchase, bearer(otherKey))); other.Reason != "no_order" {
		t.Errorf("another backend learns %s", other.Reason)
	}
}

func TestADuplicatePaymentIsDescribed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, router := openAPI(t, w.base)
	c := checker{w, router}
	for _, no := range []string{"A1", "A2"} {
		w.register(with(registration(no), "payer", object{"id": "wang"}))
		if a := w.callback(no, sandbox.StateSucceeded, 8800); a.status != http.StatusOK {
			t.Fatalf("callback: %d %s", a.status, a.body)
		}
	}
	o := decode[order.Order](t, c.exchange(200, "GET", "/v1/orders/A2", nil, bearer(shopKey)))
	if len(o.Cases) != 1 || o.Cases[0].Kind != order.CaseDuplicatePayment || o.Cases[0].Other != "A1" {
		t.Errorf("cases %+v", o.Cases)
	}
}
