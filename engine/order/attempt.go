package order

import "slices"

// Work is what an attempt does.
type Work string

// The kinds of attempts.
const (
	WorkQuery   Work = "query"
	WorkProcess Work = "process"
	WorkDeliver Work = "deliver"
)

// QueryOutcome is what asking the channel came to. Only a refused query is final, and
// even that says nothing about the payment.
type QueryOutcome string

// The outcomes of a query.
const (
	QueryPaid        QueryOutcome = "paid"
	QueryUnpaid      QueryOutcome = "unpaid"      // the channel says: not paid yet
	QueryProcessing  QueryOutcome = "processing"  // the channel is still working on it
	QueryUnknown     QueryOutcome = "unknown"     // the channel does not know the order
	QueryEnded       QueryOutcome = "ended"       // failed, closed or refunded
	QueryUnreachable QueryOutcome = "unreachable" // no usable answer
	QueryRefused     QueryOutcome = "refused"     // the channel will not answer: credentials, parameters
)

// Outcome maps what evidence states to what a query came to.
func (c Claimed) Outcome() QueryOutcome {
	switch c {
	case ClaimsSucceeded:
		return QueryPaid
	case ClaimsPending:
		return QueryUnpaid
	case ClaimsProcessing:
		return QueryProcessing
	case ClaimsFailed, ClaimsClosed, ClaimsRefunding, ClaimsRefunded, ClaimsRefundFailed:
		return QueryEnded
	}
	return QueryUnknown
}

// Answer is what one query came to. Evidence is nil where the channel gave none.
type Answer struct {
	Outcome  QueryOutcome
	Code     string // neutral error code, empty when the channel answered
	Evidence *Evidence
}

// Then appends what was done next to the order of this change.
func (c Change) Then(next Change) Change {
	return Change{Order: next.Order, Events: append(slices.Clip(c.Events), next.Events...), turn: next.Order.turn()}
}

// awaits reports whether the payer's result hangs on this work now: on queries and
// processing while the payment is unknown, on the delivery once it is. Only such
// attempts are numbered and promised; a query about a partial refund, or the delivery
// of a case, must not overwrite the promise that the payer was shown.
func (o Order) awaits(w Work) bool {
	if o.Status() != StatusConfirming {
		return false
	}
	switch w {
	case WorkQuery, WorkProcess:
		return o.Payment == Pending
	case WorkDeliver:
		return o.Payment != Pending && o.Withheld == ""
	}
	return true // pushed: the backend's own kind of attempt
}

// StartAttempt begins the next numbered attempt. Attempts are counted from the claim
// to the result; one that the result does not hang on changes nothing.
func (o Order) StartAttempt(work Work, now Time) Change {
	c := o.begin()
	if !o.awaits(work) {
		return c
	}
	c.Order.Attempt++
	c.Order.Attempting, c.Order.NextAttemptAt = true, 0
	c.emit(EventStarted, now, Detail{Work: work})
	return c
}

// ScheduleAttempt promises the next attempt at a time, under the same condition.
func (o Order) ScheduleAttempt(work Work, at, now Time) Change {
	c := o.begin()
	c.schedule(at, now, Detail{Work: work})
	return c
}

// Suspend takes back the promise of an attempt that waits for a person, so that no time
// can be told. It changes nothing when none is promised any more.
func (o Order) Suspend(work Work, code string, now Time) Change {
	c := o.begin()
	if work == WorkDeliver && o.Facts.DeliveryFailures == 0 {
		c.Order.Facts.DeliveryFailures = 1 // the fault lies there, though nothing was sent
	} else if !o.Attempting && o.NextAttemptAt == 0 {
		return o.begin()
	}
	c.schedule(0, now, Detail{Work: work, Code: code})
	return c
}

func (c *Change) schedule(at, now Time, d Detail) {
	if !c.Order.awaits(d.Work) {
		return
	}
	c.Order.Attempting, c.Order.NextAttemptAt = false, at
	c.emit(EventScheduled, now, d)
}

// Answered takes in the answer to a query and, unless it settled the payment, promises
// the next one at next (0 = none is planned).
func (o Order) Answered(a Answer, next, now Time) Change {
	c := o.begin()
	facts := &c.Order.Facts
	facts.QueryAt, facts.Query = now, a.Outcome
	facts.QueryFailures++
	if a.Outcome != QueryUnreachable && a.Outcome != QueryRefused {
		facts.QueryFailures = 0
	}
	if o.awaits(WorkQuery) {
		c.Order.endAttempts() // a promise that was kept or given up is not shown on
	}
	if a.Evidence != nil {
		c = c.Then(c.Order.Apply(*a.Evidence, now))
	}
	settled := c.Order.Payment != o.Payment
	detail := Detail{Source: FromQuery, Work: WorkQuery, Query: a.Outcome, Code: a.Code}
	switch {
	case settled:
	case next != 0 && c.Order.awaits(WorkQuery):
		c.schedule(next, now, detail)
	default:
		c.emit(EventQueryAnswered, now, detail)
	}
	return c
}

// RejectCallback records that a callback for the order did not verify or match, once
// a minute at most: anyone can send a badly signed request, and none may flood the
// timeline.
func (o Order) RejectCallback(code string, now Time) Change {
	c := o.begin()
	if o.Payment != Pending || (o.Facts.CallbackRejectedAt != 0 && now < o.Facts.CallbackRejectedAt+60_000) {
		return c
	}
	c.Order.Facts.CallbackRejectedAt = now
	c.emit(EventCallbackBad, now, Detail{Source: FromCallback, Code: code})
	return c
}

// Delivered records that the backend accepted the webhook of event seq. Once it has
// the newest result the order is fulfilled; a case of a pending order is no result.
func (o Order) Delivered(seq int64, now Time) Change {
	c := o.begin()
	c.Order.Facts.DeliveryFailures = 0
	detail := Detail{Work: WorkDeliver}
	if o.Payment == Pending || seq < o.SettledSeq || o.Fulfilment != FulfilmentPending || o.Withheld != "" {
		c.emit(EventDelivered, now, detail)
		return c
	}
	c.Order.Fulfilment = FulfilmentDone
	c.Order.closeAnswered(now, CaseDeliveryFailed)
	if c.Order.Status() == o.Status() {
		c.emit(EventDelivered, now, detail)
		return c
	}
	c.Order.endAttempts()
	c.emit(EventStatus, now, detail)
	return c
}

// DeliveryFailed records that the backend did not accept a webhook; next is when it is
// tried again, 0 for never.
func (o Order) DeliveryFailed(code string, next, now Time) Change {
	c := o.begin()
	c.Order.Facts.DeliveryFailures++
	detail := Detail{Work: WorkDeliver, Code: code}
	if next != 0 && o.awaits(WorkDeliver) {
		c.schedule(next, now, detail)
		return c
	}
	if o.awaits(WorkDeliver) {
		c.Order.endAttempts()
	}
	c.emit(EventUndelivered, now, detail)
	return c
}
