package httpapi_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var formHeader = header{"Content-Type": "application/x-www-form-urlencoded"}

func hidden(t *testing.T, html, name string) string {
	t.Helper()
	found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(html)
	if found == nil {
		t.Fatalf("the page has no field %s", name)
	}
	return found[1]
}

func TestFeedbackIsKeptWithWhatWasShown(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := checker{world: w, router: routerOf(t, w)}
	r := w.register(registration("A1"))
	w.register(registration("A2"))
	view, operator := bearer(r.ViewToken), bearer(operatorKey)
	page := string(w.want(http.StatusOK, "GET", strings.TrimPrefix(r.PageURL, w.base), nil).body)
	wording := hidden(t, page, "wording")
	if !strings.HasPrefix(wording, "en/awaiting.lead@") {
		t.Fatalf("the page says it shows %q", wording)
	}
	w.want(http.StatusOK, "POST", "/v1/orders/A1/claim", nil, view)
	// The order has moved on: what counts is the state that was shown.
	const words = "</script><b>Où est\nmon argent?</b> \u202e🎁"
	c.exchange(http.StatusCreated, "POST", "/v1/orders/A1/feedback", object{"helped": false, "text": words, "seq": 1, "wording": wording}, view)
	form := url.Values{"k": {r.ViewToken}, "helped": {"yes"}, "seq": {"2"}, "wording": {wording}, "text": {""}}
	back := w.want(http.StatusSeeOther, "POST", "/pay/A1/feedback?lang=zh-CN", form.Encode(), formHeader)
	if got := back.header.Get("Location"); got != "/pay/A1?k="+r.ViewToken+"&lang=zh-CN&thanks=1#feedback" {
		t.Errorf("the form leads to %q", got)
	}
	if html := string(w.want(http.StatusOK, "GET", "/pay/A1?k="+r.ViewToken+"&thanks=1", nil).body); !strings.Contains(html, ">Thank you for telling us<") {
		t.Error("the page does not say thank you")
	}
	list := decode[struct {
		Items []struct {
			OrderNo string `json:"order_no"`
			Seq     int64  `json:"seq"`
			Status  string `json:"status"`
			Wording string `json:"wording"`
			Helped  *bool  `json:"helped"`
			Text    string `json:"text"`
		} `json:"items"`
		NextCursor *string `json:"next_cursor"`
	}](t, c.exchange(http.StatusOK, "GET", "/v1/ops/feedback?order_no=A1&limit=2", nil, operator))
	if len(list.Items) != 2 || list.NextCursor == nil {
		t.Fatalf("listed %+v", list)
	}
	newest, oldest := list.Items[0], list.Items[1]
	if newest.Helped == nil || !*newest.Helped || newest.Status != "confirming" || newest.Seq != 2 {
		t.Errorf("newest %+v", newest)
	}
	if oldest.Helped == nil || *oldest.Helped || oldest.Text != words || oldest.Status != "awaiting_payment" || oldest.Wording != wording {
		t.Errorf("oldest %+v", oldest)
	}
	if rest := string(c.exchange(http.StatusOK, "GET", "/v1/ops/feedback?limit=1&cursor="+*list.NextCursor, nil, operator).body); strings.Contains(rest, "A1") {
		t.Errorf("after the last %s", rest)
	}
	if empty := string(w.want(http.StatusOK, "GET", "/v1/ops/feedback?order_no=A2", nil, operator).body); strings.Contains(empty, "A1") {
		t.Errorf("of another order %s", empty)
	}
}

func TestFeedbackIsBoundedAndThePayersOwn(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r, other := w.register(registration("A1")), w.register(registration("A2"))
	view := bearer(r.ViewToken)
	good := object{"helped": true, "text": "", "seq": 1, "wording": "en/awaiting.lead@0123456789ab"}
	for field, bad := range map[string]object{
		"text":    with(good, "text", strings.Repeat("永", 1001)),
		"seq":     with(good, "seq", 7),
		"wording": with(good, "wording", "<b>"),
		"helped":  with(good, "helped", nil),
	} {
		if p := w.want(http.StatusUnprocessableEntity, "POST", "/v1/orders/A1/feedback", bad, view).problem(t); p.Code != "invalid_field" || p.Field != field {
			t.Errorf("%s: %s %s", field, p.Code, p.Field)
		}
	}
	w.want(http.StatusForbidden, "POST", "/v1/orders/A1/feedback", good, bearer(shopKey))
	w.want(http.StatusForbidden, "POST", "/v1/orders/A1/feedback", good, bearer(other.ViewToken))
	w.want(http.StatusForbidden, "GET", "/v1/ops/feedback", nil, bearer(shopKey))
	w.want(http.StatusBadRequest, "GET", "/v1/ops/feedback?order_no=a.b", nil, bearer(operatorKey))
	w.want(http.StatusUnprocessableEntity, "POST", "/pay/A1/feedback", "seq=9&wording=x&k="+url.QueryEscape(r.ViewToken), formHeader)
	w.want(http.StatusNotFound, "POST", "/pay/A1/feedback", "k=forged", formHeader)
	taken := 0
	for range 10 {
		a := w.send("POST", "/v1/orders/A1/feedback", with(good, "text", strings.Repeat("永", 1000)), view)
		if a.status == http.StatusTooManyRequests {
			if a.header.Get("Retry-After") == "" || taken == 0 {
				t.Errorf("refused after %d, retry %q", taken, a.header.Get("Retry-After"))
			}
			w.want(http.StatusTooManyRequests, "POST", "/pay/A1/feedback", "k="+url.QueryEscape(r.ViewToken), formHeader)
			w.want(http.StatusCreated, "POST", "/v1/orders/A2/feedback", good, bearer(other.ViewToken))
			return
		}
		taken++
	}
	t.Errorf("%d were taken at once", taken)
}
