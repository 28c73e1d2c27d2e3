package page

import (
	"strconv"
	"time"

	"anxin/engine/order"
)

// wording is what is said about the state: name.title and name.headline apply, and the
// text of the key lead is the sentence below.
type wording struct {
	name, lead string
	vars       vars
}

func (s situation) wording() wording {
	switch s.p.Status {
	case order.StatusAwaiting:
		if s.p.Review != nil {
			return s.underReview()
		}
		return wording{"awaiting", "awaiting.lead", nil}
	case order.StatusConfirming:
		return s.confirming()
	case order.StatusSucceeded:
		return wording{"succeeded", "succeeded.lead", nil}
	case order.StatusFailed:
		return s.failed()
	case order.StatusClosed:
		return wording{"closed", "closed.lead", nil}
	case order.StatusRefunding:
		return s.onItsWay("refunding", "refunding.lead", "refunding.slow")
	case order.StatusRefunded:
		return s.refunded()
	}
	return s.confirming()
}

func (s situation) confirming() wording {
	switch {
	case s.p.Review != nil:
		return s.underReview()
	case s.p.Step == order.StepReceived && s.slow():
		return wording{"received", "received.slow", nil}
	case s.p.Step == order.StepReceived:
		return wording{"received", "received.lead", nil}
	default:
		return s.expectation()
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
func (s situation) expectation() wording {
	e := s.p.Expected
	switch {
	case s.slow():
		return wording{"confirming", "confirming.slow", nil}
	case e == nil || e.LateBy == 0:
		return wording{"confirming", "confirming.asking", nil}
	case !s.passed(e.TypicalBy):
		left := e.TypicalBy.Sub(order.At(s.now))
		minutes := int((left + time.Minute - 1) / time.Minute)
		return wording{"confirming", "confirming.usual", vars{"n": strconv.Itoa(minutes)}}
	default:
		return wording{"confirming", "confirming.most", vars{"time": s.time(e.LateBy)}}
	}
}

func (s situation) underReview() wording {
	key, vars := s.reviewKey("review.lead")
	return wording{"review", key, vars}
}

// reviewKey promises the answer's time by the text of key, or apologises once it has
// passed.
func (s situation) reviewKey(key string) (string, vars) {
	if s.passed(s.p.Review.AnswerBy) {
		return "review.overdue", nil
	}
	return key, vars{"time": s.time(s.p.Review.AnswerBy)}
}

// failed tells whether money moved: with a refund it did, and without one it is called
// "not charged" only while paying again is known to be safe.
func (s situation) failed() wording {
	refund := s.refund()
	switch {
	case refund != nil && refund.CreditedAt != 0:
		return wording{"failed", "failed.credited", vars{"time": s.time(refund.CreditedAt)}}
	case refund != nil:
		return s.onItsWay("failed", "failed.returned", "failed.slow")
	case s.p.DoNotPayAgain:
		return wording{"failed", "failed.unclear", nil}
	default:
		return wording{"failed", "failed.free", nil}
	}
}

// onItsWay says by when a refund should be there, and admits it when that day is over.
func (s situation) onItsWay(name, lead, slow string) wording {
	from := order.At(s.now)
	switch r := s.refund(); {
	case r != nil && r.AcceptedAt != 0:
		from = r.AcceptedAt
	case s.p.Result != nil && s.p.Result.At != 0:
		from = s.p.Result.At
	}
	due := workingDaysAfter(from.Std().In(s.zone), s.RefundDays)
	values := vars{"n": strconv.Itoa(s.RefundDays)}
	if today := s.now.In(s.zone); dayNumber(today) > dayNumber(due) {
		return wording{name, slow, values}
	}
	values["date"] = s.text("day", vars{"day": strconv.Itoa(due.Day()), "month": s.months[due.Month()-1]})
	return wording{name, lead, values}
}

func (s situation) refunded() wording {
	r := s.refund()
	switch {
	case r == nil:
		return wording{"refunded", "refunded.undated", vars{"amount": formatMoney(s.p.Amount)}}
	case r.CreditedAt == 0:
		return wording{"refunded", "refunded.undated", vars{"amount": formatMoney(r.Amount)}}
	default:
		return wording{"refunded", "refunded.lead", vars{"amount": formatMoney(r.Amount), "time": s.time(r.CreditedAt)}}
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
