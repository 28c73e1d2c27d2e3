package order

import "slices"

// bookRefund enters a refund by its id and lets the sum decide: all credited is
// refunded, all accepted is refunding, less leaves the order succeeded. More than was
// paid is a contradiction.
func (c *Change) bookRefund(ev Evidence, now Time, d Detail) {
	booked := c.Order.refundOf(ev, now)
	d.RefundID = booked.ID
	known, at := c.Order.findRefund(booked.ID)
	if known && sameRefund(c.Order.Refunds[at], booked) {
		return
	}
	if booked.Minor < 1 || booked.Minor > c.Order.Amount.Minor || (known && c.Order.Refunds[at].Minor != booked.Minor) {
		c.openCase(CaseConflict, now, d)
		return
	}
	next := c.Order
	next.Refunds = slices.Clone(c.Order.Refunds)
	if known {
		next.Refunds[at] = mergeRefund(next.Refunds[at], booked)
	} else {
		next.Refunds = append(next.Refunds, booked)
	}
	if accepted, _ := next.refundSums(); accepted > next.Amount.Minor {
		c.openCase(CaseConflict, now, d)
		return
	}
	if c.Order.Payment == Pending {
		c.settle(ev, now, d) // what is refunded was paid
	}
	c.Order.Refunds = next.Refunds
	c.Order.weighRefunds()
	c.emit(EventStatus, now, d)
}

// strikeRefund takes back a refund that failed: the money stays paid, a person looks.
func (c *Change) strikeRefund(ev Evidence, now Time, d Detail) {
	id := refundID(ev)
	d.RefundID = id
	known, at := c.Order.findRefund(id)
	if known && (c.Order.Refunds[at].FailedAt != 0 || c.Order.Refunds[at].CreditedAt != 0) {
		return // known, or credited meanwhile: a credit is final
	}
	if c.Order.Payment == Pending {
		c.settle(ev, now, d)
	}
	if known {
		c.Order.Refunds[at].FailedAt = now
		c.Order.weighRefunds()
		c.emit(EventStatus, now, d)
	}
	c.openCase(CaseRefundFailed, now, d)
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
	switch known, at := o.findRefund(r.ID); {
	case ev.Refund != nil && ev.Refund.Amount != nil:
		r.Minor = ev.Refund.Amount.Minor
	case known:
		r.Minor = o.Refunds[at].Minor
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
	if a.Minor != b.Minor {
		return false
	}
	return a.CreditedAt != 0 || b.CreditedAt == 0
}

func mergeRefund(a, b Refund) Refund {
	if b.CreditedAt != 0 {
		a.CreditedAt, a.FailedAt = b.CreditedAt, 0
	}
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
