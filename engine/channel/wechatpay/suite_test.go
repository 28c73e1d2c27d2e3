package wechatpay_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/channeltest"
	"anxin/engine/channel/wechatpay"
	"anxin/engine/channel/wechatpay/wechatpaytest"
	"anxin/engine/order"
)

func TestSuite(t *testing.T)    { t.Parallel(); channeltest.Run(t, platform{}) }
func FuzzCallback(f *testing.F) { channeltest.FuzzCallback(f, platform{}) }
func FuzzSigned(f *testing.F)   { channeltest.FuzzSigned(f, platform{}) }
func FuzzGateway(f *testing.F)  { channeltest.FuzzAnswer(f, platform{}) }

// platform plays WeChat Pay with the public key of wechatpaytest.
type platform struct{}

func (platform) Provider() channeltest.Provider {
	succeeded := channeltest.Word{State: "SUCCESS", Claims: order.ClaimsSucceeded}
	ended := []channeltest.Word{
		{State: "SUCCESS", Claims: order.ClaimsRefunded},
		{State: "CLOSED", Claims: order.ClaimsRefundFailed},
		{State: "ABNORMAL", Claims: order.ClaimsRefunding},
	}
	return channeltest.Provider{
		Merchant: wechatpaytest.MchID, Price: fen, Success: channel.Answer{Status: http.StatusNoContent},
		Headers:   []string{"Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial", "Wechatpay-Signature"},
		Freshness: 5 * time.Minute,
		Notified:  append([]channeltest.Word{succeeded}, ended...),
		Answered: append([]channeltest.Word{
			succeeded,
			{State: "REFUND", Claims: order.ClaimsSucceeded},
			{State: "NOTPAY", Claims: order.ClaimsPending},
			{State: "USERPAYING", Claims: order.ClaimsProcessing},
			{State: "PAYERROR", Claims: order.ClaimsFailed},
			{State: "CLOSED", Claims: order.ClaimsClosed},
			{State: "REVOKED", Claims: order.ClaimsClosed},
			{State: "PROCESSING", Claims: order.ClaimsRefunding},
		}, ended...),
		Unnotified: []order.Claimed{order.ClaimsPending, order.ClaimsProcessing, order.ClaimsFailed, order.ClaimsClosed},
		Secrets:    []string{wechatpaytest.APIv3Key, keys.Merchant.Key, "marked-"},
	}
}

func (platform) Open(t testing.TB, gateway string) channel.Channel {
	t.Helper()
	return open(t, func(cfg *wechatpay.Config) { cfg.GatewayURL = gateway })
}

func (platform) Callback(t testing.TB, c channeltest.Callback) channel.Request {
	t.Helper()
	event, content := "TRANSACTION.SUCCESS", toldPayment(c.Told)
	if r := c.Told.Refund; r != nil {
		event = "REFUND." + c.Told.State
		content = wechatpaytest.RefundNotice(c.Told.OrderNo, r.ID, c.Told.State, c.Told.Amount.Minor, r.Amount.Minor, r.At)
		maps.Copy(content, wechatpaytest.Object{"transaction_id": c.Told.Txn, "mchid": c.Told.Merchant})
	}
	plain, by := wechatpaytest.Marshal(content), keys.Public
	switch c.Twist {
	case channeltest.TwistWrongKey:
		by = keys.Stranger
		by.Name = keys.Public.Name
	case channeltest.TwistRepeated:
		plain = repeated(plain)
	case channeltest.TwistUnrelated:
		event = "COUPON.USE"
	case channeltest.Straight, channeltest.TwistProbe:
	}
	n := wechatpaytest.NewNotice(c.ID, event, nil)
	n.CreateTime = c.Told.At.In(wechatpaytest.China).Format(time.RFC3339)
	n.Resource.Ciphertext = wechatpaytest.Encrypt(wechatpaytest.APIv3Key, n.Resource.Nonce, n.Resource.AssociatedData, plain)
	body := wechatpaytest.Marshal(n)
	r := channel.Request{Header: wechatpaytest.Callback(by, c.SignedAt, body), Body: body, ReceivedAt: c.ReceivedAt}
	if c.Twist == channeltest.TwistProbe {
		r.Header.Set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/"+r.Header.Get("Wechatpay-Signature")[19:])
	}
	return r
}

func (platform) Sign(_ testing.TB, body []byte, at time.Time) channel.Request {
	return channel.Request{Header: wechatpaytest.Callback(keys.Public, at, body), Body: body}
}

func toldPayment(told channeltest.Told) wechatpaytest.Object {
	state := told.State
	if told.Refund != nil {
		state = "REFUND"
	}
	p := wechatpaytest.Payment(told.OrderNo, state, told.Amount.Minor, told.At)
	p["mchid"], p["payer"] = told.Merchant, wechatpaytest.Object{"openid": channeltest.MarkedPayer}
	if p["transaction_id"] != "" {
		p["transaction_id"] = told.Txn
	}
	return p
}

// repeated names another order first.
func repeated(object []byte) []byte {
	return []byte(strings.Replace(string(object), `{`, `{"out_trade_no":"B1001",`, 1))
}

func (platform) Answer(t testing.TB, w http.ResponseWriter, r *http.Request, s channeltest.Script) {
	t.Helper()
	g := wechatpaytest.Gateway{Clock: time.Now}
	g.Answer = func(r *http.Request, _ []byte) (int, any) { return reply(r, s) }
	g.Deliver = func(w http.ResponseWriter, by wechatpaytest.Signer, status int, body []byte) {
		name := by.Name
		switch s.Fault {
		case channeltest.FaultWrongKey:
			by = keys.Stranger
			by.Name = name
		case channeltest.FaultRepeated:
			body = repeated(body)
		case channeltest.FaultRaw:
			body = s.Raw
		case channeltest.FaultUnsigned:
			_, _ = w.Write(body)
			return
		case channeltest.FaultTampered:
			by.Seal(w.Header(), time.Now(), "nonce", body)
			_, _ = w.Write([]byte(strings.Replace(string(body), "CNY", "USD", 1)))
			return
		case channeltest.NoFault, channeltest.FaultNotFound, channeltest.FaultDenied, channeltest.FaultParameters, channeltest.FaultBusy, channeltest.FaultRefundAbsent:
		}
		g.Reply(w, by, status, body)
	}
	g.ServeHTTP(w, r)
}

// reply is what WeChat Pay says to a question that the merchant signed.
func reply(r *http.Request, s channeltest.Script) (int, any) {
	refund := strings.HasPrefix(r.URL.Path, "/v3/refund/domestic/refunds/")
	switch s.Fault {
	case channeltest.FaultNotFound:
		return 404, wechatpaytest.Problem("ORDER_NOT_EXIST")
	case channeltest.FaultRefundAbsent:
		if refund {
			return 404, wechatpaytest.Problem("RESOURCE_NOT_EXISTS")
		}
	case channeltest.FaultDenied:
		return 401, wechatpaytest.Problem("SIGN_ERROR")
	case channeltest.FaultParameters:
		return 400, wechatpaytest.Problem("PARAM_ERROR")
	case channeltest.FaultBusy:
		return 429, wechatpaytest.Problem("RATELIMIT_EXCEEDED")
	case channeltest.NoFault, channeltest.FaultWrongKey, channeltest.FaultUnsigned, channeltest.FaultTampered, channeltest.FaultRepeated, channeltest.FaultRaw:
	}
	if refund {
		told := s.Told.Refund
		if told == nil { // of FaultRaw: the bytes are put in its place
			return 200, wechatpaytest.Object{}
		}
		answer := wechatpaytest.RefundAnswer(s.Told.OrderNo, told.ID, s.Told.State, s.Told.Amount.Minor, told.Amount.Minor, told.At)
		answer["transaction_id"] = s.Told.Txn
		if s.Told.Claims == order.ClaimsRefunded {
			answer["success_time"] = told.At.In(wechatpaytest.China).Format(time.RFC3339)
		}
		return 200, answer
	}
	if r.Method == http.MethodPost {
		switch s.Close {
		case channeltest.AlreadyPaid:
			return 400, wechatpaytest.Problem("ORDERPAID")
		case channeltest.CloseDenied:
			return 403, wechatpaytest.Problem("NO_AUTH")
		case channeltest.Closes:
		}
		return 204, nil
	}
	return 200, toldPayment(s.Told)
}
