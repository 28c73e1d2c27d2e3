package wechatpay_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/wechatpay"
	"anxin/engine/channel/wechatpay/wechatpaytest"
	"anxin/engine/order"
)

const (
	paymentPath = "/v3/pay/transactions/out-trade-no/A1001?mchid=" + wechatpaytest.MchID
	refundPath  = "/v3/refund/domestic/refunds/"
	closePath   = "/v3/pay/transactions/out-trade-no/A1001/close"
)

// answer is what the gateway answers to a path.
type answer struct {
	status  int
	content any
}

// script answers by path, and everything else as unknown.
func script(answers map[string]answer) func(*http.Request, []byte) (int, any) {
	return func(r *http.Request, _ []byte) (int, any) {
		if a, ok := answers[r.URL.RequestURI()]; ok {
			return a.status, a.content
		}
		return http.StatusNotFound, wechatpaytest.Problem("ORDER_NOT_EXIST")
	}
}

func asking(t *testing.T, answers map[string]answer) *wechatpay.Channel {
	t.Helper()
	g := wechatpaytest.NewGateway(t, script(answers))
	return open(t, func(cfg *wechatpay.Config) { cfg.GatewayURL = g.URL + "/" })
}

func about(refunds ...string) channel.Query {
	return channel.Query{OrderNo: "A1001", Amount: fen, RefundIDs: refunds, ExpiresAt: time.Now().Add(time.Hour)}
}

func payment(state string) answer {
	return answer{200, wechatpaytest.Payment("A1001", state, fen.Minor, noon)}
}

func refund(no, state string, back int64) answer {
	return answer{200, wechatpaytest.RefundAnswer("A1001", no, state, fen.Minor, back, noon)}
}

func with(a answer, set wechatpaytest.Object) answer {
	maps.Copy(a.content.(wechatpaytest.Object), set)
	return a
}

func TestEveryStateOfAPaymentIsRead(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]order.Evidence{
		"SUCCESS":    {Claims: order.ClaimsSucceeded, ChannelTxn: "4200A1001", OccurredAt: order.At(noon)},
		"REFUND":     {Claims: order.ClaimsSucceeded, ChannelTxn: "4200A1001", OccurredAt: order.At(noon)},
		"NOTPAY":     {Claims: order.ClaimsPending},
		"USERPAYING": {Claims: order.ClaimsProcessing},
		"PAYERROR":   {Claims: order.ClaimsFailed, Reason: "declined"},
		"CLOSED":     {Claims: order.ClaimsClosed},
		"REVOKED":    {Claims: order.ClaimsClosed},
	} {
		want.Source, want.Amount, want.Merchant = order.FromQuery, &fen, wechatpaytest.MchID
		ev, err := asking(t, map[string]answer{paymentPath: payment(state)}).Query(t.Context(), about())
		if err != nil || !reflect.DeepEqual(ev, want) {
			t.Errorf("%s: %+v, error %v", state, ev, err)
		}
	}
}

func TestUnpaidPaymentMayNameNoAmount(t *testing.T) {
	t.Parallel()
	ev, err := asking(t, map[string]answer{paymentPath: with(payment("NOTPAY"), wechatpaytest.Object{"amount": nil})}).Query(t.Context(), about())
	if err != nil || ev.Amount != nil || ev.Claims != order.ClaimsPending {
		t.Errorf("%+v, error %v", ev, err)
	}
}

func TestRefundsAreAskedAboutByTheirNumbers(t *testing.T) {
	t.Parallel()
	odd := "R|1*@"
	one := func(state string) map[string]answer {
		return map[string]answer{paymentPath: payment("REFUND"), refundPath + "R%7C1%2A@": refund(odd, state, 300)}
	}
	back := order.Money{Minor: 300, Currency: "CNY"}
	credited := order.At(noon.Add(time.Minute))
	for state, want := range map[string]order.Evidence{
		"PROCESSING": {Claims: order.ClaimsRefunding, OccurredAt: order.At(noon), Refund: &order.RefundEvidence{}},
		"SUCCESS":    {Claims: order.ClaimsRefunded, OccurredAt: credited, Refund: &order.RefundEvidence{CreditedAt: credited}},
		"CLOSED":     {Claims: order.ClaimsRefundFailed, OccurredAt: order.At(noon), Refund: &order.RefundEvidence{}},
		"ABNORMAL":   {Claims: order.ClaimsRefunding, OccurredAt: order.At(noon), Reason: "refund_abnormal", Refund: &order.RefundEvidence{}},
	} {
		want.Source, want.Amount, want.Merchant, want.ChannelTxn = order.FromQuery, &fen, wechatpaytest.MchID, "4200A1001"
		want.Refund.ID, want.Refund.Amount, want.Refund.AcceptedAt = odd, &back, order.At(noon)
		ev, err := asking(t, one(state)).Query(t.Context(), about(odd))
		if err != nil || !reflect.DeepEqual(ev, want) {
			t.Errorf("%s: %+v, error %v", state, ev, err)
		}
	}
}

func TestRefundThatSaysTheMostIsTold(t *testing.T) {
	t.Parallel()
	busy := answer{429, wechatpaytest.Problem("FREQUENCY_LIMITED")}
	absent := answer{404, wechatpaytest.Problem("RESOURCE_NOT_EXISTS")}
	for name, test := range map[string]struct {
		r1, r2 answer
		claims order.Claimed
		id     string
		code   string
	}{
		"ended after one on its way": {refund("R1", "PROCESSING", 100), refund("R2", "SUCCESS", 200), order.ClaimsRefunded, "R2", ""},
		"ended first":                {refund("R1", "CLOSED", 100), refund("R2", "SUCCESS", 200), order.ClaimsRefundFailed, "R1", ""},
		"both on their way":          {refund("R1", "PROCESSING", 100), refund("R2", "PROCESSING", 200), order.ClaimsRefunding, "R2", ""},
		"one cannot be asked about":  {busy, refund("R2", "SUCCESS", 200), order.ClaimsRefunded, "R2", ""},
		"one on its way, one busy":   {refund("R1", "PROCESSING", 100), busy, order.ClaimsRefunding, "R1", ""},
		"one is not known":           {absent, refund("R2", "PROCESSING", 200), order.ClaimsRefunding, "R2", ""},
		"none is known":              {absent, absent, order.ClaimsSucceeded, "", ""},
		"none can be asked about":    {busy, absent, "", "", "http_429"},
	} {
		c := asking(t, map[string]answer{paymentPath: payment("REFUND"), refundPath + "R1": test.r1, refundPath + "R2": test.r2})
		ev, err := c.Query(t.Context(), about("R1", "R2"))
		id, code := "", ""
		if ev.Refund != nil {
			id = ev.Refund.ID
		}
		if err != nil {
			code = queryError(t, err).Code
		}
		if ev.Claims != test.claims || id != test.id || code != test.code {
			t.Errorf("%s: %+v of %q, error %v", name, ev, id, err)
		}
	}
}

func TestAnswersAboutSomethingElseAreNone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		payment, refund answer
	}{
		"other order":                {with(payment("SUCCESS"), wechatpaytest.Object{"out_trade_no": "A1002"}), answer{}},
		"other merchant":             {with(payment("SUCCESS"), wechatpaytest.Object{"mchid": "1900000110"}), answer{}},
		"refund of another order":    {payment("REFUND"), with(refund("R1", "SUCCESS", 300), wechatpaytest.Object{"out_trade_no": "A1002"})},
		"refund of another merchant": {payment("REFUND"), with(refund("R1", "SUCCESS", 300), wechatpaytest.Object{"transaction_id": "4200X"})},
		"another refund":             {payment("REFUND"), refund("R2", "SUCCESS", 300)},
	} {
		c := asking(t, map[string]answer{paymentPath: test.payment, refundPath + "R1": test.refund})
		ev, err := c.Query(t.Context(), about("R1"))
		if failed := queryError(t, err); failed.Code != "other_order" || failed.Permanent || failed.Outcome != order.QueryUnreachable || ev.Claims != "" {
			t.Errorf("%s: %+v, error %+v", name, ev, failed)
		}
	}
}

func TestOtherAppInAnAnswerIsNamed(t *testing.T) {
	t.Parallel()
	c := asking(t, map[string]answer{paymentPath: with(payment("SUCCESS"), wechatpaytest.Object{"appid": "wxstranger"})})
	if ev, err := c.Query(t.Context(), about()); err != nil || ev.Merchant != wechatpaytest.MchID+"/wxstranger" {
		t.Errorf("%+v, error %v", ev, err)
	}
}

func TestUnreadableAnswersAreNone(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]answer{
		"empty": {200, nil}, "no content": {204, nil}, "array": {200, []int{1}}, "no fields": {200, wechatpaytest.Object{}}, "paying": {202, wechatpaytest.Problem("USERPAYING")},
		"unknown state":  with(payment("SUCCESS"), wechatpaytest.Object{"trade_state": "ACCEPT"}),
		"paid nothing":   with(payment("SUCCESS"), wechatpaytest.Object{"amount": nil}),
		"paid a float":   with(payment("SUCCESS"), wechatpaytest.Object{"amount": wechatpaytest.Object{"total": 88.01}}),
		"paid in points": with(payment("SUCCESS"), wechatpaytest.Object{"amount": wechatpaytest.Object{"total": 8800, "currency": "PTS"}}),
		"too long":       with(payment("SUCCESS"), wechatpaytest.Object{"attach": strings.Repeat("x", 64<<10)}),
	} {
		ev, err := asking(t, map[string]answer{paymentPath: a}).Query(t.Context(), about())
		if failed := queryError(t, err); failed.Code != "malformed" || failed.Permanent || failed.Outcome != order.QueryUnreachable || ev.Claims != "" {
			t.Errorf("%s: %+v, error %+v", name, ev, failed)
		}
	}
}

func TestAnswersMustBeSignedForNow(t *testing.T) {
	t.Parallel()
	for name, deliver := range map[string]func(g *wechatpaytest.Gateway, w http.ResponseWriter, by wechatpaytest.Signer, body []byte){
		"not signed": func(_ *wechatpaytest.Gateway, w http.ResponseWriter, _ wechatpaytest.Signer, body []byte) {
			_, _ = w.Write(body)
		},
		"by a stranger": func(g *wechatpaytest.Gateway, w http.ResponseWriter, by wechatpaytest.Signer, body []byte) {
			stranger := keys.Stranger
			stranger.Name = by.Name
			g.Reply(w, stranger, 200, body)
		},
		"changed on the way": func(_ *wechatpaytest.Gateway, w http.ResponseWriter, by wechatpaytest.Signer, body []byte) {
			by.Seal(w.Header(), time.Now(), "nonce", body)
			_, _ = io.WriteString(w, strings.Replace(string(body), "SUCCESS", "CLOSED", 1))
		},
		"long ago": func(g *wechatpaytest.Gateway, w http.ResponseWriter, by wechatpaytest.Signer, body []byte) {
			g.Clock = func() time.Time { return time.Now().Add(-6 * time.Minute) }
			g.Reply(w, by, 200, body)
		},
		"in the future": func(g *wechatpaytest.Gateway, w http.ResponseWriter, by wechatpaytest.Signer, body []byte) {
			g.Clock = func() time.Time { return time.Now().Add(6 * time.Minute) }
			g.Reply(w, by, 200, body)
		},
	} {
		g := wechatpaytest.NewGateway(t, script(map[string]answer{paymentPath: payment("SUCCESS")}))
		g.Deliver = func(w http.ResponseWriter, by wechatpaytest.Signer, _ int, body []byte) { deliver(g, w, by, body) }
		ev, err := open(t, func(cfg *wechatpay.Config) { cfg.GatewayURL = g.URL }).Query(t.Context(), about())
		if failed := queryError(t, err); failed.Code != "bad_signature" || failed.Permanent || failed.Outcome != order.QueryUnreachable || ev.Claims != "" {
			t.Errorf("%s: %+v, error %+v", name, ev, failed)
		}
	}
}

func TestAnswersAreAskedForBySignersThatAreHeld(t *testing.T) {
	t.Parallel()
	var asked string
	g := wechatpaytest.NewGateway(t, func(r *http.Request, _ []byte) (int, any) {
		asked = r.Header.Get("Wechatpay-Serial")
		return 200, wechatpaytest.Payment("A1001", "SUCCESS", fen.Minor, noon)
	})
	for want, change := range map[string]func(*wechatpay.Config){
		keys.Public.Name: asIs,
		keys.Platform.Name: func(cfg *wechatpay.Config) {
			cfg.PublicKey, cfg.PublicKeyID, cfg.PlatformCerts = "", "", []string{keys.Platform.Cert}
		},
	} {
		c := open(t, func(cfg *wechatpay.Config) { cfg.GatewayURL = g.URL; change(cfg) })
		if _, err := c.Query(t.Context(), about()); err != nil || asked != want {
			t.Errorf("asked for %q, want %q, error %v", asked, want, err)
		}
	}
}

// The gateway of the tests refuses what the merchant's key did not sign, as the real one.
func TestQuestionsAreSignedByTheMerchant(t *testing.T) {
	t.Parallel()
	g := wechatpaytest.NewGateway(t, script(map[string]answer{paymentPath: payment("SUCCESS")}))
	c := open(t, func(cfg *wechatpay.Config) {
		cfg.GatewayURL, cfg.MerchantCert, cfg.MerchantSerial, cfg.MerchantKey = g.URL, "", keys.Merchant.Name, keys.Stranger.Key
	})
	_, err := c.Query(t.Context(), about())
	if failed := queryError(t, err); failed.Code != "http_401" || !failed.Permanent || failed.Outcome != order.QueryRefused {
		t.Errorf("%+v", failed)
	}
}

func TestRefusalsSayWhetherToAskAgain(t *testing.T) {
	t.Parallel()
	expired := about()
	expired.ExpiresAt = time.Now().Add(-time.Hour)
	lately := about()
	lately.ExpiresAt = time.Now().Add(-time.Minute)
	forever := about()
	forever.ExpiresAt = time.Time{}
	for name, test := range map[string]struct {
		status int
		code   string
		q      channel.Query
		want   channel.QueryError
	}{
		"not found":            {404, "ORDER_NOT_EXIST", about(), channel.QueryError{Outcome: order.QueryUnknown, Code: "not_found"}},
		"not found, no expiry": {404, "ORDER_NOT_EXIST", forever, channel.QueryError{Outcome: order.QueryUnknown, Code: "not_found"}},
		"not found, grace":     {404, "ORDER_NOT_EXIST", lately, channel.QueryError{Outcome: order.QueryUnknown, Code: "not_found"}},
		"not found, expired":   {404, "ORDERNOTEXIST", expired, channel.QueryError{Outcome: order.QueryUnknown, Code: "not_found", Permanent: true}},
		"not WeChat Pay":       {404, "", expired, channel.QueryError{Outcome: order.QueryUnreachable, Code: "http_404"}},
		"not found, not 404":   {400, "ORDER_NOT_EXIST", expired, channel.QueryError{Outcome: order.QueryRefused, Code: "http_400", Permanent: true}},
		"parameters":           {400, "PARAM_ERROR", about(), channel.QueryError{Outcome: order.QueryRefused, Code: "http_400", Permanent: true}},
		"signature":            {401, "SIGN_ERROR", about(), channel.QueryError{Outcome: order.QueryRefused, Code: "http_401", Permanent: true}},
		"permission":           {403, "NO_AUTH", about(), channel.QueryError{Outcome: order.QueryRefused, Code: "http_403", Permanent: true}},
		"rate":                 {429, "RATELIMIT_EXCEEDED", about(), channel.QueryError{Outcome: order.QueryUnreachable, Code: "http_429", RetryAfter: time.Minute}},
		"system":               {500, "SYSTEM_ERROR", about(), channel.QueryError{Outcome: order.QueryUnreachable, Code: "http_500"}},
		"maintenance":          {503, "", about(), channel.QueryError{Outcome: order.QueryUnreachable, Code: "http_503"}},
		"redirect":             {302, "", about(), channel.QueryError{Outcome: order.QueryUnreachable, Code: "http_302"}},
	} {
		_, err := asking(t, map[string]answer{paymentPath: {test.status, wechatpaytest.Problem(test.code)}}).Query(t.Context(), test.q)
		if got := queryError(t, err); got != test.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestRateLimitMayNameItsTime(t *testing.T) {
	t.Parallel()
	g := wechatpaytest.NewGateway(t, script(nil))
	g.Deliver = func(w http.ResponseWriter, _ wechatpaytest.Signer, _ int, _ []byte) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	_, err := open(t, func(cfg *wechatpay.Config) { cfg.GatewayURL = g.URL }).Query(t.Context(), about())
	if failed := queryError(t, err); failed.RetryAfter != 7*time.Second {
		t.Errorf("%+v", failed)
	}
}

func TestEndlessRefusalIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	g := wechatpaytest.NewGateway(t, script(map[string]answer{paymentPath: {500, wechatpaytest.Object{"code": strings.Repeat("x", 1<<20)}}}))
	_, err := open(t, func(cfg *wechatpay.Config) { cfg.GatewayURL = g.URL }).Query(t.Context(), about())
	if failed := queryError(t, err); failed.Code != "malformed" || failed.Permanent {
		t.Errorf("%+v", failed)
	}
}

func TestQuestionsThatGetNoAnswer(t *testing.T) {
	t.Parallel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	c := open(t, asIs)
	for code, ctx := range map[string]context.Context{"timeout": late, "canceled": stopped, "connection": t.Context()} {
		_, err := c.Query(ctx, about())
		if failed := queryError(t, err); failed.Code != code || failed.Permanent || failed.Outcome != order.QueryUnreachable {
			t.Errorf("%s: %+v", code, failed)
		}
		if err := c.Close(ctx, about()); queryError(t, err).Code != code {
			t.Errorf("close, %s: %v", code, err)
		}
	}
}

func TestCloseTellsWhoWonTheRace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer
		want error
		code string
	}{
		"closed":         {answer{204, nil}, nil, ""},
		"closed already": {answer{400, wechatpaytest.Problem("ORDER_CLOSED")}, nil, ""},
		"paid":           {answer{400, wechatpaytest.Problem("ORDERPAID")}, channel.ErrAlreadyPaid, ""},
		"not known":      {answer{404, wechatpaytest.Problem("ORDER_NOT_EXIST")}, nil, "not_found"},
		"rate":           {answer{429, wechatpaytest.Problem("FREQUENCY_LIMITED")}, nil, "http_429"},
		"refused":        {answer{403, wechatpaytest.Problem("NO_AUTH")}, nil, "http_403"},
		"down":           {answer{500, wechatpaytest.Problem("SYSTEM_ERROR")}, nil, "http_500"},
	} {
		g := wechatpaytest.NewGateway(t, func(r *http.Request, body []byte) (int, any) {
			if r.Method != http.MethodPost || r.URL.RequestURI() != closePath || strings.TrimSpace(string(body)) != `{"mchid":"`+wechatpaytest.MchID+`"}` {
				t.Errorf("asked %s %s %s", r.Method, r.URL, body)
			}
			return test.status, test.content
		})
		err := open(t, func(cfg *wechatpay.Config) { cfg.GatewayURL = g.URL }).Close(t.Context(), about())
		wantNeutral(t, err)
		switch {
		case test.code != "":
			if failed := queryError(t, err); failed.Code != test.code {
				t.Errorf("%s: %+v", name, failed)
			}
		case !errors.Is(err, test.want):
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestCloseThatNobodySignedIsNone(t *testing.T) {
	t.Parallel()
	g := wechatpaytest.NewGateway(t, script(nil))
	g.Deliver = func(w http.ResponseWriter, _ wechatpaytest.Signer, _ int, _ []byte) {
		w.WriteHeader(http.StatusNoContent)
	}
	err := open(t, func(cfg *wechatpay.Config) { cfg.GatewayURL = g.URL }).Close(t.Context(), about())
	if failed := queryError(t, err); failed.Code != "bad_signature" {
		t.Errorf("%+v", failed)
	}
}
