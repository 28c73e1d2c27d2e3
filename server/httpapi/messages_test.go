package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
	"anxin/server/auth"
)

func TestOperatorsSeeWhatPayersWereTold(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, router := openAPI(t, w.base)
	c := checker{w, router}
	key := bearer(operatorKey)
	r := notify.Record{
		ID: "m1", OrderNo: "A1", Backend: "shop", Notice: notify.NoticeDelayed, Channel: notify.SMS, Provider: "one", To: "+86138****8000",
		Language: "en", Template: "delayed", Version: 1, Cost: notify.Cost{Micros: 45000, Currency: "CNY"}, CreatedAt: 1, UpdatedAt: 1,
	}
	r = r.Move(notify.StatusAccepted, "", order.At(time.Now()))
	must(t, w.store.Commit(t.Context(), engine.Commit{Messages: &engine.MessageWrites{Records: []notify.Record{r}}}))
	a := c.exchange(http.StatusOK, "GET", "/v1/ops/messages?order_no=A1&channel=sms&status=accepted", nil, key)
	if !strings.Contains(string(a.body), `"to":"+86138****8000"`) || !strings.Contains(string(a.body), `"micros":45000`) {
		t.Errorf("messages %s", a.body)
	}
	if a := c.exchange(http.StatusOK, "GET", "/v1/ops/messages?notice=failed", nil, key); strings.Contains(string(a.body), "m1") {
		t.Errorf("messages of another notice: %s", a.body)
	}
	c.exchange(http.StatusBadRequest, "GET", "/v1/ops/messages?channel=fax", nil, key)
	c.exchange(http.StatusForbidden, "GET", "/v1/ops/messages", nil, bearer(shopKey))
	c.exchange(http.StatusOK, "GET", "/v1/ops/providers", nil, key)
	w.register(registration("A1"))
	c.exchange(http.StatusConflict, "GET", "/v1/ops/orders/A1/notify-preview", nil, key) // this node sends none
	c.exchange(http.StatusNotFound, "POST", "/v1/receipts/nobody", object{}, bearer(""))
	view := bearer(w.register(registration("A2")).ViewToken)
	c.exchange(http.StatusOK, "GET", "/v1/orders/A2/optin", nil, view)
	c.exchange(http.StatusConflict, "POST", "/v1/orders/A2/optin", object{"kind": "sms", "phone": "13800138000"}, view)
	c.exchange(http.StatusForbidden, "POST", "/v1/orders/A1/optin", object{"kind": "sms", "phone": "13800138000"}, view)
}

// A look changes nothing, since mail scanners look; the answer to the question does.
func TestUnsubscribingTakesAnAnswer(t *testing.T) {
	t.Parallel()
	w := setup(t)
	token, err := w.tokens.Issue(auth.KindUnsubscribe, "payer:email", time.Hour)
	must(t, err)
	outs := func() int {
		_, outs, err := w.store.OptIns(t.Context(), "payer")
		must(t, err)
		return len(outs)
	}
	page := w.want(http.StatusOK, "GET", "/unsubscribe?k="+token, nil, header{"Accept-Language": "zh"})
	if !strings.Contains(string(page.body), "不再接收") || outs() != 0 {
		t.Errorf("the page is %s, opt-outs %d", page.body, outs())
	}
	w.want(http.StatusOK, "POST", "/unsubscribe?k="+token, nil)
	if outs() != 1 {
		t.Error("the answer was not kept")
	}
	for _, bad := range []string{"", "x", w.register(registration("A1")).InboxToken} {
		w.want(http.StatusForbidden, "POST", "/unsubscribe?k="+bad, nil)
	}
}
