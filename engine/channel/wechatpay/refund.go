package wechatpay

import (
	"cmp"

	"anxin/engine/channel"
	"anxin/engine/order"
)

var refundPattern = channel.NewClass("A-Za-z0-9_|*@-", 1, 64)

// refund is what WeChat Pay tells of a refund. A notification names the merchant, and an
// answer does not; the state has another name in each.
type refund struct {
	MchID         string  `json:"mchid"`
	OutTradeNo    string  `json:"out_trade_no"`
	TransactionID string  `json:"transaction_id"`
	OutRefundNo   string  `json:"out_refund_no"`
	RefundStatus  string  `json:"refund_status"`
	Status        string  `json:"status"`
	CreateTime    string  `json:"create_time"`
	SuccessTime   string  `json:"success_time"`
	Amount        *amount `json:"amount"`
}

// refundStates maps the states to the engine's terms.
var refundStates = map[string]order.Claimed{
	"PROCESSING": order.ClaimsRefunding,
	"SUCCESS":    order.ClaimsRefunded,
	"CLOSED":     order.ClaimsRefundFailed,
	"ABNORMAL":   order.ClaimsRefunding, // the bank did not take it back: the merchant sends it another way
}

// reasonAbnormal marks a refund that waits for the merchant.
const reasonAbnormal = "refund_abnormal"

func (r refund) state() string { return cmp.Or(r.RefundStatus, r.Status) }

// evidence reads a refund. Errors wrap channel.ErrMalformed.
func (r refund) evidence(source order.Source, merchant string) (order.Evidence, error) {
	claims, known := refundStates[r.state()]
	switch {
	case !order.ValidOrderNo(r.OutTradeNo):
		return order.Evidence{}, malformed("out_trade_no")
	case !known:
		return order.Evidence{}, malformed("refund_status")
	case !refundPattern.MatchString(r.OutRefundNo):
		return order.Evidence{}, malformed("out_refund_no")
	case !transactionPattern.MatchString(r.TransactionID):
		return order.Evidence{}, malformed("transaction_id")
	case r.Amount == nil:
		return order.Evidence{}, malformed("amount")
	}
	total, err := r.Amount.money(r.Amount.Total)
	if err != nil {
		return order.Evidence{}, err
	}
	back, err := r.Amount.money(r.Amount.Refund)
	if err != nil {
		return order.Evidence{}, err
	}
	accepted, err := instant(r.CreateTime)
	if err != nil {
		return order.Evidence{}, malformed("create_time")
	}
	credited, err := instant(r.SuccessTime)
	if err != nil || (claims == order.ClaimsRefunded && credited == 0) {
		return order.Evidence{}, malformed("success_time")
	}
	ev := order.Evidence{
		Source: source, Claims: claims, Amount: total, Merchant: merchant, ChannelTxn: r.TransactionID,
		Refund: &order.RefundEvidence{ID: r.OutRefundNo, Amount: back, AcceptedAt: accepted}, OccurredAt: accepted,
	}
	if claims == order.ClaimsRefunded {
		ev.Refund.CreditedAt, ev.OccurredAt = credited, credited
	}
	if r.state() == "ABNORMAL" {
		ev.Reason = reasonAbnormal
	}
	return ev, nil
}
