package alipay

import (
	"context"
	"errors"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// The questions that are put to the gateway.
const (
	methodQuery       = "alipay.trade.query"
	methodRefundQuery = "alipay.trade.fastpay.refund.query"
	methodClose       = "alipay.trade.close"
)

var (
	errOtherOrder  = errors.New("answer is about another order")
	errOtherRefund = errors.New("answer is about another refund")
)

// trade is what is read of the answer about a payment.
type trade struct {
	OutTradeNo    string `json:"out_trade_no"`
	TradeNo       string `json:"trade_no"`
	TradeStatus   string `json:"trade_status"`
	TotalAmount   string `json:"total_amount"`
	TransCurrency string `json:"trans_currency"`
	SendPayDate   string `json:"send_pay_date"` // when it was paid; only what was paid has one
}

// refund is what is read of the answer about a refund.
type refund struct {
	OutTradeNo   string `json:"out_trade_no"`
	OutRequestNo string `json:"out_request_no"`
	TradeNo      string `json:"trade_no"`
	TotalAmount  string `json:"total_amount"`
	RefundAmount string `json:"refund_amount"` // of this refund alone
	RefundStatus string `json:"refund_status"` // absent = not received, or it failed
	GmtRefundPay string `json:"gmt_refund_pay"`
}

// Query asks for the refunds that are named, one after the other, and where none of them
// went through for the payment. Errors are *channel.QueryError.
func (c *Channel) Query(ctx context.Context, q channel.Query) (order.Evidence, error) {
	for _, id := range q.RefundIDs {
		if id == "" {
			continue // the refund of a notification that named none cannot be asked about
		}
		ev, told, err := c.queryRefund(ctx, q, id)
		if err != nil || told {
			return ev, err
		}
	}
	return c.queryTrade(ctx, q)
}

func (c *Channel) queryTrade(ctx context.Context, q channel.Query) (order.Evidence, error) {
	var t trade
	if err := c.askFor(ctx, methodQuery, biz{"out_trade_no": q.OrderNo}, q, &t); err != nil {
		return order.Evidence{}, err
	}
	if t.OutTradeNo != q.OrderNo {
		return order.Evidence{}, channel.Unreachable(channel.CodeOtherOrder, errOtherOrder)
	}
	ev, err := t.evidence()
	if err != nil {
		return order.Evidence{}, channel.Unreachable(channel.CodeMalformed, err)
	}
	ev.Source, ev.Merchant = order.FromQuery, c.seller // an answer names none: it is the account's that asked
	return ev, nil
}

// evidence reads a trade. One that is closed and was paid has been refunded, all of it.
func (t trade) evidence() (order.Evidence, error) {
	ev, err := read(t.TradeStatus, t.TotalAmount, t.TransCurrency)
	if err != nil {
		return order.Evidence{}, err
	}
	if ev.ChannelTxn, err = readTradeNo(t.TradeNo); err != nil || t.SendPayDate == "" {
		return ev, err
	}
	paidAt, err := readTime(t.SendPayDate)
	if err != nil {
		return order.Evidence{}, malformed("send_pay_date")
	}
	if ev.Claims == order.ClaimsClosed {
		ev.Claims, ev.Refund = order.ClaimsRefunded, &order.RefundEvidence{}
		return ev, nil // when it was refunded, the answer does not say
	}
	ev.OccurredAt = paidAt
	return ev, nil
}

// readTradeNo lets Alipay's number of a trade through, or the lack of one.
func readTradeNo(s string) (string, error) {
	if s != "" && !tradeNoPattern.MatchString(s) {
		return "", malformed("trade_no")
	}
	return s, nil
}

// queryRefund asks about one refund; told says whether it went through.
func (c *Channel) queryRefund(ctx context.Context, q channel.Query, id string) (ev order.Evidence, told bool, err error) {
	var r refund
	question := biz{"out_trade_no": q.OrderNo, "out_request_no": id, "query_options": []string{"gmt_refund_pay"}}
	if err := c.askFor(ctx, methodRefundQuery, question, q, &r); err != nil {
		return order.Evidence{}, false, err
	}
	switch {
	case r.RefundStatus != "REFUND_SUCCESS":
		return order.Evidence{}, false, nil
	case r.OutTradeNo != q.OrderNo:
		return order.Evidence{}, false, channel.Unreachable(channel.CodeOtherOrder, errOtherOrder)
	case r.OutRequestNo != id:
		return order.Evidence{}, false, channel.Unreachable(channel.CodeOtherOrder, errOtherRefund)
	}
	ev, err = r.evidence()
	if err != nil {
		return order.Evidence{}, false, channel.Unreachable(channel.CodeMalformed, err)
	}
	ev.Source, ev.Merchant = order.FromQuery, c.seller
	return ev, true, nil
}

func (r refund) evidence() (order.Evidence, error) {
	total, err := readAmount(r.TotalAmount, "")
	if err != nil {
		return order.Evidence{}, malformed("total_amount")
	}
	part, err := readAmount(r.RefundAmount, "")
	if err != nil {
		return order.Evidence{}, malformed("refund_amount")
	}
	ev := order.Evidence{
		Claims: order.ClaimsRefunded, Amount: &total,
		Refund: &order.RefundEvidence{ID: r.OutRequestNo, Amount: &part},
	}
	if ev.ChannelTxn, err = readTradeNo(r.TradeNo); err != nil || r.GmtRefundPay == "" {
		return ev, err
	}
	if ev.OccurredAt, err = readTime(r.GmtRefundPay); err != nil {
		return order.Evidence{}, malformed("gmt_refund_pay")
	}
	return ev, nil
}

// Close asks Alipay to take no more payment. It returns channel.ErrAlreadyPaid when the
// payment won the race, else *channel.QueryError. A trade that does not exist is one of
// them: nothing was closed, and the payer may still begin it.
func (c *Channel) Close(ctx context.Context, q channel.Query) error {
	a, err := c.ask(ctx, methodClose, biz{"out_trade_no": q.OrderNo})
	if err != nil {
		return err
	}
	if a.refusedState() {
		return c.closedAlready(ctx, q)
	}
	var t trade
	if err := c.readAnswer(a, q, &t); err != nil {
		return err
	}
	if t.OutTradeNo != q.OrderNo {
		return channel.Unreachable(channel.CodeOtherOrder, errOtherOrder)
	}
	return nil
}

// closedAlready finds out why Alipay would not close a trade: it says the same of one that is
// paid and of one that is closed.
func (c *Channel) closedAlready(ctx context.Context, q channel.Query) error {
	ev, err := c.queryTrade(ctx, q)
	switch {
	case err != nil:
		return err
	case ev.Claims == order.ClaimsClosed:
		return nil
	case ev.Claims == order.ClaimsPending: // neither: it is changing just now
		return channel.Unreachable(gatewayCode(codeBusiness), nil)
	}
	return channel.ErrAlreadyPaid
}
