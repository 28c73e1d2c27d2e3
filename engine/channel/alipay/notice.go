package alipay

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"

	sdk "github.com/smartwalle/alipay/v3"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// form is a notification: its decoded fields, each of them once.
type form map[string]string

// readForm reads a body, and nothing but the body. A field that is there twice is refused:
// who signs and who reads could each take another one.
func readForm(body []byte) (form, error) {
	if len(body) > maxNotice {
		return nil, malformed("length")
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, malformed("form")
	}
	f := make(form, len(values))
	for name, all := range values {
		if len(all) != 1 {
			return nil, malformed("repeated field")
		}
		f[name] = all[0]
	}
	return f, nil
}

func malformed(what string) error { return fmt.Errorf("%w: %s", channel.ErrMalformed, what) }

func (f form) values() url.Values {
	values := make(url.Values, len(f))
	for name, value := range f {
		values.Set(name, value)
	}
	return values
}

// refused names the order of a refused notification where it can be read.
func (f form) refused(reason error) error {
	if name := f["out_trade_no"]; order.ValidOrderNo(name) {
		return &channel.CallbackError{OrderNo: name, Err: reason}
	}
	return reason
}

// claims maps what Alipay calls the state of a trade. What was refunded is told apart by
// other fields.
var claims = map[sdk.TradeStatus]order.Claimed{
	sdk.TradeStatusWaitBuyerPay: order.ClaimsPending,
	sdk.TradeStatusSuccess:      order.ClaimsSucceeded,
	sdk.TradeStatusFinished:     order.ClaimsSucceeded,
	sdk.TradeStatusClosed:       order.ClaimsClosed,
}

var (
	notifyIDPattern = channel.NewClass("A-Za-z0-9_-", 1, 128)
	sellerPattern   = channel.NewClass("0-9", 1, 32)
	tradeNoPattern  = channel.NewClass("A-Za-z0-9", 1, 64)
	refundIDPattern = channel.NewClass("!-~", 1, 64)
)

// homeCurrency is the one of trades that name none.
const homeCurrency = "CNY"

// notification reads what an authentic form tells the application with a number. Errors wrap
// channel.ErrMalformed.
func (f form) notification(app string) (channel.Notification, error) {
	switch {
	case !notifyIDPattern.MatchString(f["notify_id"]):
		return channel.Notification{}, malformed("notify_id")
	case !order.ValidOrderNo(f["out_trade_no"]):
		return channel.Notification{}, malformed("out_trade_no")
	case !sellerPattern.MatchString(f["seller_id"]):
		return channel.Notification{}, malformed("seller_id")
	case !appIDPattern.MatchString(f["app_id"]):
		return channel.Notification{}, malformed("app_id")
	case !tradeNoPattern.MatchString(f["trade_no"]):
		return channel.Notification{}, malformed("trade_no")
	}
	ev, err := f.payment()
	if err != nil {
		return channel.Notification{}, err
	}
	if err := f.addRefund(&ev); err != nil {
		return channel.Notification{}, err
	}
	if f["app_id"] != app {
		ev.Merchant += "/" + f["app_id"] // no account's name
	}
	return channel.Notification{OrderNo: f["out_trade_no"], DedupeKey: f["notify_id"], Evidence: ev}, nil
}

// payment reads what a form tells, its refund apart.
func (f form) payment() (order.Evidence, error) {
	ev, err := read(f["trade_status"], f["total_amount"], f["trans_currency"])
	if err != nil {
		return order.Evidence{}, err
	}
	var at string
	switch ev.Claims {
	case order.ClaimsSucceeded:
		at = f["gmt_payment"]
	case order.ClaimsClosed:
		at = f["gmt_close"]
	default:
		at = f["gmt_create"]
	}
	if ev.OccurredAt, err = readTime(cmp.Or(at, f["notify_time"])); err != nil {
		return order.Evidence{}, malformed("time")
	}
	ev.Source, ev.Merchant, ev.ChannelTxn = order.FromCallback, f["seller_id"], f["trade_no"]
	return ev, nil
}

// read maps what notifications and answers both tell of a trade.
func read(status, amount, currency string) (order.Evidence, error) {
	claimed, ok := claims[sdk.TradeStatus(status)]
	if !ok {
		return order.Evidence{}, malformed("trade_status")
	}
	total, err := readAmount(amount, currency)
	if err != nil {
		return order.Evidence{}, malformed("total_amount")
	}
	return order.Evidence{Claims: claimed, Amount: &total}, nil
}

// addRefund turns evidence of a payment into evidence of its refund, if the form tells one.
// Alipay notifies refunds that went through, and none that did not.
func (f form) addRefund(ev *order.Evidence) error {
	fee, moment := f["refund_fee"], f["gmt_refund"]
	if moment == "" && strings.Trim(fee, "0.") == "" {
		return nil // a sum of nothing is no refund
	}
	if f["out_biz_no"] != "" && !refundIDPattern.MatchString(f["out_biz_no"]) {
		return malformed("out_biz_no")
	}
	at, err := readTime(cmp.Or(moment, f["notify_time"]))
	if err != nil {
		return malformed("gmt_refund")
	}
	if fee != "" || ev.Claims != order.ClaimsClosed { // closed by a refund without a sum: all of it
		sum, err := order.ParseDecimal(fee, ev.Amount.Currency)
		if err != nil || sum.Validate() != nil {
			return malformed("refund_fee")
		}
		ev.RefundedSum = &sum
	}
	ev.Claims, ev.OccurredAt = order.ClaimsRefunded, at
	ev.Refund = &order.RefundEvidence{ID: f["out_biz_no"], CreditedAt: at}
	return nil
}

// readAmount reads what a trade costs, exactly. A currency that is named counts: 88.00 of
// another one is not the price.
func readAmount(decimal, currency string) (order.Money, error) {
	m, err := order.ParseDecimal(decimal, cmp.Or(currency, homeCurrency))
	if err != nil {
		return order.Money{}, err
	}
	return m, m.Validate()
}

// readTime reads a time of Shanghai, with or without a fraction of the second.
func readTime(s string) (order.Time, error) {
	at, err := time.ParseInLocation(time.DateTime, s, shanghai)
	if err != nil {
		return 0, err
	}
	return order.At(at), nil
}
