package alipay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/alipay/alipaytest"
	"anxin/engine/order"
)

// trades answers the query of a trade.
func (v vendor) trades(r reply) map[string]string {
	return map[string]string{methodQuery: v.Answer(methodQuery, r)}
}

func about(refunds ...string) channel.Query {
	now := time.Now()
	return channel.Query{OrderNo: "A1001", Amount: cny(8800), RefundIDs: refunds, CreatedAt: now.Add(-time.Minute), ExpiresAt: now.Add(time.Hour)}
}

func ask(tb testing.TB, c *Channel, q channel.Query) order.Evidence {
	tb.Helper()
	ev, err := c.Query(tb.Context(), q)
	if err != nil {
		tb.Fatal(err)
	}
	return ev
}

func TestQueryTellsPayment(t *testing.T) {
	t.Parallel()
	for mode, v := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			c, g := v.serve(t, v.trades(alipaytest.PaidReply()))
			ev := ask(t, c, about())
			if ev.Source != order.FromQuery || ev.Claims != order.ClaimsSucceeded || *ev.Amount != cny(8800) || ev.Merchant != alipaytest.SellerID ||
				ev.ChannelTxn != "2026112322001403000000000001" || !ev.OccurredAt.Std().Equal(time.Date(2026, 11, 23, 8, 0, 2, 0, time.UTC)) {
				t.Errorf("evidence is %+v", ev)
			}
			if asked := g.Asked(); len(asked) != 1 || fmt.Sprint(asked[0].Biz) != "map[out_trade_no:A1001]" {
				t.Errorf("asked %+v", asked)
			}
		})
	}
}

func TestEveryStateOfAnAnswer(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	unpaid := alipaytest.PaidReply().With("send_pay_date", "")
	for name, test := range map[string]struct {
		reply  reply
		claims order.Claimed
		refund bool
	}{
		"pending":                  {unpaid.With("trade_status", "WAIT_BUYER_PAY"), order.ClaimsPending, false},
		"paid":                     {alipaytest.PaidReply(), order.ClaimsSucceeded, false},
		"paid, without time":       {unpaid, order.ClaimsSucceeded, false},
		"finished":                 {alipaytest.PaidReply().With("trade_status", "TRADE_FINISHED"), order.ClaimsSucceeded, false},
		"closed":                   {unpaid.With("trade_status", "TRADE_CLOSED"), order.ClaimsClosed, false},
		"closed after it was paid": {alipaytest.PaidReply().With("trade_status", "TRADE_CLOSED"), order.ClaimsRefunded, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := v.serve(t, v.trades(test.reply))
			ev := ask(t, c, about())
			if ev.Claims != test.claims || (ev.Refund != nil) != test.refund || *ev.Amount != cny(8800) {
				t.Errorf("evidence is %+v", ev)
			}
		})
	}
}

// What the library makes of these: a success, an error of the channel, or a panic.
func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	good := alipaytest.PaidReply().Raw()
	signed := func(raw string) string { return v.Envelope(methodQuery, raw, alipaytest.Signature(v.Alipay, raw)) }
	for what, test := range map[string]struct {
		body string
		code string
	}{
		"about another order":                {v.Answer(methodQuery, alipaytest.PaidReply().With("out_trade_no", "A1002")), channel.CodeOtherOrder},
		"about no order":                     {v.Answer(methodQuery, alipaytest.PaidReply().With("out_trade_no", "")), channel.CodeOtherOrder},
		"unsigned":                           {v.Envelope(methodQuery, good, ""), channel.CodeBadSignature},
		"unsigned, not found":                {v.Envelope(methodQuery, alipaytest.Failure("40004", "ACQ.TRADE_NOT_EXIST").Raw(), ""), channel.CodeBadSignature},
		"unsigned, in no code":               {v.Envelope(methodQuery, `{}`, ""), channel.CodeBadSignature},
		"signed with another key":            {v.Envelope(methodQuery, good, alipaytest.Signature(alipaytest.OtherKey(), good)), channel.CodeBadSignature},
		"signed for other words":             {v.Envelope(methodQuery, good, alipaytest.Signature(v.Alipay, strings.Replace(good, "TRADE_SUCCESS", "TRADE_CLOSED", 1))), channel.CodeBadSignature},
		"with a blank that was not signed":   {v.Envelope(methodQuery, strings.Replace(good, ":", ": ", 1), alipaytest.Signature(v.Alipay, good)), channel.CodeBadSignature},
		"with a signature that is a number":  {strings.Replace(v.Answer(methodQuery, alipaytest.PaidReply()), `"sign":"`, `"sign":1,"x":"`, 1), channel.CodeBadSignature},
		"with a certificate in key mode":     {strings.Replace(v.Answer(methodQuery, alipaytest.PaidReply()), `"sign"`, `"alipay_cert_sn":"0011","sign"`, 1), channel.CodeBadSignature},
		"with a field that is there twice":   {signed(strings.Replace(good, `"out_trade_no"`, `"out_trade_no":"A1002","out_trade_no"`, 1)), channel.CodeMalformed},
		"with a field in another case":       {signed(strings.Replace(good, `"out_trade_no"`, `"OUT_TRADE_NO":"A1002","out_trade_no"`, 1)), channel.CodeMalformed},
		"two answers":                        {strings.Replace(v.Answer(methodQuery, alipaytest.PaidReply()), "{", `{"alipay_trade_query_response":{},`, 1), channel.CodeMalformed},
		"of another method":                  {v.Answer(methodClose, alipaytest.PaidReply()), channel.CodeMalformed},
		"empty":                              {"", channel.CodeMalformed},
		"null":                               {"null", channel.CodeMalformed},
		"null for an error":                  {`{"error_response":null}`, channel.CodeBadSignature},
		"a page":                             {"<html>", channel.CodeMalformed},
		"an array":                           {"[]", channel.CodeMalformed},
		"encrypted":                          {signed(`"c2VjcmV0"`), channel.CodeMalformed},
		"a number for a string":              {signed(`{"code":"10000","out_trade_no":"A1001","total_amount":88.00,"trade_status":"TRADE_SUCCESS"}`), channel.CodeMalformed},
		"without a code":                     {signed(`{"out_trade_no":"A1001","total_amount":"88.00","trade_status":"TRADE_SUCCESS"}`), channel.CodeMalformed},
		"in an unknown state":                {v.Answer(methodQuery, alipaytest.PaidReply().With("trade_status", "TRADE_PENDING")), channel.CodeMalformed},
		"with an amount of three digits":     {v.Answer(methodQuery, alipaytest.PaidReply().With("total_amount", "88.001")), channel.CodeMalformed},
		"with a time that is none":           {v.Answer(methodQuery, alipaytest.PaidReply().With("send_pay_date", "now")), channel.CodeMalformed},
		"with a number of the trade that is": {v.Answer(methodQuery, alipaytest.PaidReply().With("trade_no", "<b>")), channel.CodeMalformed},
		"longer than any answer":             {strings.Repeat(" ", maxAnswer+1), channel.CodeMalformed},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			c, _ := v.serve(t, map[string]string{methodQuery: test.body})
			ev, err := c.Query(t.Context(), about())
			failed, isQueryError := errors.AsType[*channel.QueryError](err)
			if !isQueryError || failed.Code != test.code || failed.Permanent || failed.Outcome != order.QueryUnreachable {
				t.Errorf("evidence %+v, error %+v, want code %s", ev, failed, test.code)
			}
		})
	}
}

// The door does not sign for whom it does not know, and 200 says nothing.
func TestRefusalsOfTheGateway(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	for code, want := range map[string]struct {
		outcome   order.QueryOutcome
		permanent bool
	}{
		"20000": {order.QueryUnreachable, false}, "40005": {order.QueryUnreachable, false},
		"20001": {order.QueryRefused, true}, "40001": {order.QueryRefused, true}, "40002": {order.QueryRefused, true},
		"40003": {order.QueryRefused, true}, "40006": {order.QueryRefused, true},
		"99999": {order.QueryUnreachable, false},
	} {
		raw := alipaytest.Failure(code, "isv.invalid-app-id").Raw()
		for how, body := range map[string]string{
			"signed":            v.Envelope(methodQuery, raw, alipaytest.Signature(v.Alipay, raw)),
			"unsigned":          v.Envelope(methodQuery, raw, ""),
			"as error_response": strings.Replace(v.Envelope(methodQuery, raw, ""), "alipay_trade_query_response", "error_response", 1),
		} {
			t.Run(code+" "+how, func(t *testing.T) {
				t.Parallel()
				c, _ := v.serve(t, map[string]string{methodQuery: body})
				_, err := c.Query(t.Context(), about())
				failed, _ := errors.AsType[*channel.QueryError](err)
				if failed == nil || failed.Outcome != want.outcome || failed.Permanent != want.permanent {
					t.Fatalf("error %+v, want %+v", failed, want)
				}
				if text := err.Error(); strings.Contains(text, alipaytest.Words) || strings.Contains(text, "isv.") {
					t.Errorf("the channel's words are in %q", text)
				}
			})
		}
	}
	t.Run("a failure of the business", func(t *testing.T) {
		t.Parallel()
		for sub, permanent := range map[string]bool{"ACQ.SYSTEM_ERROR": false, "ACQ.INVALID_PARAMETER": true, "ACQ.SOMETHING_NEW": false} {
			c, _ := v.serve(t, v.trades(alipaytest.Failure("40004", sub)))
			_, err := c.Query(t.Context(), about())
			if failed, _ := errors.AsType[*channel.QueryError](err); failed == nil || failed.Code != "gateway_40004" || failed.Permanent != permanent {
				t.Errorf("%s: error %+v", sub, failed)
			}
		}
	})
}

// "No such trade" before the payer saw the cashier is no answer; long after the order
// expired nobody will see it any more.
func TestNotFoundInsideAndAfterTheWindow(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	c, _ := v.serve(t, v.trades(alipaytest.Failure("40004", "ACQ.TRADE_NOT_EXIST")))
	for expired, final := range map[time.Duration]bool{-time.Hour: false, time.Minute: false, notFoundGrace + time.Minute: true} {
		q := about()
		q.ExpiresAt = time.Now().Add(-expired)
		_, err := c.Query(t.Context(), q)
		failed, _ := errors.AsType[*channel.QueryError](err)
		if failed == nil || failed.Outcome != order.QueryUnknown || failed.Code != channel.CodeNotFound || failed.Permanent != final {
			t.Errorf("expired for %s: error %+v", expired, failed)
		}
	}
}

func refundReply(pairs ...string) reply {
	return alipaytest.OK("out_trade_no", "A1001", "out_request_no", "R1", "trade_no", "2026112322001403000000000001", "total_amount", "88.00",
		"refund_amount", "20.00", "refund_status", "REFUND_SUCCESS", "gmt_refund_pay", "2026-11-23 16:05:00").With(pairs...)
}

func TestRefundQueryTellsItsPart(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	c, g := v.serve(t, map[string]string{methodRefundQuery: v.Answer(methodRefundQuery, refundReply())})
	ev := ask(t, c, about("R1"))
	if ev.Source != order.FromQuery || ev.Claims != order.ClaimsRefunded || ev.Merchant != alipaytest.SellerID || *ev.Amount != cny(8800) || ev.Refund.ID != "R1" ||
		*ev.Refund.Amount != cny(2000) || ev.RefundedSum != nil || !ev.OccurredAt.Std().Equal(time.Date(2026, 11, 23, 8, 5, 0, 0, time.UTC)) {
		t.Errorf("evidence is %+v, refund %+v", ev, ev.Refund)
	}
	if asked := g.Asked(); len(asked) != 1 || asked[0].Biz["out_request_no"] != "R1" || asked[0].Biz["out_trade_no"] != "A1001" {
		t.Errorf("asked %+v", asked)
	}
}

// A refund that did not go through, or never came, has no status. The payment is told then.
func TestRefundWithoutStatusIsNotDone(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	for what, r := range map[string]reply{"nothing": alipaytest.OK(), "no status": refundReply("refund_status", ""), "another status": refundReply("refund_status", "REFUND_PROCESSING")} {
		c, g := v.serve(t, map[string]string{methodRefundQuery: v.Answer(methodRefundQuery, r), methodQuery: v.Answer(methodQuery, alipaytest.PaidReply())})
		if ev := ask(t, c, about("R1", "", "R2")); ev.Claims != order.ClaimsSucceeded || ev.Refund != nil {
			t.Errorf("%s: evidence is %+v", what, ev)
		}
		if asked := g.Asked(); len(asked) != 3 || asked[1].Biz["out_request_no"] != "R2" || asked[2].Method != methodQuery {
			t.Errorf("%s: asked %+v", what, asked)
		}
	}
}

func TestRefundAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	for what, test := range map[string]struct {
		reply reply
		code  string
	}{
		"about another order":  {refundReply("out_trade_no", "A1002"), channel.CodeOtherOrder},
		"about another refund": {refundReply("out_request_no", "R2"), channel.CodeOtherOrder},
		"of no amount":         {refundReply("refund_amount", ""), channel.CodeMalformed},
		"of nothing":           {refundReply("refund_amount", "0.00"), channel.CodeMalformed},
		"of no payment":        {refundReply("total_amount", ""), channel.CodeMalformed},
		"at no time":           {refundReply("gmt_refund_pay", "soon"), channel.CodeMalformed},
		"busy":                 {alipaytest.Failure("20000", "isp.unknow-error"), "gateway_20000"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			c, _ := v.serve(t, map[string]string{methodRefundQuery: v.Answer(methodRefundQuery, test.reply)})
			ev, err := c.Query(t.Context(), about("R1"))
			if failed, _ := errors.AsType[*channel.QueryError](err); failed == nil || failed.Code != test.code || failed.Permanent {
				t.Errorf("evidence %+v, error %+v, want %s", ev, failed, test.code)
			}
		})
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	v := certVendor()
	closed := alipaytest.OK("out_trade_no", "A1001", "trade_no", "2026112322001403000000000001")
	unpaid := alipaytest.PaidReply().With("send_pay_date", "")
	for what, test := range map[string]struct {
		close, trade reply
		want         string
	}{
		"closes":                          {closed, nil, ""},
		"another order":                   {closed.With("out_trade_no", "A1002"), nil, channel.CodeOtherOrder},
		"paid":                            {alipaytest.Failure("40004", "ACQ.TRADE_STATUS_ERROR"), alipaytest.PaidReply(), channel.ErrAlreadyPaid.Error()},
		"paid, in other words":            {alipaytest.Failure("40004", "ACQ.REASON_ILLEGAL_STATUS"), alipaytest.PaidReply(), channel.ErrAlreadyPaid.Error()},
		"paid and refunded":               {alipaytest.Failure("40004", "ACQ.TRADE_STATUS_ERROR"), alipaytest.PaidReply().With("trade_status", "TRADE_CLOSED"), channel.ErrAlreadyPaid.Error()},
		"closed before":                   {alipaytest.Failure("40004", "ACQ.TRADE_STATUS_ERROR"), unpaid.With("trade_status", "TRADE_CLOSED"), ""},
		"not closed and not paid":         {alipaytest.Failure("40004", "ACQ.TRADE_STATUS_ERROR"), unpaid.With("trade_status", "WAIT_BUYER_PAY"), "gateway_40004"},
		"neither closes nor can be asked": {alipaytest.Failure("40004", "ACQ.TRADE_STATUS_ERROR"), alipaytest.Failure("20000", "isp.unknow-error"), "gateway_20000"},
		"not there":                       {alipaytest.Failure("40004", "ACQ.TRADE_NOT_EXIST"), nil, channel.CodeNotFound},
		"busy":                            {alipaytest.Failure("20000", "isp.unknow-error"), nil, "gateway_20000"},
		"not allowed":                     {alipaytest.Failure("40006", "isv.insufficient-isv-permissions"), nil, "gateway_40006"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			answers := map[string]string{methodClose: v.Answer(methodClose, test.close)}
			if test.trade != nil {
				answers[methodQuery] = v.Answer(methodQuery, test.trade)
			}
			c, _ := v.serve(t, answers)
			err := c.Close(t.Context(), about())
			got := ""
			if failed, isQueryError := errors.AsType[*channel.QueryError](err); isQueryError {
				got = failed.Code
			} else if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("close says %v, want %q", err, test.want)
			}
		})
	}
}

// HTTP's own failures; the library looks at no status.
func TestStatusesAndSilence(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	body := v.Answer(methodQuery, alipaytest.PaidReply())
	for what, test := range map[string]struct {
		answer    http.HandlerFunc
		code      string
		permanent bool
		after     time.Duration
	}{
		"a success in a 500": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, body)
		}, "http_500", false, 0},
		"too many": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		}, "http_429", false, 7 * time.Second},
		"forbidden": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "http_403", true, 0},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "http_307", false, 0},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, body[:100])
		}, channel.CodeConnection, false, 0},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(test.answer)
			t.Cleanup(server.Close)
			_, err := open(t, v.config(server.URL)).Query(t.Context(), about())
			failed, _ := errors.AsType[*channel.QueryError](err)
			if failed == nil || failed.Code != test.code || failed.Permanent != test.permanent || failed.RetryAfter != test.after {
				t.Errorf("error %+v, want %s", failed, test.code)
			}
		})
	}
}

func TestQueryEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	_, err := open(t, v.config(server.URL)).Query(ctx, about())
	if failed, _ := errors.AsType[*channel.QueryError](err); failed == nil || failed.Code != channel.CodeCanceled || failed.Permanent {
		t.Errorf("error %+v", failed)
	}
}

// A gateway that never answers is given up by the adapter's own clock, whatever its caller
// allows.
func TestQueryHasATimeoutOfItsOwn(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	var left time.Duration
	cfg := v.config("http://127.0.0.1:9")
	cfg.Client = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		deadline, _ := r.Context().Deadline()
		left = time.Until(deadline)
		return nil, context.DeadlineExceeded
	})}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Query(t.Context(), about())
	if failed, _ := errors.AsType[*channel.QueryError](err); failed == nil || failed.Code != channel.CodeTimeout || left <= 0 || left > queryTimeout {
		t.Errorf("error %+v with %s left", failed, left)
	}
}
