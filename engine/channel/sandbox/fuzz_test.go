package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"testing"

	"anxin/engine/channel"
)

// FuzzAnswer reads what a channel might answer to a query: a payment is about the order
// that was asked for and can be weighed, and everything else is a *channel.QueryError
// that settles nothing.
func FuzzAnswer(f *testing.F) {
	good, err := json.Marshal(paid())
	if err != nil {
		f.Fatal(err)
	}
	for _, status := range []int{200, 204, 302, 404, 422} {
		f.Add(status, good)
	}
	f.Add(404, []byte(`{"code":"NOT_FOUND"}`))
	f.Add(200, []byte(`{"out_trade_no":"A1001","out_trade_no":"A1002"}`))
	f.Add(200, []byte("\xff{"))
	c := setup(f, "http://gateway.test")
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		p, err := c.read(answer{status: status, body: body}, "A1001")
		if err == nil {
			if status != http.StatusOK || p.OutTradeNo != "A1001" || p.validate() != nil {
				t.Fatalf("%d %q was read as %+v", status, body, p)
			}
			return
		}
		if _, ok := errors.AsType[*channel.QueryError](err); !ok {
			t.Fatalf("%v is no query error", err)
		}
	})
}

// FuzzRetryAfter holds the wait that a channel asks for within its bounds.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"5", "-1", "99999999999999999999", "1e3", "Mon, 23 Nov 2026 08:05:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "\x00"} {
		f.Add(seed)
	}
	c := setup(f, "http://gateway.test")
	f.Fuzz(func(t *testing.T, value string) {
		if wait := c.retryAfter(http.Header{"Retry-After": {value}}); wait < 0 || wait > maxRetryAfter {
			t.Fatalf("%q asks for %s", value, wait)
		}
	})
}

// FuzzDecode holds the strict reader against the standard one: what it accepts, that
// reads the same.
func FuzzDecode(f *testing.F) {
	f.Add(bodyOf(f, paid()))
	for _, seed := range []string{`{"id":"a","Id":"b"}`, `{"id":"a","id":"b"}`, `{"id":null}`, `{"payment":{"refunds":[{}]}}`, `{}{}`, `[`, "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var strict, standard Notice
		if err := Decode(body, &strict); err != nil {
			if _, ok := errors.AsType[*JSONError](err); !ok {
				t.Fatalf("%v is no JSON error", err)
			}
			return
		}
		if err := json.Unmarshal(body, &standard); err != nil || !reflect.DeepEqual(strict, standard) {
			t.Fatalf("read %+v, the standard decoder %+v, %v", strict, standard, err)
		}
	})
}
