package sandbox

import (
	"cmp"
	"fmt"
	"slices"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// State is what the channel says of a payment.
type State string

// The states of a payment.
const (
	StatePending    State = "pending"    // not paid yet
	StateProcessing State = "processing" // the payer acted, the channel is still working on it
	StateSucceeded  State = "succeeded"
	StateFailed     State = "failed"
	StateClosed     State = "closed"
)

// RefundState is what the channel says of a refund.
type RefundState string

// The states of a refund.
const (
	RefundAccepted RefundState = "accepted"
	RefundCredited RefundState = "credited"
	RefundFailed   RefundState = "failed"
)

// Payment is what the channel tells of a payment, in callbacks and answers alike.
type Payment struct {
	OutTradeNo    string       `json:"out_trade_no"` // the merchant's order number
	Merchant      string       `json:"merchant"`
	TransactionID string       `json:"transaction_id,omitempty"` // the channel's own number, once paid
	State         State        `json:"state"`
	Amount        *order.Money `json:"amount,omitempty"` // absent for an order that was closed before it was known
	Reason        string       `json:"reason,omitempty"` // neutral code of a failure
	At            order.Time   `json:"at"`               // when the state was reached
	Refunds       []Refund     `json:"refunds,omitempty"`
}

// Refund is one refund of a payment.
type Refund struct {
	RefundID   string      `json:"refund_id"`
	State      RefundState `json:"state"`
	Amount     order.Money `json:"amount"`
	AcceptedAt order.Time  `json:"accepted_at"`
	CreditedAt order.Time  `json:"credited_at"`
}

// Notice is the body of a callback. ID stays the same when it is sent again.
type Notice struct {
	ID      string  `json:"id"`
	Payment Payment `json:"payment"`
}

// Problem is the body of a refused request to the gateway.
type Problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// The codes of a Problem.
const (
	CodeNotFound    = "not_found"
	CodeAlreadyPaid = "already_paid"
	CodeSignature   = "bad_signature"
	CodeInternal    = "internal"
)

// maxRefunds bounds what one message may list; the engine reads one of them.
const maxRefunds = 100

var (
	idPattern     = channel.NewClass("A-Za-z0-9_-", 1, 64)
	reasonPattern = channel.NewClass("a-z0-9_", 0, 64)
)

// claims maps a state to the engine's terms, "" for one that is not known.
func (s State) claims() order.Claimed {
	switch s {
	case StatePending:
		return order.ClaimsPending
	case StateProcessing:
		return order.ClaimsProcessing
	case StateSucceeded:
		return order.ClaimsSucceeded
	case StateFailed:
		return order.ClaimsFailed
	case StateClosed:
		return order.ClaimsClosed
	}
	return ""
}

// claims maps a state to the engine's terms, "" for one that is not known, and tells
// how much it matters: the later in a refund's life, the more.
func (s RefundState) claims() (claimed order.Claimed, weight int) {
	switch s {
	case RefundFailed:
		return order.ClaimsRefundFailed, 1
	case RefundAccepted:
		return order.ClaimsRefunding, 2
	case RefundCredited:
		return order.ClaimsRefunded, 3
	}
	return "", 0
}

// validate refuses what no payment of this channel can say. The error wraps
// channel.ErrMalformed.
func (p Payment) validate() error {
	switch {
	case !order.ValidOrderNo(p.OutTradeNo):
		return malformed("out_trade_no")
	case p.State.claims() == "":
		return malformed("state")
	case p.Amount == nil && p.State != StateClosed, p.Amount != nil && p.Amount.Validate() != nil:
		return malformed("amount")
	case p.TransactionID != "" && !idPattern.MatchString(p.TransactionID):
		return malformed("transaction_id")
	case !reasonPattern.MatchString(p.Reason):
		return malformed("reason")
	case len(p.Refunds) > maxRefunds, len(p.Refunds) > 0 && p.State != StateSucceeded:
		return malformed("refunds")
	}
	for _, r := range p.Refunds {
		if claimed, _ := r.State.claims(); claimed == "" || !idPattern.MatchString(r.RefundID) || r.Amount.Validate() != nil {
			return malformed("refunds")
		}
	}
	return nil
}

func malformed(field string) error { return fmt.Errorf("%w: %s", channel.ErrMalformed, field) }

// evidence reads the statement that matters most. With refunds asked for by id, others
// count only when none of those is listed.
func (p Payment) evidence(source order.Source, asked []string) order.Evidence {
	ev := order.Evidence{
		Source: source, Claims: p.State.claims(), Amount: p.Amount, Merchant: p.Merchant,
		ChannelTxn: p.TransactionID, Reason: p.Reason, OccurredAt: p.At,
	}
	if len(p.Refunds) == 0 {
		return ev
	}
	r := slices.MaxFunc(p.Refunds, func(a, b Refund) int {
		return cmp.Or(cmp.Compare(a.weight(asked), b.weight(asked)), cmp.Compare(a.AcceptedAt, b.AcceptedAt))
	})
	ev.Claims, _ = r.State.claims()
	ev.Refund = &order.RefundEvidence{ID: r.RefundID, Amount: &r.Amount, AcceptedAt: r.AcceptedAt, CreditedAt: r.CreditedAt}
	if r.State == RefundCredited {
		ev.OccurredAt = r.CreditedAt
	} else {
		ev.OccurredAt = r.AcceptedAt
	}
	return ev
}

// weight orders refunds by how much they matter to whom asks: any refund asked for is
// above all others.
func (r Refund) weight(asked []string) int {
	_, weight := r.State.claims()
	if slices.Contains(asked, r.RefundID) {
		weight += 10
	}
	return weight
}
