package sandbox

import (
	"encoding/json"
	"fmt"
	"time"

	"anxin/engine/order"
)

// Outcome is what becomes of a payment at the channel.
type Outcome string

// The outcomes.
const (
	Succeeds Outcome = "succeeded"
	Declines Outcome = "declined"
	Unpaid   Outcome = "unpaid" // the payer leaves; nothing is decided
)

// Plan is one payment's fate: what is decided, and what goes wrong with the news of it.
type Plan struct {
	Outcome  Outcome      `json:"outcome"`
	Callback CallbackPlan `json:"callback"`
	Query    QueryPlan    `json:"query"`
	Backend  BackendPlan  `json:"backend"`
	Close    ClosePlan    `json:"close"`
	Refund   *RefundPlan  `json:"refund,omitempty"`
}

// CallbackPlan is about the callback that tells the result. Callbacks that tell refunds
// are sent at once: one that overtakes a delayed result is how callbacks get reordered.
type CallbackPlan struct {
	Delay        Duration `json:"delay"`
	Lost         bool     `json:"lost"`
	Times        int      `json:"times"`         // copies sent at the same time, 0 = 1
	BadSignature bool     `json:"bad_signature"` // every delivery of it is forged
	WrongAmount  bool     `json:"wrong_amount"`  // it tells another amount, truly signed
}

// QueryPlan counts the answers of the gateway that do not tell the truth.
type QueryPlan struct {
	Processing int `json:"processing"`
	NotFound   int `json:"not_found"`
	Timeout    int `json:"timeout"`
}

// BackendPlan is about the shop's backend.
type BackendPlan struct {
	Fail int `json:"fail"` // webhooks about the order that are answered 500
}

// ClosePlan lets a payment win the race: the channel says "closed", and later "paid".
type ClosePlan struct {
	PaidAfter Duration `json:"paid_after"` // counted from the close, 0 = it stays closed
}

// RefundPlan refunds a success.
type RefundPlan struct {
	After         Duration `json:"after"`          // acceptance, counted from the payment
	CreditedAfter Duration `json:"credited_after"` // credit, counted from the acceptance
	Minor         int64    `json:"minor"`          // 0 = the whole amount
}

// Limits of a plan. They keep a typing error from running for ever, and are far above
// what a demonstration or a test needs.
const (
	MaxDelay  = 24 * time.Hour
	MaxTimes  = 20
	MaxFaults = 1000
)

// Duration is a Go duration string on the wire, such as "1m30s". One that cannot be
// read becomes negative, which validate refuses by the name of its field.
type Duration time.Duration

// MarshalJSON writes the duration string.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads a duration string.
func (d *Duration) UnmarshalJSON(b []byte) error {
	*d = parseDuration(b)
	return nil
}

func parseDuration(quoted []byte) Duration {
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return -1
	}
	parsed, err := time.ParseDuration(s)
	if err != nil {
		return -1
	}
	return Duration(parsed)
}

// fieldError names the field of a request that cannot be accepted.
type fieldError struct{ field, reason string }

func (e *fieldError) Error() string { return e.field + ": " + e.reason }

// validate returns a *fieldError for the first field that is out of bounds.
func (p Plan) validate(amount order.Money) error {
	switch p.Outcome {
	case Succeeds, Declines, Unpaid:
	default:
		return &fieldError{"outcome", "must be succeeded, declined or unpaid"}
	}
	for _, b := range p.bounds(amount) {
		if b.value < 0 || b.value > b.most {
			return &fieldError{b.field, b.rule}
		}
	}
	return nil
}

type bound struct {
	field       string
	value, most int64
	rule        string
}

func (p Plan) bounds(amount order.Money) []bound {
	list := []bound{
		durationBound("callback.delay", p.Callback.Delay),
		countBound("callback.times", p.Callback.Times, MaxTimes),
		countBound("query.processing", p.Query.Processing, MaxFaults),
		countBound("query.not_found", p.Query.NotFound, MaxFaults),
		countBound("query.timeout", p.Query.Timeout, MaxFaults),
		countBound("backend.fail", p.Backend.Fail, MaxFaults),
		durationBound("close.paid_after", p.Close.PaidAfter),
	}
	if p.Refund == nil {
		return list
	}
	return append(list,
		durationBound("refund.after", p.Refund.After),
		durationBound("refund.credited_after", p.Refund.CreditedAfter),
		bound{"refund.minor", p.Refund.Minor, amount.Minor, "must be 0 (everything) to the amount"},
	)
}

func durationBound(field string, d Duration) bound {
	return bound{field, int64(d), int64(MaxDelay), "must be a duration string from 0s to 24h"}
}

func countBound(field string, n, most int) bound {
	return bound{field, int64(n), int64(most), fmt.Sprintf("must be 0 to %d", most)}
}
