package standardhook

import (
	"cmp"
	"fmt"
	"slices"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// Types of events that are understood.
const (
	TypePayment = "payment.updated"
	TypeRefund  = "refund.updated"
)

// Status is the state of a payment.
type Status string

// The states of a payment.
const (
	StatusPending    Status = "pending"    // not paid yet
	StatusProcessing Status = "processing" // paid by the payer, not known to have arrived
	StatusSucceeded  Status = "succeeded"
	StatusFailed     Status = "failed"
	StatusClosed     Status = "closed" // ended without payment
)

// RefundStatus is the state of a refund.
type RefundStatus string

// The states of a refund.
const (
	RefundAccepted RefundStatus = "accepted"
	RefundCredited RefundStatus = "credited"
	RefundFailed   RefundStatus = "failed"
)

// Payment is what is told of a payment. Amounts are integers in the minor unit of the
// currency: fen, cents, whole yen.
type Payment struct {
	OrderNo    string     `json:"order_no"`
	Merchant   string     `json:"merchant,omitempty"` // where the channel was configured with one
	Amount     int64      `json:"amount"`
	Currency   string     `json:"currency"`
	Status     Status     `json:"status"`
	ChannelTxn string     `json:"channel_txn,omitempty"` // the other side's number of the payment
	Reason     string     `json:"reason,omitempty"`      // neutral code of a failure: "declined"
	At         order.Time `json:"at"`                    // when it reached the status, RFC 3339
	Refunds    []Refund   `json:"refunds,omitempty"`     // in answers
}

// Refund is one refund of a payment that succeeded, in the payment's currency.
type Refund struct {
	ID     string       `json:"id"`
	Amount int64        `json:"amount"`
	Status RefundStatus `json:"status"`
	At     order.Time   `json:"at"`
}

// Event is the body of a callback.
type Event struct {
	Type string `json:"type"`
	Payment
	Refund *Refund `json:"refund,omitempty"` // of a refund.updated
}

// Question is the body of a request to the query URL or the close URL.
type Question struct {
	OrderNo   string   `json:"order_no"`
	RefundIDs []string `json:"refund_ids,omitempty"` // refunds that are of interest
}

// Problem is the body of a refusal.
type Problem struct {
	Code string `json:"code"`
}

// The codes of a Problem that mean something.
const (
	CodeNotFound    = "order_not_found"
	CodeAlreadyPaid = "already_paid"
)

// maxRefunds bounds what one answer may list.
const maxRefunds = 100

var (
	idPattern       = channel.NewClass("A-Za-z0-9_.:-", 1, 64)
	merchantPattern = channel.NewClass("A-Za-z0-9_.:@-", 0, 64)
	reasonPattern   = channel.NewClass("a-z0-9_", 0, 64)
)

// claims maps a status to the engine's terms, "" for one that is not known.
func (s Status) claims() order.Claimed {
	switch s {
	case StatusPending:
		return order.ClaimsPending
	case StatusProcessing:
		return order.ClaimsProcessing
	case StatusSucceeded:
		return order.ClaimsSucceeded
	case StatusFailed:
		return order.ClaimsFailed
	case StatusClosed:
		return order.ClaimsClosed
	}
	return ""
}

// claims maps a status to the engine's terms, "" for one that is not known, and tells
// how much it matters: the later in a refund's life, the more.
func (s RefundStatus) claims() (claimed order.Claimed, weight int) {
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

// validate refuses what no payment can be. The error wraps channel.ErrMalformed.
func (p Payment) validate() error {
	switch {
	case !order.ValidOrderNo(p.OrderNo):
		return malformed("order_no")
	case p.Status.claims() == "":
		return malformed("status")
	case p.money(p.Amount).Validate() != nil:
		return malformed("amount")
	case !merchantPattern.MatchString(p.Merchant):
		return malformed("merchant")
	case p.ChannelTxn != "" && !idPattern.MatchString(p.ChannelTxn):
		return malformed("channel_txn")
	case !reasonPattern.MatchString(p.Reason):
		return malformed("reason")
	case len(p.Refunds) > maxRefunds:
		return malformed("refunds")
	}
	for _, r := range p.Refunds {
		if claimed, _ := r.Status.claims(); claimed == "" || !idPattern.MatchString(r.ID) || p.money(r.Amount).Validate() != nil || p.Status != StatusSucceeded {
			return malformed("refund")
		}
	}
	return nil
}

func malformed(field string) error { return fmt.Errorf("%w: %s", channel.ErrMalformed, field) }

func (p Payment) money(minor int64) order.Money {
	return order.Money{Minor: minor, Currency: p.Currency}
}

// evidence reads the statement that matters most: of the refunds one that was asked for
// before others, and a credited one before an accepted one before the payment itself.
func (p Payment) evidence(source order.Source, asked []string) order.Evidence {
	amount := p.money(p.Amount)
	ev := order.Evidence{
		Source: source, Claims: p.Status.claims(), Amount: &amount, Merchant: p.Merchant,
		ChannelTxn: p.ChannelTxn, Reason: p.Reason, OccurredAt: p.At,
	}
	if len(p.Refunds) == 0 {
		return ev
	}
	r := slices.MaxFunc(p.Refunds, func(a, b Refund) int {
		return cmp.Or(cmp.Compare(a.weight(asked), b.weight(asked)), cmp.Compare(a.At, b.At))
	})
	refunded := p.money(r.Amount)
	ev.Claims, _ = r.Status.claims()
	ev.OccurredAt = r.At
	ev.Refund = &order.RefundEvidence{ID: r.ID, Amount: &refunded}
	if r.Status == RefundCredited {
		ev.Refund.CreditedAt = r.At
	} else {
		ev.Refund.AcceptedAt = r.At
	}
	return ev
}

func (r Refund) weight(asked []string) int {
	_, weight := r.Status.claims()
	if slices.Contains(asked, r.ID) {
		weight += 10
	}
	return weight
}
