package httpapi_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

func (w *world) checked() checker {
	_, router := openAPI(w.t, w.base)
	return checker{w, router}
}

type deliveryList struct {
	Items []struct {
		ID         string     `json:"webhook_id"`
		State      string     `json:"state"`
		AcceptedAt order.Time `json:"accepted_at"`
		Tries      []struct {
			Code     string `json:"code"`
			Status   int    `json:"status"`
			Duration int64  `json:"duration_ms"`
			Answer   string `json:"answer"`
		} `json:"tries"`
	} `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

func TestDeliveriesAreShownToTheirBackendAndToOperators(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.register(registration("A1"))
	at := order.At(time.Now()) // what is older is swept away
	for seq := range int64(3) {
		id := fmt.Sprintf("msg_A1_%d", seq)
		must(t, w.store.Commit(t.Context(), engine.Commit{
			Webhooks: []engine.Webhook{{ID: id, OrderNo: "A1", Seq: seq, Type: "order.failed", Body: []byte(`{}`), CreatedAt: at}},
			Delivery: &engine.Delivery{WebhookID: id, At: at, Took: 12 * time.Millisecond, Code: "http_500", Reply: engine.Reply{Status: 500, Body: "<b>no</b>"}},
		}))
	}
	must(t, w.store.Commit(t.Context(), engine.Commit{Accepted: &engine.WebhookOutcome{ID: "msg_A1_0", Accepted: true, At: at}}))
	c := w.checked()
	for path, who := range map[string]header{"/v1/orders/A1/deliveries": bearer(shopKey), "/v1/ops/orders/A1/deliveries": bearer(operatorKey)} {
		first := decode[deliveryList](t, c.exchange(http.StatusOK, "GET", path+"?limit=2", nil, who))
		if len(first.Items) != 2 || first.NextCursor == nil {
			t.Fatalf("first page of %s: %+v", path, first)
		}
		if got := first.Items[0]; got.State != "accepted" || got.AcceptedAt != at || len(got.Tries) != 1 || got.Tries[0].Duration != 12 ||
			got.Tries[0].Answer != "<b>no</b>" || got.Tries[0].Status != 500 || got.Tries[0].Code != "http_500" {
			t.Errorf("first webhook: %+v", got)
		}
		rest := decode[deliveryList](t, c.exchange(http.StatusOK, "GET", path+"?limit=2&cursor="+*first.NextCursor, nil, who))
		if len(rest.Items) != 1 || rest.Items[0].ID != "msg_A1_2" || rest.Items[0].State != "pending" || rest.NextCursor != nil {
			t.Errorf("second page of %s: %+v", path, rest)
		}
		for query, code := range map[string]string{"?limit=0": "invalid_parameter", "?limit=201": "invalid_parameter", "?before=1": "invalid_parameter", "?cursor=": "invalid_parameter", "?cursor=msg_B1_1": "bad_cursor"} {
			if p := c.exchange(http.StatusBadRequest, "GET", path+query, nil, who).problem(t); p.Code != code {
				t.Errorf("%s: %s", query, p.Code)
			}
		}
	}
	view := bearer(w.register(registration("A2")).ViewToken)
	for _, r := range []struct {
		status int
		path   string
		who    header
	}{
		{http.StatusUnauthorized, "/v1/orders/A1/deliveries", header{}},
		{http.StatusForbidden, "/v1/orders/A2/deliveries", view},
		{http.StatusNotFound, "/v1/orders/A1/deliveries", bearer(otherKey)},
		{http.StatusNotFound, "/v1/orders/Z1/deliveries", bearer(shopKey)},
		{http.StatusForbidden, "/v1/ops/orders/A1/deliveries", bearer(shopKey)},
		{http.StatusNotFound, "/v1/ops/orders/Z1/deliveries", bearer(operatorKey)},
	} {
		c.exchange(r.status, "GET", r.path, nil, r.who)
	}
}

type endpointItem struct {
	Backend    string     `json:"backend"`
	State      string     `json:"state"`
	Breaker    string     `json:"breaker"`
	DisabledAt order.Time `json:"disabled_at"`
}

func TestOperatorsSeeEndpointsAndEnableThem(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c, key := w.checked(), bearer(operatorKey)
	for name, ep := range map[string]engine.Endpoint{
		"hooked-1": {Backend: "hooked-1", GoneAt: 1_700_000_000_000, DisabledAt: 1_700_003_600_000},
		"hooked-2": {Backend: "hooked-2", GoneAt: 1_700_000_000_000},
	} {
		if err := w.store.Commit(t.Context(), engine.Commit{Endpoint: &ep}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	type list struct {
		Items      []endpointItem `json:"items"`
		NextCursor *string        `json:"next_cursor"`
	}
	first := decode[list](t, c.exchange(http.StatusOK, "GET", "/v1/ops/endpoints?limit=1", nil, key))
	if len(first.Items) != 1 || first.NextCursor == nil || first.Items[0] != (endpointItem{"hooked-1", "disabled", "closed", 1_700_003_600_000}) {
		t.Fatalf("first page: %+v", first)
	}
	rest := decode[list](t, c.exchange(http.StatusOK, "GET", "/v1/ops/endpoints?limit=1&cursor="+*first.NextCursor, nil, key))
	if len(rest.Items) != 1 || rest.NextCursor != nil || rest.Items[0].State != "endpoint_gone" {
		t.Fatalf("second page: %+v", rest)
	}

	const enable = "/v1/ops/endpoints/hooked-1/enable"
	for range 2 {
		got := decode[endpointItem](t, c.exchange(http.StatusOK, "POST", enable, object{"reason": "moved back"}, key))
		if got != (endpointItem{"hooked-1", "enabled", "closed", 0}) {
			t.Errorf("enabled: %+v", got)
		}
	}
	entries, err := w.store.Audits(t.Context(), 0, 10)
	must(t, err)
	if len(entries) != 2 || entries[0].Action != "endpoints.enable" || entries[0].Target != "hooked-1" || entries[0].Actor != "wang" || entries[0].Reason != "moved back" {
		t.Errorf("audit: %+v", entries)
	}
	for _, r := range []struct {
		status int
		path   string
		body   any
		who    header
		code   string
	}{
		{http.StatusNotFound, "/v1/ops/endpoints/nobody/enable", object{"reason": "x"}, key, "unknown_backend"},
		{http.StatusUnprocessableEntity, enable, object{}, key, "invalid_field"},
		{http.StatusBadRequest, enable, object{"reason": "x", "force": true}, key, "unknown_field"},
		{http.StatusForbidden, enable, object{"reason": "x"}, bearer(shopKey), "forbidden"},
		{http.StatusUnauthorized, enable, object{"reason": "x"}, header{}, "unauthorized"},
	} {
		if p := c.exchange(r.status, "POST", r.path, r.body, r.who).problem(t); p.Code != r.code {
			t.Errorf("%s: %s", r.code, p.Code)
		}
	}
	c.exchange(http.StatusForbidden, "GET", "/v1/ops/endpoints", nil, bearer(shopKey))
	c.exchange(http.StatusBadRequest, "GET", "/v1/ops/endpoints?x=1", nil, key)
}
