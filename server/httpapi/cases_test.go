package httpapi_test

import (
	"net/http"
	"testing"

	"anxin/engine/channel/sandbox"
	"anxin/engine/order"
)

type caseDetail struct {
	Case struct {
		ID         string         `json:"id"`
		Kind       order.CaseKind `json:"kind"`
		ClosedBy   string         `json:"closed_by"`
		Resolution string         `json:"resolution"`
		Note       string         `json:"note"`
	} `json:"case"`
	Resolutions []string       `json:"resolutions"`
	Order       map[string]any `json:"order"`
}

type casePage struct {
	Items []struct {
		ID      string `json:"id"`
		OrderNo string `json:"order_no"`
	} `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

// mismatched registers an order and lets a callback of another amount open a case.
func (w *world) mismatched(orderNo string) {
	w.t.Helper()
	w.register(registration(orderNo))
	if a := w.callback(orderNo, sandbox.StateSucceeded, 8801); a.status != http.StatusOK {
		w.t.Fatalf("callback: %d %s", a.status, a.body)
	}
}

func TestAnOperatorSeesACaseAndAnswersItOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, router := openAPI(t, w.base)
	c := checker{w, router}
	key := bearer(operatorKey)
	w.mismatched("A1")

	list := decode[casePage](t, c.exchange(200, "GET", "/v1/ops/cases?kind=amount_mismatch&channel=sandbox&backend=shop&state=open", nil, key))
	if len(list.Items) != 1 || list.Items[0].OrderNo != "A1" {
		t.Fatalf("open cases: %+v", list)
	}
	at := "/v1/ops/cases/" + list.Items[0].ID
	detail := decode[caseDetail](t, c.exchange(200, "GET", at, nil, key))
	if detail.Order["diagnosis"] != "callback_rejected" || len(detail.Order["timeline"].([]any)) < 2 || len(detail.Resolutions) != 3 {
		t.Errorf("detail: %+v", detail)
	}
	c.exchange(409, "POST", at+"/resolve", object{"resolution": "accept"}, key)
	detail = decode[caseDetail](t, c.exchange(200, "POST", at+"/resolve", object{"resolution": "dismiss", "note": "a test payment"}, key))
	if detail.Case.ClosedBy != "wang" || detail.Case.Resolution != "dismiss" || detail.Case.Note != "a test payment" || len(detail.Resolutions) != 0 {
		t.Errorf("closed: %+v", detail.Case)
	}
	if p := c.exchange(409, "POST", at+"/resolve", object{"resolution": "dismiss"}, key).problem(t); p.Code != "case_closed" {
		t.Errorf("again: %+v", p)
	}
	audit := decode[struct {
		Items []struct{ Actor, Action, Target, Reason string }
	}](t, w.want(200, "GET", "/v1/ops/audit", nil, key))
	if len(audit.Items) != 1 || audit.Items[0].Actor != "wang" || audit.Items[0].Action != "case.dismiss" || audit.Items[0].Target != list.Items[0].ID {
		t.Errorf("audit: %+v", audit)
	}
	c.exchange(200, "GET", "/v1/ops/cases?state=closed&order_no=A1", nil, key)
}

func TestCasesArePagedAndRetriedInBulk(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, router := openAPI(t, w.base)
	c := checker{w, router}
	key := bearer(operatorKey)
	for _, orderNo := range []string{"A1", "A2", "A3"} {
		w.mismatched(orderNo)
	}
	page := decode[casePage](t, c.exchange(200, "GET", "/v1/ops/cases?limit=2", nil, key))
	if len(page.Items) != 2 || page.NextCursor == nil {
		t.Fatalf("first page: %+v", page)
	}
	page = decode[casePage](t, c.exchange(200, "GET", "/v1/ops/cases?limit=2&cursor="+*page.NextCursor, nil, key))
	if len(page.Items) != 1 || page.NextCursor != nil {
		t.Errorf("last page: %+v", page)
	}
	if got := decode[map[string]any](t, c.exchange(200, "POST", "/v1/ops/cases/retry", object{"kind": "query_exhausted"}, key)); got["retried"] != 0.0 || got["more"] != false {
		t.Errorf("nothing to retry: %v", got)
	}
}

func TestWrongCallsAboutCasesAreNamed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, router := openAPI(t, w.base)
	c := checker{w, router}
	w.mismatched("A1")
	before := w.state()
	key := bearer(operatorKey)
	for _, call := range []struct {
		status       int
		method, path string
		body         any
		key          header
		code, field  string
	}{
		{401, "GET", "/v1/ops/cases", nil, nil, "unauthorized", ""},
		{403, "GET", "/v1/ops/cases", nil, bearer(shopKey), "forbidden", ""},
		{403, "GET", "/v1/ops/cases/A1.1", nil, bearer(shopKey), "forbidden", ""},
		{403, "POST", "/v1/ops/cases/A1.1/resolve", object{"resolution": "dismiss"}, bearer(shopKey), "forbidden", ""},
		{403, "POST", "/v1/ops/cases/retry", object{"kind": "query_refused"}, bearer(shopKey), "forbidden", ""},
		{400, "GET", "/v1/ops/cases?kind=odd", nil, key, "invalid_parameter", "kind"},
		{400, "GET", "/v1/ops/cases?state=lost", nil, key, "invalid_parameter", "state"},
		{400, "GET", "/v1/ops/cases?cursor=AAAA", nil, key, "bad_cursor", ""},
		{404, "GET", "/v1/ops/cases/A1.2", nil, key, "case_not_found", ""},
		{404, "POST", "/v1/ops/cases/A1.2/resolve", object{"resolution": "dismiss"}, key, "case_not_found", ""},
		{404, "POST", "/v1/ops/cases/A1/resolve", object{"resolution": "dismiss"}, key, "case_not_found", ""},
		{422, "POST", "/v1/ops/cases/A1.1/resolve", object{"resolution": "answered"}, key, "invalid_field", "resolution"},
		{422, "POST", "/v1/ops/cases/A1.1/resolve", object{"resolution": "dismiss", "note": "a\u0000b"}, key, "invalid_field", "note"},
		{400, "POST", "/v1/ops/cases/A1.1/resolve", object{"answer": "dismiss"}, key, "unknown_field", "answer"},
		{422, "POST", "/v1/ops/cases/retry", object{"kind": "conflict"}, key, "invalid_field", "kind"},
		{422, "POST", "/v1/ops/cases/retry", object{"kind": "query_refused", "limit": 501}, key, "invalid_field", "limit"},
	} {
		p := c.exchange(call.status, call.method, call.path, call.body, call.key).problem(t)
		if p.Code != call.code || p.Field != call.field {
			t.Errorf("%s %s: %s %q, want %s %q", call.method, call.path, p.Code, p.Field, call.code, call.field)
		}
	}
	if after := w.state(); after != before {
		t.Errorf("the store has changed\nfrom %s\nto   %s", before, after)
	}
}
