package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel/sandbox"
	"anxin/engine/order"
	"anxin/hub"
	"anxin/server/auth"
	"anxin/server/httpapi"
)

func TestRegisteringTwiceIsTheSameAndSomethingElseIsRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	first := w.register(registration("A1"))
	if first.Progress.Status != order.StatusAwaiting || first.Progress.Seq != 1 {
		t.Errorf("progress %+v", first.Progress)
	}
	again := decode[registered](t, w.want(http.StatusOK, "POST", "/v1/orders", registration("A1"), bearer(shopKey)))
	if again.Progress.Seq != 1 || again.ViewToken == first.ViewToken {
		t.Errorf("seq %d, want 1 and a token of its own", again.Progress.Seq)
	}
	a := w.want(http.StatusConflict, "POST", "/v1/orders", with(registration("A1"), "subject", "Other"), bearer(shopKey))
	if p := a.problem(t); p.Code != "order_exists" {
		t.Errorf("code %s", p.Code)
	}
	a = w.want(http.StatusConflict, "POST", "/v1/orders", registration("A1"), bearer(otherKey))
	if p := a.problem(t); p.Code != "order_exists" {
		t.Errorf("another backend's registration: %s", p.Code)
	}
}

func TestAnExpiredOrderCanBeRegisteredAgainButNotAnew(t *testing.T) {
	t.Parallel()
	w := setup(t)
	const soon = 50 * time.Millisecond
	reg := with(registration("A1"), "expires_at", order.At(time.Now().Add(time.Hour)))
	w.register(reg)
	w.want(http.StatusOK, "POST", "/v1/orders", reg, bearer(shopKey))
	late := with(registration("A2"), "expires_at", order.At(time.Now().Add(-soon)))
	if p := w.want(http.StatusUnprocessableEntity, "POST", "/v1/orders", late, bearer(shopKey)).problem(t); p.Field != "expires_at" {
		t.Errorf("field %q", p.Field)
	}
}

func TestTheContactIsMaskedAndThePageLinkWorks(t *testing.T) {
	t.Parallel()
	w := setup(t)
	reg := with(registration("A1"), "payer", object{"id": "p", "phone": "13812345678", "email": "alice@example.com", "push": []string{"device-1"}})
	r := w.register(reg)
	payer := r.Order["payer"].(map[string]any)
	if payer["phone"] != "138****5678" || payer["email"] != "a***@example.com" || payer["push_addresses"] != 1.0 || payer["push"] != nil {
		t.Errorf("payer %v", payer)
	}
	full := w.want(http.StatusOK, "GET", "/v1/orders/A1", nil, bearer(shopKey))
	for _, plain := range []string{"13812345678", "alice@", "device-1"} {
		if strings.Contains(string(full.body), plain) {
			t.Errorf("%q in %s", plain, full.body)
		}
	}
	page := w.want(http.StatusOK, "GET", strings.TrimPrefix(r.PageURL, w.base), nil)
	if !strings.Contains(string(page.body), `data-status="awaiting_payment"`) {
		t.Error("the page does not show the order")
	}
}

func TestTheBackendSeesEverythingAndTheTokenTheProgress(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	w.want(http.StatusOK, "POST", "/v1/orders/A1/claim", nil, bearer(r.ViewToken))
	if a := w.callback("A1", sandbox.StateSucceeded, 8800); a.status != http.StatusOK || string(a.body) != `{"code":"SUCCESS"}` {
		t.Fatalf("callback answered %d %s", a.status, a.body)
	}
	full := decode[struct {
		Seq       int64
		Payment   order.Payment
		Status    order.Status
		Diagnosis order.Diagnosis
		Timeline  []order.Event
	}](t, w.want(http.StatusOK, "GET", "/v1/orders/A1", nil, bearer(shopKey)))
	if full.Payment != order.Succeeded || full.Status != order.StatusSucceeded || full.Diagnosis != order.DiagnosisResolved {
		t.Errorf("order %+v", full)
	}
	for i, ev := range full.Timeline {
		if ev.Seq != int64(i+1) {
			t.Errorf("event %d has seq %d", i, ev.Seq)
		}
	}
	if n := len(full.Timeline); int64(n) != full.Seq {
		t.Errorf("%d events up to seq %d", n, full.Seq)
	}
	a := w.want(http.StatusOK, "GET", "/v1/orders/A1", nil, bearer(r.ViewToken))
	if p := decode[order.Progress](t, a); p.Status != order.StatusSucceeded || p.Seq != full.Seq {
		t.Errorf("progress %+v", p)
	}
	for _, internal := range []string{"diagnosis", "facts", "detail\":{", "timeline", merchant} {
		if strings.Contains(string(a.body), internal) {
			t.Errorf("the payer is told %q: %s", internal, a.body)
		}
	}
}

func TestALongPollIsAnsweredByTheNextChangeAndByTheEndOfItsTime(t *testing.T) {
	t.Parallel()
	waiting := make(chan struct{}, 10)
	w := setup(t, func(_ *httpapi.Config, d *httpapi.Deps) { d.Hub = noticedHub{d.Hub, waiting} })
	r := w.register(registration("A1"))
	for _, credential := range []string{r.ViewToken, shopKey} {
		w.want(http.StatusNoContent, "GET", "/v1/orders/A1?after=1", nil, bearer(credential))
		w.want(http.StatusNoContent, "GET", "/v1/orders/A1?after=1&wait=5ms", nil, bearer(credential))
		w.want(http.StatusOK, "GET", "/v1/orders/A1?after=0&wait=25s", nil, bearer(credential))
	}
	for len(waiting) > 0 {
		<-waiting
	}
	polled := make(chan answer, 1)
	go func() { polled <- w.send("GET", "/v1/orders/A1?after=1&wait=25s", nil, bearer(r.ViewToken)) }()
	<-waiting
	w.want(http.StatusOK, "POST", "/v1/orders/A1/claim", nil, bearer(shopKey))
	a := <-polled
	if p := decode[order.Progress](t, a); a.status != http.StatusOK || p.Status != order.StatusConfirming || p.Seq < 2 {
		t.Errorf("poll answered %d %+v", a.status, p)
	}
}

// noticedHub tells when a long poll begins.
type noticedHub struct {
	httpapi.Hub
	waiting chan struct{}
}

func (h noticedHub) Wait(ctx context.Context, v hub.Visit) (hub.Message, error) {
	h.waiting <- struct{}{}
	return h.Hub.Wait(ctx, v)
}

func TestCheckingTwiceInARowIsTooSoon(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	w.want(http.StatusOK, "POST", "/v1/orders/A1/claim", object{}, bearer(r.ViewToken))
	taken := w.want(http.StatusAccepted, "POST", "/v1/orders/A1/query", nil, bearer(r.ViewToken))
	if again := taken.header.Get("Retry-After"); again != "61" { // the gap, after an answer
		t.Errorf("taken, Retry-After %q", again)
	}
	w.awaitQuery("A1")
	var a answer
	w.await("the query's end", func() bool { // its answer can be read a moment earlier
		a = w.send("POST", "/v1/orders/A1/query", nil, bearer(shopKey))
		return a.status == http.StatusTooManyRequests
	})
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if p := a.problem(t); p.Code != "too_soon" || err != nil || seconds < 1 || seconds > 60 {
		t.Errorf("%s, Retry-After %q", p.Code, a.header.Get("Retry-After"))
	}
}

// awaitQuery holds until a query of the order was answered.
func (w *world) awaitQuery(orderNo string) {
	w.t.Helper()
	for after := int64(0); ; {
		a := w.want(http.StatusOK, "GET", "/v1/orders/"+orderNo+"?wait=20s&after="+strconv.FormatInt(after, 10), nil, bearer(shopKey))
		o := decode[order.Order](w.t, a)
		if o.Facts.QueryAt != 0 {
			return
		}
		after = o.Seq
	}
}

func TestUpdatesAreTakenInOncePerKey(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.register(with(with(registration("P1"), "mode", "pushed"), "channel", "anything"))
	push := func(status int, key string, body object) answer {
		t.Helper()
		return w.want(status, "POST", "/v1/orders/P1/updates", body, bearer(shopKey), header{"Idempotency-Key": key})
	}
	next := order.At(time.Now().Add(time.Minute))
	retrying := object{"type": "retrying", "attempt": 3, "next_attempt_at": next}
	first := decode[struct{ Progress order.Progress }](t, push(http.StatusOK, "k1", retrying))
	if p := first.Progress; p.Attempt != 3 || p.NextAttemptAt != next || p.Status != order.StatusConfirming {
		t.Errorf("progress %+v", p)
	}
	reordered := `{"next_attempt_at":"` + next.String() + `",  "attempt":3,"type":"retrying"}`
	again := w.want(http.StatusOK, "POST", "/v1/orders/P1/updates", reordered, bearer(shopKey), header{"Idempotency-Key": "k1"})
	if p := decode[struct{ Progress order.Progress }](t, again).Progress; p.Seq != first.Progress.Seq {
		t.Errorf("the same request again raised seq from %d to %d", first.Progress.Seq, p.Seq)
	}
	if p := push(http.StatusConflict, "k1", object{"type": "succeeded"}).problem(t); p.Code != "idempotency_key_reused" {
		t.Errorf("code %s", p.Code)
	}
	done := decode[struct{ Progress order.Progress }](t, push(http.StatusOK, "k2", object{"type": "succeeded"}))
	if done.Progress.Status != order.StatusSucceeded {
		t.Errorf("status %s", done.Progress.Status)
	}
	part := object{"type": "refunding", "refund": object{"id": "r1", "amount": object{"minor": 800, "currency": "CNY"}}}
	refund := decode[struct{ Progress order.Progress }](t, push(http.StatusOK, "k3", part)).Progress
	if refund.Result == nil || refund.Result.Refund == nil || refund.Result.Refund.Amount.Minor != 800 {
		t.Errorf("result %+v", refund.Result)
	}
}

func TestAFreshTokenOpensTheOrder(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.register(registration("A1"))
	fresh := decode[struct {
		ViewToken string     `json:"view_token"`
		ExpiresAt order.Time `json:"expires_at"`
	}](t, w.want(http.StatusCreated, "POST", "/v1/orders/A1/tokens", nil, bearer(shopKey)))
	w.want(http.StatusOK, "GET", "/v1/orders/A1", nil, bearer(fresh.ViewToken))
	if left := time.Until(fresh.ExpiresAt.Std()); left < 59*time.Minute || left > time.Hour {
		t.Errorf("it expires in %v", left)
	}
}

func TestABackendListsItsOwnOrdersPageByPage(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, no := range []string{"A1", "A2", "A3"} {
		w.register(registration(no))
	}
	w.want(http.StatusCreated, "POST", "/v1/orders", registration("B1"), bearer(otherKey))
	w.want(http.StatusOK, "POST", "/v1/orders/A2/claim", nil, bearer(shopKey))
	seen := map[string]bool{}
	for cursor := ""; ; {
		a := w.want(http.StatusOK, "GET", "/v1/orders?limit=1&cursor="+url.QueryEscape(cursor), nil, bearer(shopKey))
		list := listOf(t, a)
		for _, no := range list.numbers() {
			if seen[no] {
				t.Errorf("%s is listed twice", no)
			}
			seen[no] = true
		}
		if list.Next == nil {
			break
		}
		cursor = *list.Next
	}
	if len(seen) != 3 || seen["B1"] {
		t.Errorf("listed %v", seen)
	}
	confirming := listOf(t, w.want(http.StatusOK, "GET", "/v1/orders?status=confirming&channel=sandbox&stage=fresh&until=2100-01-01T00:00:00Z", nil, bearer(shopKey)))
	if got := confirming.numbers(); len(got) != 1 || got[0] != "A2" {
		t.Errorf("confirming: %v", got)
	}
}

type list struct {
	Items []struct {
		OrderNo string `json:"order_no"`
	} `json:"items"`
	Next *string `json:"next_cursor"`
}

func listOf(t *testing.T, a answer) list { return decode[list](t, a) }

func (l list) numbers() []string {
	numbers := make([]string, len(l.Items))
	for i, item := range l.Items {
		numbers[i] = item.OrderNo
	}
	return numbers
}

func TestNobodyLearnsWhichOrdersExist(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	w.register(registration("A2"))
	expired, err := w.tokens.Issue(auth.KindView, "A1", -time.Minute)
	must(t, err)
	inbox := r.InboxToken
	for _, c := range []struct {
		who, credential string
		status          int
		code            string
	}{
		{"nobody", "", http.StatusUnauthorized, "unauthorized"},
		{"a guesser", "not-a-key", http.StatusUnauthorized, "unauthorized"},
		{"an inbox token", inbox, http.StatusUnauthorized, "unauthorized"},
		{"a foreign token", r.ViewToken, http.StatusForbidden, "forbidden"},
		{"an expired foreign token", expired, http.StatusForbidden, "forbidden"},
		{"another backend", otherKey, http.StatusNotFound, "order_not_found"},
	} {
		for _, call := range []struct{ method, path string }{{"GET", ""}, {"GET", "?after=0&wait=1s"}, {"POST", "/claim"}, {"POST", "/query"}} {
			there := w.send(call.method, "/v1/orders/A2"+call.path, nil, bearer(c.credential)).problem(t)
			absent := w.send(call.method, "/v1/orders/Z9"+call.path, nil, bearer(c.credential)).problem(t)
			if there.Status != c.status || there.Code != c.code {
				t.Errorf("%s, %s %s: %d %s", c.who, call.method, call.path, there.Status, there.Code)
			}
			there.Instance, absent.Instance = "", ""
			if mustJSON(t, there) != mustJSON(t, absent) {
				t.Errorf("%s can tell an order that exists: %+v, %+v", c.who, there, absent)
			}
		}
	}
	if p := w.send("GET", "/v1/orders/A1", nil, bearer(expired)).problem(t); p.Code != "token_expired" || p.Status != http.StatusForbidden {
		t.Errorf("expired: %d %s", p.Status, p.Code)
	}
	for _, path := range []string{"/v1/orders/A1/updates", "/v1/orders/A1/tokens", "/v1/orders"} {
		if p := w.send("POST", path, object{}, bearer(r.ViewToken)).problem(t); p.Code != "forbidden" {
			t.Errorf("POST %s with a view token: %s", path, p.Code)
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return string(b)
}
