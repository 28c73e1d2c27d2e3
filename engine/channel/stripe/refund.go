package stripe

import (
	sdk "github.com/stripe/stripe-go/v86"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// refund is what is read of a refund.
type refund struct {
	ID            string           `json:"id"`
	Object        string           `json:"object"`
	Status        sdk.RefundStatus `json:"status"`
	Amount        int64            `json:"amount"`
	Currency      string           `json:"currency"`
	PaymentIntent string           `json:"payment_intent"`
	Created       int64            `json:"created"`
	Metadata      metadata         `json:"metadata"`
}

func (r *refund) kind() string { return r.Object }

// refundClaims maps the states of a refund. Stripe calls it succeeded once it is with the
// payer's bank.
var refundClaims = map[sdk.RefundStatus]order.Claimed{
	sdk.RefundStatusPending:        order.ClaimsRefunding,
	sdk.RefundStatusRequiresAction: order.ClaimsRefunding,
	sdk.RefundStatusSucceeded:      order.ClaimsRefunded,
	sdk.RefundStatusFailed:         order.ClaimsRefundFailed,
	sdk.RefundStatusCanceled:       order.ClaimsRefundFailed,
}

var refundIDPattern = channel.NewClass("A-Za-z0-9_", 1, 128)

// evidence reads what a refund tells; of the payment it knows no more than its id. Errors
// wrap channel.ErrMalformed.
func (r *refund) evidence() (order.Evidence, error) {
	claimed, ok := refundClaims[r.Status]
	if !ok {
		return order.Evidence{}, malformed("status")
	}
	if !refundIDPattern.MatchString(r.ID) {
		return order.Evidence{}, malformed("id")
	}
	if r.PaymentIntent != "" && !intentPattern.MatchString(r.PaymentIntent) {
		return order.Evidence{}, malformed("payment_intent")
	}
	part, err := amount(r.Amount, r.Currency)
	return order.Evidence{
		Claims: claimed, ChannelTxn: r.PaymentIntent,
		Refund: &order.RefundEvidence{ID: r.ID, Amount: &part, AcceptedAt: seconds(r.Created)},
	}, err
}

func readRefundEvent(e event) (statement, error) {
	var r refund
	if err := e.object("refund", &r); err != nil {
		return statement{}, err
	}
	no := number(r.Metadata.OrderNo)
	if no == "" {
		return statement{}, nil
	}
	ev, err := r.evidence()
	ev.OccurredAt = seconds(e.Created)
	return statement{no, ev}, err
}

// charge is what is read of a charge. It has the metadata of its payment intent.
type charge struct {
	Object         string   `json:"object"`
	AmountCaptured int64    `json:"amount_captured"`
	Currency       string   `json:"currency"`
	PaymentIntent  string   `json:"payment_intent"`
	Created        int64    `json:"created"`
	Metadata       metadata `json:"metadata"`
}

func (c *charge) kind() string { return c.Object }

// readChargeEvent reads charge.refunded as what it proves: that the charge was paid. It
// names no refund, and comes while a refund is still on its way. A charge of which nothing
// was captured was released, not refunded.
func readChargeEvent(e event) (statement, error) {
	var c charge
	if err := e.object("charge", &c); err != nil {
		return statement{}, err
	}
	no := number(c.Metadata.OrderNo)
	if no == "" || c.AmountCaptured == 0 || c.PaymentIntent == "" {
		return statement{}, nil
	}
	if !intentPattern.MatchString(c.PaymentIntent) {
		return statement{}, malformed("payment_intent")
	}
	total, err := amount(c.AmountCaptured, c.Currency)
	ev := order.Evidence{Claims: order.ClaimsSucceeded, Amount: &total, ChannelTxn: c.PaymentIntent, OccurredAt: seconds(c.Created)}
	return statement{no, ev}, err
}
