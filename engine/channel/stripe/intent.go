package stripe

import (
	"regexp"

	sdk "github.com/stripe/stripe-go/v86"

	"anxin/engine/order"
)

// intent is what is read of a payment intent.
type intent struct {
	ID             string                  `json:"id"`
	Object         string                  `json:"object"`
	Status         sdk.PaymentIntentStatus `json:"status"`
	Amount         int64                   `json:"amount"`
	AmountReceived int64                   `json:"amount_received"`
	Currency       string                  `json:"currency"`
	Livemode       *bool                   `json:"livemode"`
	Created        int64                   `json:"created"`
	CanceledAt     int64                   `json:"canceled_at"`
	Metadata       metadata                `json:"metadata"`
}

func (i *intent) kind() string { return i.Object }

const intentKind = "payment_intent"

// claims maps the states of a payment intent. What waits to be captured was authorized by
// the payer, and the merchant has not collected it yet.
var claims = map[sdk.PaymentIntentStatus]order.Claimed{
	sdk.PaymentIntentStatusRequiresPaymentMethod: order.ClaimsPending,
	sdk.PaymentIntentStatusRequiresConfirmation:  order.ClaimsPending,
	sdk.PaymentIntentStatusRequiresAction:        order.ClaimsPending,
	sdk.PaymentIntentStatusProcessing:            order.ClaimsProcessing,
	sdk.PaymentIntentStatusRequiresCapture:       order.ClaimsProcessing,
	sdk.PaymentIntentStatusSucceeded:             order.ClaimsSucceeded,
	sdk.PaymentIntentStatusCanceled:              order.ClaimsClosed,
}

// intentPattern is that of numbers that can be put into the path of a question.
var intentPattern = regexp.MustCompile(`^pi_[A-Za-z0-9_]{1,128}$`)

// evidence reads what an intent tells. What was paid is what was received: of an
// authorization the merchant may capture less. Errors wrap channel.ErrMalformed.
func (i *intent) evidence() (order.Evidence, error) {
	claimed, ok := claims[i.Status]
	if !ok {
		return order.Evidence{}, malformed("status")
	}
	if !intentPattern.MatchString(i.ID) {
		return order.Evidence{}, malformed("id")
	}
	units := i.Amount
	if claimed == order.ClaimsSucceeded {
		units = i.AmountReceived
	}
	total, err := amount(units, i.Currency)
	if err != nil {
		return order.Evidence{}, err
	}
	return order.Evidence{Claims: claimed, Amount: &total, ChannelTxn: i.ID}, nil
}

func readIntentEvent(e event) (statement, error) {
	var i intent
	if err := e.object(intentKind, &i); err != nil {
		return statement{}, err
	}
	no := number(i.Metadata.OrderNo)
	if no == "" {
		return statement{}, nil
	}
	ev, err := i.evidence()
	ev.OccurredAt = seconds(e.Created)
	return statement{no, ev}, err
}

// seconds reads a time, 0 for none.
func seconds(s int64) order.Time {
	if !plausible(s) {
		return 0
	}
	return order.Time(s * 1000)
}
