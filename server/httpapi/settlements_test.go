package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel/sandbox"
)

const fileHeader = "order_no,channel_txn,amount,currency,status,at\n"

type settlementResult struct {
	ID        string `json:"id"`
	State     string `json:"state"`
	Rows      int    `json:"rows"`
	Moved     int    `json:"moved"`
	Unchanged int    `json:"unchanged"`
	Cases     int    `json:"cases"`
	NoOrder   int    `json:"no_order"`
	BadCount  int    `json:"bad_count"`
	Bad       []struct {
		Line int    `json:"line"`
		Code string `json:"code"`
	} `json:"bad"`
}

// upload posts a settlement file and holds the answer against the description.
func (c checker) upload(status int, query, content string, headers ...header) answer {
	c.t.Helper()
	headers = append(headers, header{"Content-Type": "text/csv; charset=utf-8"})
	a := c.want(status, "POST", "/v1/ops/settlements?"+query, content, headers...)
	c.check(a, false, "POST", "/v1/ops/settlements?"+query, nil, headers)
	return a
}

// settled asks until a settlement is done.
func (c checker) settled(id string) settlementResult {
	c.t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-again.C {
		r := decode[settlementResult](c.t, c.exchange(200, "GET", "/v1/ops/settlements/"+id, nil, bearer(operatorKey)))
		if r.State == "done" {
			return r
		}
	}
	c.t.Fatalf("settlement %s is never done", id)
	return settlementResult{}
}

func TestASettlementFileMovesOrdersAndNamesWhatIsOneSided(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, router := openAPI(t, w.base)
	c := checker{w, router}
	key := bearer(operatorKey)
	for _, orderNo := range []string{"MISSED", "KNOWN", "OTHER", "ABSENT"} {
		w.register(registration(orderNo))
	}
	for _, orderNo := range []string{"KNOWN", "ABSENT"} {
		if a := w.callback(orderNo, sandbox.StateSucceeded, 8800); a.status != http.StatusOK {
			t.Fatalf("callback: %d", a.status)
		}
	}
	now := time.Now().UTC()
	row := func(orderNo, txn, amount string, at time.Time) string {
		return fmt.Sprintf("%s,%s,%s,CNY,succeeded,%s\n", orderNo, txn, amount, at.Format(time.RFC3339))
	}
	file := fileHeader + row("MISSED", "t-MISSED", "88.00", now.Add(-time.Hour)) + row("KNOWN", "t-KNOWN", "88.00", now) +
		row("OTHER", "t-OTHER", "99.00", now) + "garbage\n" + row("NOBODY", "t", "1.00", now.Add(time.Hour))

	first := decode[settlementResult](t, c.upload(202, "channel=sandbox", file, key))
	got := c.settled(first.ID)
	if got.Rows != 5 || got.Moved != 1 || got.Unchanged != 1 || got.Cases != 1 || got.NoOrder != 1 || got.BadCount != 1 {
		t.Errorf("result %+v", got)
	}
	if len(got.Bad) != 1 || got.Bad[0].Line != 5 || got.Bad[0].Code != "bad_fields" {
		t.Errorf("bad lines %+v", got.Bad)
	}
	state := w.state()
	if again := decode[settlementResult](t, c.upload(200, "channel=sandbox", file, key)); again.ID != got.ID || again.State != "done" {
		t.Errorf("again: %+v", again)
	}
	if w.state() != state {
		t.Error("the same file again changed an order")
	}

	at := "/v1/ops/settlements/" + got.ID
	wantOrders := func(path string, want ...string) {
		t.Helper()
		list := decode[casePage](t, c.exchange(200, "GET", path, nil, key))
		var names []string
		for _, item := range list.Items {
			names = append(names, item.OrderNo)
		}
		if strings.Join(names, " ") != strings.Join(want, " ") {
			t.Errorf("%s: %v, want %v", path, names, want)
		}
	}
	wantOrders(at+"/one-sided?side=file", "NOBODY")
	wantOrders(at+"/one-sided?side=orders", "ABSENT")
	wantOrders(at+"/rows?outcome=moved", "MISSED")
	wantOrders(at+"/rows?outcome=bad", "")
	c.exchange(200, "GET", "/v1/ops/settlements", nil, key)
}

func TestALargeFileIsTakenFromOperatorsOnly(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, router := openAPI(t, w.base)
	c := checker{w, router}
	line := "NOBODY,t,1.00,CNY,succeeded,2026-11-22T15:59:58Z\n"
	file := fileHeader + strings.Repeat(line, 3<<20/len(line)/100) + strings.Repeat(" ", 3<<20)
	c.upload(202, "channel=sandbox", file, bearer(operatorKey))
	if p := c.upload(413, "channel=sandbox", file, bearer(shopKey)).problem(t); p.Code != "body_too_large" {
		t.Errorf("a backend: %+v", p)
	}
	if p := c.want(413, "POST", "/v1/orders", file, bearer(operatorKey)).problem(t); p.Code != "body_too_large" {
		t.Errorf("another address: %+v", p)
	}
}

func TestWrongCallsAboutSettlementsAreNamed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, router := openAPI(t, w.base)
	c := checker{w, router}
	key := bearer(operatorKey)
	good := fileHeader + "NOBODY,t,1.00,CNY,succeeded,2026-11-22T15:59:58Z\n"
	for _, call := range []struct {
		status      int
		query, file string
		key         header
		code, field string
	}{
		{401, "channel=sandbox", good, nil, "unauthorized", ""},
		{403, "channel=sandbox", good, bearer(shopKey), "forbidden", ""},
		{400, "", good, key, "invalid_parameter", "channel"},
		{400, "channel=sandbox&chanel=x", good, key, "invalid_parameter", "chanel"},
		{422, "channel=nowhere", good, key, "unknown_channel", ""},
		{422, "channel=sandbox", "order,money\n", key, "settlement_unreadable", ""},
		{422, "channel=sandbox&currency=CNY", good, key, "settlement_unreadable", ""},
		{422, "channel=sandbox", fileHeader + strings.Repeat("\n", 500_001), key, "too_many_rows", ""},
	} {
		p := c.upload(call.status, call.query, call.file, call.key).problem(t)
		if p.Code != call.code || p.Field != call.field {
			t.Errorf("%s: %s %q, want %s %q", call.query, p.Code, p.Field, call.code, call.field)
		}
	}
	if p := c.want(415, "POST", "/v1/ops/settlements?channel=sandbox", good, key).problem(t); p.Code != "unsupported_media_type" {
		t.Errorf("as JSON: %+v", p)
	}
	for path, code := range map[string]string{
		"/v1/ops/settlements/st_0":                       "settlement_not_found",
		"/v1/ops/settlements/st_0/rows":                  "settlement_not_found",
		"/v1/ops/settlements/st_0/one-sided?side=file":   "settlement_not_found",
		"/v1/ops/settlements/st_0/one-sided?side=orders": "settlement_not_found",
		"/v1/ops/settlements/st_0/one-sided":             "invalid_parameter",
		"/v1/ops/settlements/st_0/rows?outcome=odd":      "invalid_parameter",
		"/v1/ops/settlements?cursor=AAAA":                "bad_cursor",
	} {
		status := map[string]int{"settlement_not_found": 404, "invalid_parameter": 400, "bad_cursor": 400}[code]
		if p := c.exchange(status, "GET", path, nil, key).problem(t); p.Code != code {
			t.Errorf("%s: %+v", path, p)
		}
		c.exchange(403, "GET", path, nil, bearer(shopKey))
	}
}
