package httpapi_test

import (
	"net/http"
	"testing"

	"anxin/engine"
	"anxin/engine/order"
)

func TestAuditIsForOperatorsAndPages(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for i, action := range []string{"first.act", "second.act", "third.act"} {
		entry := engine.Audit{At: order.Time(1_700_000_000_000 + int64(i)), Actor: "wang", Action: action, Target: "A1", Reason: "asked by phone"}
		must(t, w.store.Commit(t.Context(), engine.Commit{Audit: &entry}))
	}
	w.want(http.StatusUnauthorized, "GET", "/v1/ops/audit", nil)
	w.want(http.StatusForbidden, "GET", "/v1/ops/audit", nil, bearer(shopKey))
	w.want(http.StatusBadRequest, "GET", "/v1/ops/audit?limit=0", nil, bearer(operatorKey))
	type list struct {
		Items      []struct{ Action, Actor, Reason string } `json:"items"`
		NextCursor *string                                  `json:"next_cursor"`
	}
	_, router := openAPI(t, w.base)
	c := checker{w, router}
	first := decode[list](t, c.exchange(http.StatusOK, "GET", "/v1/ops/audit?limit=2", nil, bearer(operatorKey)))
	if len(first.Items) != 2 || first.Items[0].Action != "third.act" || first.NextCursor == nil {
		t.Fatalf("first page: %+v", first)
	}
	rest := decode[list](t, c.exchange(http.StatusOK, "GET", "/v1/ops/audit?limit=2&cursor="+*first.NextCursor, nil, bearer(operatorKey)))
	if len(rest.Items) != 1 || rest.Items[0].Action != "first.act" || rest.Items[0].Actor != "wang" || rest.NextCursor != nil {
		t.Errorf("second page: %+v", rest)
	}
}
