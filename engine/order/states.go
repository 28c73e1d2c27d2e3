package order

import "time"

// Payment is what the channel is known to hold true of an order.
type Payment string

// The channel truths.
const (
	Pending   Payment = "pending"
	Succeeded Payment = "succeeded"
	Failed    Payment = "failed"
	Closed    Payment = "closed"
	Refunding Payment = "refunding" // the whole amount is on its way back
	Refunded  Payment = "refunded"  // the whole amount was credited
)

// Fulfilment is how far the merchant's backend has taken a success in.
type Fulfilment string

// The merchant side.
const (
	FulfilmentNone    Fulfilment = "none" // nothing to deliver to
	FulfilmentPending Fulfilment = "pending"
	FulfilmentDone    Fulfilment = "done"
)

// Mode says who talks to the channel.
type Mode string

// The two ways to run an order.
const (
	Managed Mode = "managed" // Anxin takes callbacks, queries and delivers
	Pushed  Mode = "pushed"  // the backend does, and pushes each change
)

// Status is the payer's view.
type Status string

// The statuses of Progress.
const (
	StatusAwaiting   Status = "awaiting_payment"
	StatusConfirming Status = "confirming"
	StatusSucceeded  Status = "succeeded"
	StatusFailed     Status = "failed"
	StatusClosed     Status = "closed"
	StatusRefunding  Status = "refunding"
	StatusRefunded   Status = "refunded"
)

// Final reports whether the payer has a result: nothing more is being confirmed.
// A refund on its way is a result, the date of its credit is what is still awaited.
func (s Status) Final() bool { return s != StatusAwaiting && s != StatusConfirming }

// Step is where the payer's money is between the cashier and the order; empty (null
// on the wire) while no payment is known to have been made.
type Step string

// The steps of the payer's stepper.
const (
	StepNone      Step = ""
	StepSubmitted Step = "payment_submitted"
	StepReceived  Step = "payment_received"
	StepConfirmed Step = "order_confirmed"
)

// MarshalJSON writes null for no step.
func (s Step) MarshalJSON() ([]byte, error) {
	if s == StepNone {
		return []byte("null"), nil
	}
	return []byte(`"` + s + `"`), nil
}

// Stage is how long the payer has been waiting since the claim.
type Stage string

// The stages.
const (
	Fresh     Stage = "fresh"
	Delayed   Stage = "delayed"
	Prolonged Stage = "prolonged"
	Resolved  Stage = "resolved"
)

// rank orders the stages by how long the payer has waited.
func (s Stage) rank() int {
	switch s {
	case Fresh:
		return 0
	case Delayed:
		return 1
	case Prolonged:
		return 2
	case Resolved:
		return 3
	}
	return 0
}

// StageLimits are the ages since the claim at which waiting changes its name.
type StageLimits struct {
	Delayed   time.Duration
	Prolonged time.Duration
}

// DefaultStageLimits are one and five minutes: the moments of the first two messages.
var DefaultStageLimits = StageLimits{Delayed: time.Minute, Prolonged: 5 * time.Minute}

// CaseKind names why a person must look at an order.
type CaseKind string

// The kinds of cases.
const (
	CaseConflict         CaseKind = "conflict"          // evidence contradicts a settled order
	CaseAmountMismatch   CaseKind = "amount_mismatch"   // amount or currency differs from the order's
	CaseMerchantMismatch CaseKind = "merchant_mismatch" // evidence is about another merchant account
	CaseLateSuccess      CaseKind = "late_success"      // paid after it was called failed or closed
	CaseRefundFailed     CaseKind = "refund_failed"     // the refund did not go through
	CaseQueryExhausted   CaseKind = "query_exhausted"   // the query schedule ran out, still unknown
	CaseQueryRefused     CaseKind = "query_refused"     // the channel refuses to answer for good
	CaseDeliveryFailed   CaseKind = "delivery_failed"   // the backend never accepted a result
	CaseDuplicatePayment CaseKind = "duplicate_payment" // another order was paid for the same purchase
)

// CaseKinds are all kinds of cases.
var CaseKinds = []CaseKind{
	CaseConflict, CaseAmountMismatch, CaseMerchantMismatch, CaseLateSuccess, CaseRefundFailed,
	CaseQueryExhausted, CaseQueryRefused, CaseDeliveryFailed, CaseDuplicatePayment,
}

// Diagnosis says where the fault lies, for agents and for the wording of messages.
type Diagnosis string

// The diagnoses.
const (
	DiagnosisHealthy            Diagnosis = "healthy"
	DiagnosisPayerUnpaid        Diagnosis = "payer_unpaid"
	DiagnosisCallbackMissing    Diagnosis = "callback_missing"
	DiagnosisChannelSilent      Diagnosis = "channel_silent"
	DiagnosisChannelUnreachable Diagnosis = "channel_unreachable"
	DiagnosisCallbackRejected   Diagnosis = "callback_rejected"
	DiagnosisProcessingFailed   Diagnosis = "processing_failed"
	DiagnosisConflict           Diagnosis = "conflict"
	DiagnosisResolved           Diagnosis = "resolved"
)

// EventType names a change. Public ones reach payers; the others stay inside.
type EventType string

// The events.
const (
	EventRegistered    EventType = "order.registered"
	EventClaimed       EventType = "order.claimed"
	EventCallback      EventType = "callback.received"
	EventScheduled     EventType = "retry.scheduled"
	EventStarted       EventType = "retry.started"
	EventStatus        EventType = "status.changed"
	EventStage         EventType = "stage.changed"
	EventCaseOpened    EventType = "case.opened"
	EventCaseClosed    EventType = "case.closed"
	EventCallbackBad   EventType = "callback.rejected" // internal
	EventQueryAnswered EventType = "query.answered"    // asked, no news, and no next time to promise
	EventDelivered     EventType = "delivery.accepted" // internal
	EventUndelivered   EventType = "delivery.failed"   // internal
	EventMessage       EventType = "message.sending"   // internal: a message is handed to a provider
	EventConsent       EventType = "consent.changed"   // internal: the payer asked to be told, or took that back
)

// Public reports whether payers are sent the event.
func (t EventType) Public() bool {
	switch t {
	case EventRegistered, EventClaimed, EventCallback, EventScheduled, EventStarted,
		EventStatus, EventStage, EventCaseOpened, EventCaseClosed, EventQueryAnswered:
		return true
	case EventCallbackBad, EventDelivered, EventUndelivered, EventMessage, EventConsent:
		return false
	}
	return false
}
