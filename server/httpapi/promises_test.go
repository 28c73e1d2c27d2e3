package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"anxin/engine/channel/sandbox"
	"anxin/engine/order"
)

type promiseScores struct {
	Since, Until order.Time
	Kinds        []struct {
		Kind      string   `json:"kind"`
		Shown     int64    `json:"shown"`
		Open      int64    `json:"open"`
		Kept      int64    `json:"kept"`
		Void      int64    `json:"void"`
		ShareKept *float64 `json:"share_kept"`
	} `json:"kinds"`
}

func TestTheSummaryScoresWhatPayersWereShown(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, router := openAPI(t, w.base)
	c := checker{w, router}
	summary := func(query, key string) promiseScores {
		t.Helper()
		return decode[promiseScores](t, c.exchange(200, "GET", "/v1/promises/summary"+query, nil, bearer(key)))
	}
	if s := summary("", shopKey); len(s.Kinds) != 0 || s.Until.Sub(s.Since) != 24*time.Hour {
		t.Errorf("before anything was shown: %+v", s)
	}
	w.register(registration("A1"))
	w.want(http.StatusOK, "POST", "/v1/orders/A1/claim", nil, bearer(shopKey))
	w.callback("A1", sandbox.StateSucceeded, 8800)
	soon := "&until=" + order.At(time.Now().Add(time.Hour)).String()
	for query, key := range map[string]string{"?channel=sandbox" + soon: shopKey, "?since=2026-01-01T00:00:00Z" + soon: operatorKey} {
		s := summary(query, key)
		got := map[string][4]int64{}
		for _, k := range s.Kinds {
			got[k.Kind] = [4]int64{k.Shown, k.Open, k.Kept, k.Void}
			if (k.ShareKept != nil) != (k.Kept > 0) {
				t.Errorf("%s: share %v of %d kept", k.Kind, k.ShareKept, k.Kept)
			}
		}
		if want := (map[string][4]int64{"attempt": {1, 0, 0, 1}, "typical": {1, 0, 1, 0}, "late": {1, 0, 1, 0}}); mustJSON(t, got) != mustJSON(t, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	if s := summary("?channel=other"+soon, shopKey); len(s.Kinds) != 0 {
		t.Errorf("another channel has %+v", s)
	}
	if s := summary("", otherKey); len(s.Kinds) != 0 {
		t.Errorf("another backend sees %+v", s)
	}
	for _, query := range []string{"?channel=%20", "?since=yesterday", "?x=1", "?channel=a&channel=b"} {
		c.exchange(400, "GET", "/v1/promises/summary"+query, nil, bearer(shopKey))
	}
	c.exchange(401, "GET", "/v1/promises/summary", nil)
	r := w.register(registration("A2"))
	c.exchange(403, "GET", "/v1/promises/summary", nil, bearer(r.ViewToken))
}
