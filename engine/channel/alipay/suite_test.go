package alipay

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/alipay/alipaytest"
	"anxin/engine/channel/channeltest"
	"anxin/engine/order"
)

// fixture is the vendor as the suite wants it.
type fixture struct{ vendor }

func TestSuiteWithKeys(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, fixture{keyVendor()})
}

func TestSuiteWithCertificates(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, fixture{certVendor()})
}

func FuzzCallback(f *testing.F) { channeltest.FuzzCallback(f, fixture{keyVendor()}) }
func FuzzSigned(f *testing.F)   { channeltest.FuzzSigned(f, fixture{keyVendor()}) }
func FuzzAnswer(f *testing.F)   { channeltest.FuzzAnswer(f, fixture{keyVendor()}) }

func (f fixture) Provider() channeltest.Provider {
	paid := []channeltest.Word{
		{State: "TRADE_SUCCESS", Claims: order.ClaimsSucceeded},
		{State: "TRADE_FINISHED", Claims: order.ClaimsSucceeded},
		{State: "WAIT_BUYER_PAY", Claims: order.ClaimsPending},
		{State: "refunded", Claims: order.ClaimsRefunded},
	}
	closed := channeltest.Word{State: "TRADE_CLOSED", Claims: order.ClaimsClosed}
	unsaid := []order.Claimed{order.ClaimsProcessing, order.ClaimsFailed, order.ClaimsRefunding, order.ClaimsRefundFailed}
	return channeltest.Provider{
		Merchant: alipaytest.SellerID, Price: cny(8800), SignsFields: true, NoProbes: true,
		Success:  channel.Answer{Status: http.StatusOK, ContentType: "text/plain", Body: []byte("success")},
		Notified: paid, Answered: append(slices.Clone(paid), closed),
		// Not every product notifies a trade that was closed unpaid; TestEveryTradeStatus
		// holds the adapter to reading it where one does.
		Unnotified: append(slices.Clone(unsaid), order.ClaimsClosed), Unanswered: unsaid,
		Secrets: []string{f.config("").PrivateKey[40:80], f.config("").AlipayPublicKey, alipaytest.Words, "buyer***"},
	}
}

func (f fixture) Open(t testing.TB, gateway string) channel.Channel {
	t.Helper()
	return open(t, f.config(gateway))
}

// notice is the notification of what the suite tells.
func (f fixture) notice(c channeltest.Callback) fields {
	told := c.Told
	n := alipaytest.PaidNotice().With(
		"notify_id", c.ID, "notify_time", alipaytest.At(c.SignedAt), "out_trade_no", told.OrderNo, "seller_id", told.Merchant, "trade_no", told.Txn,
		"total_amount", told.Amount.Decimal(), "trade_status", told.State, "gmt_create", alipaytest.At(told.At), "gmt_payment", alipaytest.At(told.At),
		"buyer_logon_id", channeltest.MarkedPayer,
	)
	switch {
	case told.Claims == order.ClaimsPending:
		return n.With("gmt_payment", "")
	case told.Refund == nil:
		return n
	case told.Refund.Amount == told.Amount:
		n = n.With("trade_status", "TRADE_CLOSED", "gmt_close", alipaytest.At(told.Refund.At))
	default:
		n = n.With("trade_status", "TRADE_SUCCESS")
	}
	return n.With("refund_fee", told.Refund.Amount.Decimal(), "gmt_refund", alipaytest.At(told.Refund.At)+".345", "out_biz_no", told.Refund.ID)
}

func (f fixture) Callback(t testing.TB, c channeltest.Callback) channel.Request {
	t.Helper()
	n, signer := f.notice(c), f.vendor
	switch c.Twist {
	case channeltest.TwistWrongKey:
		signer.Alipay = alipaytest.OtherKey()
	case channeltest.TwistUnrelated:
		n = fields{"notify_type": "dut_user_sign", "notify_id": c.ID, "app_id": alipaytest.AppID, "agreement_no": "20260000000000000001", "status": "NORMAL"}
	case channeltest.Straight, channeltest.TwistRepeated, channeltest.TwistProbe:
	}
	body := signer.Sign(n).Encode()
	if c.Twist == channeltest.TwistRepeated {
		body = append(body, "&out_trade_no=A9999"...)
	}
	r := requestOf(body)
	r.ReceivedAt = c.ReceivedAt
	return r
}

// Sign adds the signature over the fields that body has, once each.
func (f fixture) Sign(t testing.TB, body []byte, _ time.Time) channel.Request {
	t.Helper()
	values, _ := url.ParseQuery(string(body))
	n := fields{}
	for name := range values {
		if !slices.Contains([]string{"sign", "sign_type", "alipay_cert_sn"}, name) {
			n[name] = values.Get(name)
		}
	}
	tail := url.Values{"sign": {f.vendor.Sign(n)["sign"]}, "sign_type": {"RSA2"}}.Encode()
	if values.Has("sign") { // a notification that was changed is signed anew
		return requestOf(f.vendor.Sign(n).Encode())
	}
	return requestOf(append(append(bytes.Clone(body), '&'), tail...))
}

func (f fixture) Answer(t testing.TB, w http.ResponseWriter, r *http.Request, s channeltest.Script) {
	t.Helper()
	q, err := f.Read(r)
	if err != nil {
		t.Errorf("the gateway was asked %v", err)
		return
	}
	answer := f.reply(q, s)
	raw := answer.Raw()
	signed := alipaytest.Signature(f.Alipay, raw)
	switch s.Fault {
	case channeltest.FaultWrongKey:
		signed = alipaytest.Signature(alipaytest.OtherKey(), raw)
	case channeltest.FaultUnsigned:
		signed = ""
	case channeltest.FaultTampered:
		raw = strings.Replace(raw, `"88.00"`, `"88.01"`, 1)
	case channeltest.FaultRepeated:
		raw = strings.Replace(raw, `"out_trade_no"`, `"out_trade_no":"A1002","out_trade_no"`, 1)
		signed = alipaytest.Signature(f.Alipay, raw)
	case channeltest.FaultRaw:
		raw = string(s.Raw)
		signed = alipaytest.Signature(f.Alipay, raw)
	case channeltest.FaultDenied:
		signed = "" // the door does not know who asks
	case channeltest.NoFault, channeltest.FaultNotFound, channeltest.FaultParameters, channeltest.FaultBusy, channeltest.FaultRefundAbsent:
	}
	_, _ = io.WriteString(w, f.Envelope(q.Method, raw, signed))
}

// reply is what Alipay says to a question, in its own words.
func (f fixture) reply(q alipaytest.Question, s channeltest.Script) reply {
	switch s.Fault {
	case channeltest.FaultNotFound:
		return alipaytest.Failure("40004", "ACQ.TRADE_NOT_EXIST")
	case channeltest.FaultDenied:
		return alipaytest.Failure("40002", "isv.invalid-app-id")
	case channeltest.FaultParameters:
		return alipaytest.Failure("40004", "ACQ.INVALID_PARAMETER")
	case channeltest.FaultBusy:
		return alipaytest.Failure("20000", "isp.unknow-error")
	default:
	}
	told := s.Told
	switch q.Method {
	case methodClose:
		switch s.Close {
		case channeltest.AlreadyPaid:
			return alipaytest.Failure("40004", "ACQ.TRADE_STATUS_ERROR")
		case channeltest.CloseDenied:
			return alipaytest.Failure("40006", "isv.insufficient-isv-permissions")
		case channeltest.Closes:
		}
		return alipaytest.OK("out_trade_no", told.OrderNo, "trade_no", told.Txn)
	case methodRefundQuery:
		if s.Fault == channeltest.FaultRefundAbsent || told.Refund == nil {
			return alipaytest.OK("out_trade_no", told.OrderNo, "trade_no", told.Txn)
		}
		return alipaytest.OK("out_trade_no", told.OrderNo, "out_request_no", told.Refund.ID, "trade_no", told.Txn, "total_amount", told.Amount.Decimal(),
			"refund_amount", told.Refund.Amount.Decimal(), "refund_status", "REFUND_SUCCESS", "gmt_refund_pay", alipaytest.At(told.Refund.At))
	}
	a := alipaytest.OK("buyer_logon_id", channeltest.MarkedPayer, "out_trade_no", told.OrderNo, "total_amount", told.Amount.Decimal(),
		"trade_no", told.Txn, "trade_status", told.State)
	if told.Claims == order.ClaimsSucceeded {
		a = a.With("send_pay_date", alipaytest.At(told.At))
	}
	return a
}
