package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
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
		p, err := c.read(answer{status: status, body: body}, channel.Query{OrderNo: "A1001"})
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
