package wechatpay

import (
	"cmp"
	"time"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// currency is that of a mainland merchant, where a message names none.
const currency = "CNY"

var transactionPattern = channel.NewClass("A-Za-z0-9_-", 1, 32)

// payment is what WeChat Pay tells of a payment, in notifications and answers alike.
type payment struct {
	AppID         string  `json:"appid"`
	MchID         string  `json:"mchid"`
	OutTradeNo    string  `json:"out_trade_no"`
	TransactionID string  `json:"transaction_id"` // once paid
	TradeState    string  `json:"trade_state"`
	SuccessTime   string  `json:"success_time"`
	Amount        *amount `json:"amount"` // once paid
}

// amount is told in fen. Total is what the merchant asked for; what the payer paid of it,
// coupons taken off, is not looked at.
type amount struct {
	Total    int64  `json:"total"`
	Refund   int64  `json:"refund"` // of a refund
	Currency string `json:"currency"`
}

// The states of a payment.
const (
	stateSuccess = "SUCCESS"
	stateRefund  = "REFUND" // paid, and a refund of whatever amount was accepted
)

// tradeStates maps the states to the engine's terms.
var tradeStates = map[string]order.Claimed{
	stateSuccess: order.ClaimsSucceeded,
	stateRefund:  order.ClaimsSucceeded,
	"NOTPAY":     order.ClaimsPending,
	"USERPAYING": order.ClaimsProcessing,
	"PAYERROR":   order.ClaimsFailed,
	"CLOSED":     order.ClaimsClosed,
	"REVOKED":    order.ClaimsClosed, // of payment codes: taken back by the merchant
}

// reasonDeclined is all that PAYERROR says.
const reasonDeclined = "declined"

// evidence reads a payment. Errors wrap channel.ErrMalformed.
func (p payment) evidence(source order.Source, apps map[string]bool) (order.Evidence, error) {
	claims, known := tradeStates[p.TradeState]
	total, err := p.total()
	switch {
	case !order.ValidOrderNo(p.OutTradeNo):
		return order.Evidence{}, malformed("out_trade_no")
	case !mchIDPattern.MatchString(p.MchID):
		return order.Evidence{}, malformed("mchid")
	case !known:
		return order.Evidence{}, malformed("trade_state")
	case err != nil:
		return order.Evidence{}, err
	case p.TransactionID != "" && !transactionPattern.MatchString(p.TransactionID),
		p.TransactionID == "" && claims == order.ClaimsSucceeded:
		return order.Evidence{}, malformed("transaction_id")
	case total == nil && claims == order.ClaimsSucceeded:
		return order.Evidence{}, malformed("amount")
	}
	at, err := instant(p.SuccessTime)
	if err != nil {
		return order.Evidence{}, malformed("success_time")
	}
	ev := order.Evidence{
		Source: source, Claims: claims, Amount: total, Merchant: p.merchant(apps),
		ChannelTxn: p.TransactionID, OccurredAt: at,
	}
	if claims == order.ClaimsFailed {
		ev.Reason = reasonDeclined
	}
	return ev, nil
}

// total returns the amount of the payment, nil where none is told.
func (p payment) total() (*order.Money, error) {
	if p.Amount == nil {
		return nil, nil //nolint:nilnil // an answer about what was not paid may leave it out
	}
	return p.Amount.money(p.Amount.Total)
}

func (a amount) money(minor int64) (*order.Money, error) {
	m := order.Money{Minor: minor, Currency: cmp.Or(a.Currency, currency)}
	if m.Validate() != nil {
		return nil, malformed("amount")
	}
	return &m, nil
}

// merchant names the account, and the app beside it where that is not one of ours.
func (p payment) merchant(apps map[string]bool) string {
	if len(apps) == 0 || apps[p.AppID] {
		return p.MchID
	}
	if !appIDPattern.MatchString(p.AppID) {
		return p.MchID + "/"
	}
	return p.MchID + "/" + p.AppID
}

// instant reads a time, 0 for none.
func instant(text string) (order.Time, error) {
	if text == "" {
		return 0, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, err
	}
	if order.At(at) <= 0 || at.UTC().Year() > 9999 { // what the engine's own times can say
		return 0, malformed("time")
	}
	return order.At(at), nil
}
