package stripe

import (
	sdk "github.com/stripe/stripe-go/v86"

	"anxin/engine/order"
)

// session is what is read of a checkout session.
type session struct {
	Object            string                           `json:"object"`
	Mode              sdk.CheckoutSessionMode          `json:"mode"`
	ClientReferenceID string                           `json:"client_reference_id"`
	Metadata          metadata                         `json:"metadata"`
	AmountTotal       int64                            `json:"amount_total"`
	Currency          string                           `json:"currency"`
	PaymentIntent     string                           `json:"payment_intent"`
	PaymentStatus     sdk.CheckoutSessionPaymentStatus `json:"payment_status"`
}

func (s *session) kind() string { return s.Object }

// readSessionEvent reads the end of a checkout session. A session that sets something up,
// or that costs nothing, is no payment.
func readSessionEvent(e event) (statement, error) {
	var s session
	if err := e.object("checkout.session", &s); err != nil {
		return statement{}, err
	}
	no := number(s.ClientReferenceID, s.Metadata.OrderNo)
	claimed, told := s.claims(sdk.EventType(e.Type))
	if no == "" || !told || s.Mode != sdk.CheckoutSessionModePayment {
		return statement{}, nil
	}
	if s.PaymentIntent != "" && !intentPattern.MatchString(s.PaymentIntent) {
		return statement{}, malformed("payment_intent")
	}
	total, err := amount(s.AmountTotal, s.Currency)
	ev := order.Evidence{Claims: claimed, Amount: &total, ChannelTxn: s.PaymentIntent, OccurredAt: seconds(e.Created)}
	return statement{no, ev}, err
}

// claims reads how a session ended. A completed one that is not paid waits for a delayed
// method of payment; if that fails, nobody can pay the session any more.
func (s *session) claims(t sdk.EventType) (claimed order.Claimed, told bool) {
	paid := s.PaymentStatus == sdk.CheckoutSessionPaymentStatusPaid
	unpaid := s.PaymentStatus == sdk.CheckoutSessionPaymentStatusUnpaid
	switch {
	case t == sdk.EventTypeCheckoutSessionExpired:
		return order.ClaimsClosed, unpaid
	case t == sdk.EventTypeCheckoutSessionAsyncPaymentFailed:
		return order.ClaimsFailed, unpaid
	case paid:
		return order.ClaimsSucceeded, true
	}
	return order.ClaimsProcessing, unpaid
}
