package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"anxin/engine/order"
)

func TestPausesAreSetSeenAndEnded(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, router := openAPI(t, w.base)
	c, ops := checker{w, router}, bearer(operatorKey)
	until := order.At(time.Now().Add(time.Hour)).String()
	body := map[string]any{"kind": "query", "target": "sandbox", "until": until, "reason": "the channel is being moved"}
	for _, path := range []string{"/v1/ops/pauses", "/v1/ops/channels"} {
		w.want(http.StatusUnauthorized, "GET", path, nil)
		w.want(http.StatusForbidden, "GET", path, nil, bearer(shopKey))
		w.want(http.StatusBadRequest, "GET", path+"?limit=5", nil, ops)
	}
	w.want(http.StatusForbidden, "POST", "/v1/ops/pauses", body, bearer(shopKey))
	w.want(http.StatusForbidden, "DELETE", "/v1/ops/pauses/query/sandbox", nil, bearer(shopKey))
	c.exchange(http.StatusNotFound, "DELETE", "/v1/ops/pauses/query/sandbox", nil, ops)
	c.exchange(http.StatusOK, "POST", "/v1/ops/pauses", body, ops)

	type list struct {
		Items []struct {
			Name, Breaker, Actor, Target, Reason, Until string
			PausedUntil                                 string `json:"paused_until"`
		} `json:"items"`
	}
	pauses := decode[list](t, c.exchange(http.StatusOK, "GET", "/v1/ops/pauses", nil, ops))
	if len(pauses.Items) != 1 || pauses.Items[0].Actor != "wang" || pauses.Items[0].Until != until {
		t.Errorf("pauses %+v", pauses)
	}
	channels := decode[list](t, c.exchange(http.StatusOK, "GET", "/v1/ops/channels", nil, ops))
	if len(channels.Items) != 1 || channels.Items[0].PausedUntil != until || channels.Items[0].Breaker != "closed" {
		t.Errorf("channels %+v", channels)
	}
	c.exchange(http.StatusNoContent, "DELETE", "/v1/ops/pauses/query/sandbox", nil, ops)
	if left := decode[list](t, c.exchange(http.StatusOK, "GET", "/v1/ops/pauses", nil, ops)); len(left.Items) != 0 {
		t.Errorf("after the end %+v", left)
	}
	if audit := string(w.want(http.StatusOK, "GET", "/v1/ops/audit", nil, ops).body); !strings.Contains(audit, "pauses.set") || !strings.Contains(audit, "pauses.end") {
		t.Errorf("audit %s", audit)
	}
	if text := string(w.want(http.StatusOK, "GET", "/metrics", nil).body); !strings.Contains(text, `anxin_channel_breaker_open{channel="sandbox"} 0`) {
		t.Error("the metrics do not tell the breaker")
	}
}

func TestPausesThatMakeNoSenseNameTheField(t *testing.T) {
	t.Parallel()
	w := setup(t)
	soon := order.At(time.Now().Add(time.Hour)).String()
	for field, body := range map[string]map[string]any{
		"kind":   {"kind": "stage", "target": "sandbox", "until": soon, "reason": "x"},
		"target": {"kind": "query", "target": "nowhere", "until": soon, "reason": "x"},
		"until":  {"kind": "query", "target": "sandbox", "reason": "x"},
		"reason": {"kind": "query", "target": "sandbox", "until": soon},
	} {
		p := w.want(http.StatusUnprocessableEntity, "POST", "/v1/ops/pauses", body, bearer(operatorKey)).problem(t)
		if p.Code != "invalid_field" || p.Field != field {
			t.Errorf("%s: %s %s", field, p.Code, p.Field)
		}
	}
	w.want(http.StatusBadRequest, "POST", "/v1/ops/pauses", map[string]any{"forever": true}, bearer(operatorKey))
}
