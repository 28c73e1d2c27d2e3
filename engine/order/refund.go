package order

import "slices"

// bookRefund enters a refund by its id and lets the sum decide: all credited is
// refunded, all accepted is refunding, less leaves the order succeeded. More than was
// paid is a contradiction.
func (c *Change) bookRefund(ev Evidence, now Time, d Detail) {
	paid := d // the payment itself is told without the refund
	booked := c.Order.refundOf(ev, now)
	d.RefundID = booked.ID
	known, at := c.Order.findRefund(booked.ID)
	if known && sameRefund(c.Order.Refunds[at], booked) {
		return
	}
	if booked.Minor < 1 && ev.RefundedSum != nil {
		return // overtaken: a later sum, with this refund in it, is booked under a later one
	}
	if booked.Minor < 1 || booked.Minor > c.Order.Amount.Minor || (known && c.Order.Refunds[at].differs(booked)) {
		c.openCase(CaseConflict, now, d)
		return
	}
	next := c.Order
	next.Refunds = slices.Clone(c.Order.Refunds)
	if known {
		next.Refunds[at] = mergeRefund(next.Refunds[at], booked)
	} else {
		next.Refunds, at = append(next.Refunds, booked), len(next.Refunds)
	}
	if accepted, _ := next.refundSums(); accepted > next.Amount.Minor {
		c.openCase(CaseConflict, now, d)
		return
	}
	if c.Order.Payment == Pending {
		c.settle(ev, now, paid) // what is refunded was paid
	}
	d.Code = CodeRefund
	c.Order.Refunds = next.Refunds
	c.Order.Refunds[at].Seq, c.Order.Refunds[at].At = c.Order.Seq+1, max(now, c.Order.UpdatedAt) // of the event below
	c.Order.weighRefunds()
	if c.Order.Payment == Refunded && c.Order.Withheld != "" {
		c.Order.closeAnswered(now, CaseLateSuccess) // what was to be decided is done
	}
	c.emit(EventStatus, now, d)
}

// strikeRefund takes back a refund that failed: the money stays paid, a person looks.
// One that was never booked is entered as failed, so that its acceptance, overtaken on
// the way, does not bring it to life.
func (c *Change) strikeRefund(ev Evidence, now Time, d Detail) {
	paid := d
	id := refundID(ev)
	d.RefundID = id
	known, at := c.Order.findRefund(id)
	if known && (c.Order.Refunds[at].FailedAt != 0 || c.Order.Refunds[at].CreditedAt != 0) {
		return // known, or credited meanwhile: a credit is final
	}
	failed := failedRefund(ev, now)
	if known && failed.Minor != 0 && c.Order.Refunds[at].differs(failed) {
		c.openCase(CaseConflict, now, d)
		return
	}
	d.Code = CodeRefundFailed
	if c.Order.Payment == Pending {
		c.settle(ev, now, paid)
	}
	if known {
		c.Order.Refunds[at].FailedAt = now
	} else {
		c.Order.Refunds = append(c.Order.Refunds, failed)
	}
	c.Order.weighRefunds()
	c.emit(EventStatus, now, d)
	c.openCase(CaseRefundFailed, now, d)
}

// Codes of the events that a refund causes; its id may be empty and cannot tell.
const (
	CodeRefund       = "refund"        // booked: accepted or credited
	CodeRefundFailed = "refund_failed" // struck out
)

// failedRefund reads a refund that did not go through. Its amount stays 0 where the
// evidence names none.
func failedRefund(ev Evidence, now Time) Refund {
	r := Refund{ID: refundID(ev), AcceptedAt: now, FailedAt: now}
	if ev.Refund == nil {
		return r
	}
	if ev.Refund.AcceptedAt != 0 {
		r.AcceptedAt = ev.Refund.AcceptedAt
	}
	if ev.Refund.Amount != nil {
		r.Minor = ev.Refund.Amount.Minor
	}
	return r
}

func refundID(ev Evidence) string {
	if ev.Refund == nil {
		return ""
	}
	return ev.Refund.ID
}

// refundOf reads the refund that evidence tells, with its amount filled in.
func (o Order) refundOf(ev Evidence, now Time) Refund {
	r := Refund{ID: refundID(ev), AcceptedAt: now}
	if ev.Refund != nil {
		if ev.Refund.AcceptedAt != 0 {
			r.AcceptedAt = ev.Refund.AcceptedAt
		}
		r.CreditedAt = ev.Refund.CreditedAt
	}
	if ev.Claims == ClaimsRefunded && r.CreditedAt == 0 {
		r.CreditedAt = now
		if ev.OccurredAt != 0 {
			r.CreditedAt = ev.OccurredAt
		}
	}
	if ev.Claims == ClaimsRefunding {
		r.CreditedAt = 0
	}
	if r.CreditedAt != 0 {
		r.AcceptedAt = min(r.AcceptedAt, r.CreditedAt) // heard of when it was credited already
	}
	switch known, at := o.findRefund(r.ID); {
	case ev.Refund != nil && ev.Refund.Amount != nil:
		r.Minor = ev.Refund.Amount.Minor
	case known && o.Refunds[at].Minor != 0:
		r.Minor = o.Refunds[at].Minor
	case ev.RefundedSum != nil:
		_, credited := o.refundSums()
		r.Minor = ev.RefundedSum.Minor - credited
	default:
		accepted, _ := o.refundSums()
		r.Minor = o.Amount.Minor - accepted
	}
	return r
}

func (o Order) findRefund(id string) (bool, int) {
	for i, r := range o.Refunds {
		if r.ID == id {
			return true, i
		}
	}
	return false, -1
}

// sameRefund reports whether b tells nothing that a does not: a credited refund stays
// credited, a failed one is not revived by an older acceptance.
func sameRefund(a, b Refund) bool {
	return !a.differs(b) && (a.CreditedAt != 0 || b.CreditedAt == 0)
}

// differs reports whether b names another amount than a, as far as a's is known.
func (a Refund) differs(b Refund) bool { return a.Minor != 0 && a.Minor != b.Minor }

// mergeRefund takes in that a was credited after all, which b says.
func mergeRefund(a, b Refund) Refund {
	a.Minor, a.CreditedAt, a.FailedAt = b.Minor, b.CreditedAt, 0
	return a
}

// refundSums adds up what was accepted (credited or on its way) and what was credited.
func (o Order) refundSums() (accepted, credited int64) {
	for _, r := range o.Refunds {
		if r.FailedAt != 0 {
			continue
		}
		accepted += r.Minor
		if r.CreditedAt != 0 {
			credited += r.Minor
		}
	}
	return accepted, credited
}

func (o *Order) weighRefunds() {
	accepted, credited := o.refundSums()
	switch {
	case credited >= o.Amount.Minor:
		o.Payment = Refunded
	case accepted >= o.Amount.Minor:
		o.Payment = Refunding
	default:
		o.Payment = Succeeded
	}
	if o.Payment != Succeeded {
		o.endAttempts()
	}
}

// PartRefunds returns the refunds, accepted or credited, of an order that stays paid: each
// is news of its own. Once all of the amount goes back, that is how the order ends.
func (o Order) PartRefunds() []Refund {
	var parts []Refund
	for _, r := range o.Refunds {
		if o.Status() == StatusSucceeded && r.FailedAt == 0 && r.Minor > 0 {
			parts = append(parts, r)
		}
	}
	return parts
}

// Credited returns what has been credited of all refunds.
func (o Order) Credited() Money {
	_, credited := o.refundSums()
	return Money{credited, o.Amount.Currency}
}

// OpenRefunds returns the refunds that were accepted and are neither credited nor
// failed, so that the channel must still be asked about them.
func (o Order) OpenRefunds() []Refund {
	var open []Refund
	for _, r := range o.Refunds {
		if r.CreditedAt == 0 && r.FailedAt == 0 {
			open = append(open, r)
		}
	}
	return open
}
