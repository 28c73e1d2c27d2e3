package page

import (
	"strconv"
	"time"

	"anxin/engine/order"
)

// wording chooses the texts for the state: the key whose .title and .headline apply,
// and the sentence below the headline.
func (s situation) wording() (name, lead string) {
	switch s.p.Status {
	case order.StatusAwaiting:
		if s.p.Review != nil {
			return "review", s.reviewText("review.lead")
		}
		return "awaiting", s.text("awaiting.lead", nil)
	case order.StatusConfirming:
		return s.confirming()
	case order.StatusSucceeded:
		return "succeeded", s.text("succeeded.lead", nil)
	case order.StatusFailed:
		return "failed", s.failed()
	case order.StatusClosed:
		return "closed", s.text("closed.lead", nil)
	case order.StatusRefunding:
		return "refunding", s.text("refunding.lead", vars{"n": strconv.Itoa(s.RefundDays)})
	case order.StatusRefunded:
		return "refunded", s.refunded()
	}
	return s.confirming()
}

func (s situation) confirming() (name, lead string) {
	switch {
	case s.p.Review != nil:
		return "review", s.reviewText("review.lead")
	case s.p.Step == order.StepReceived && s.slow():
		return "received", s.text("received.slow", nil)
	case s.p.Step == order.StepReceived:
		return "received", s.text("received.lead", nil)
	default:
		return "confirming", s.expectation()
	}
}

// slow reports that nine in ten payments like this one would be known by now.
func (s situation) slow() bool {
	if s.p.Expected == nil || s.p.Expected.LateBy == 0 {
		return s.p.Stage == order.Prolonged
	}
	return s.passed(s.p.Expected.LateBy)
}

// expectation says how long it usually takes, and admits it when it takes longer.
func (s situation) expectation() string {
	e := s.p.Expected
	switch {
	case s.slow():
		return s.text("confirming.slow", nil)
	case e == nil || e.LateBy == 0:
		return s.text("confirming.asking", nil)
	case !s.passed(e.TypicalBy):
		left := e.TypicalBy.Sub(order.At(s.now))
		minutes := int((left + time.Minute - 1) / time.Minute)
		return s.text("confirming.usual", vars{"n": strconv.Itoa(minutes)})
	default:
		return s.text("confirming.most", vars{"time": s.time(e.LateBy)})
	}
}

// reviewText promises the answer's time, or apologises once it has passed.
func (s situation) reviewText(key string) string {
	if s.passed(s.p.Review.AnswerBy) {
		return s.text("review.overdue", nil)
	}
	return s.text(key, vars{"time": s.time(s.p.Review.AnswerBy)})
}

// failed tells whether money moved: with a refund it did, and without one it is called
// "not charged" only while paying again is known to be safe.
func (s situation) failed() string {
	refund := s.refund()
	switch {
	case refund != nil && refund.CreditedAt != 0:
		return s.text("failed.credited", vars{"time": s.time(refund.CreditedAt)})
	case refund != nil:
		return s.text("failed.returned", vars{"n": strconv.Itoa(s.RefundDays)})
	case s.p.DoNotPayAgain:
		return s.text("failed.unclear", nil)
	default:
		return s.text("failed.free", nil)
	}
}

func (s situation) refunded() string {
	r := s.refund()
	switch {
	case r == nil:
		return s.text("refunded.undated", vars{"amount": formatMoney(s.p.Amount)})
	case r.CreditedAt == 0:
		return s.text("refunded.undated", vars{"amount": formatMoney(r.Amount)})
	default:
		return s.text("refunded.lead", vars{"amount": formatMoney(r.Amount), "time": s.time(r.CreditedAt)})
	}
}

// steps is the way of the money: to the order, or back to the payer. A payment that
// ended without moving money has none.
func (s situation) steps() []step {
	refund := s.refund()
	switch s.p.Status {
	case order.StatusAwaiting:
		return s.stepper(0, "step.submitted", "step.received", "step.updated")
	case order.StatusConfirming:
		if s.p.Step == order.StepReceived {
			return s.stepper(2, "step.submitted", "step.received", "step.updated")
		}
		return s.stepper(1, "step.submitted", "step.received", "step.updated")
	case order.StatusSucceeded:
		return s.stepper(3, "step.submitted", "step.received", "step.updated")
	case order.StatusRefunding:
		return s.stepper(1, "step.refund_accepted", "step.refund_credited")
	case order.StatusRefunded:
		return s.stepper(2, "step.refund_accepted", "step.refund_credited")
	case order.StatusFailed, order.StatusClosed:
		if refund == nil {
			return []step{}
		}
		done := 1
		if refund.CreditedAt != 0 {
			done = 2
		}
		return s.stepper(done, "step.refund_accepted", "step.refund_credited")
	}
	return []step{}
}

// stepper makes steps of which the first are done and the next one is current.
func (s situation) stepper(done int, keys ...string) []step {
	steps := make([]step, 0, len(keys))
	for i, key := range keys {
		state := "todo"
		switch {
		case i < done:
			state = "done"
		case i == done:
			state = "current"
		}
		steps = append(steps, step{Label: s.text(key, nil), Spoken: s.text("step."+state, nil), State: state})
	}
	return steps
}

// rows are the facts of the result.
func (s situation) rows() []row {
	rows := []row{}
	if s.p.Result == nil {
		return rows
	}
	add := func(key, value string) { rows = append(rows, row{Name: s.text(key, nil), Value: value}) }
	if s.p.Result.At != 0 {
		add("row.at", s.time(s.p.Result.At))
	}
	r := s.p.Result.Refund
	if r == nil {
		return rows
	}
	add("row.refund", formatMoney(r.Amount))
	if r.AcceptedAt != 0 {
		add("row.accepted", s.time(r.AcceptedAt))
	}
	if r.CreditedAt != 0 {
		add("row.credited", s.time(r.CreditedAt))
	}
	return rows
}
