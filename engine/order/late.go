package order

// LatePolicy says what becomes of a success that comes after the order was called
// failed or closed: the merchant may have sold the goods to somebody else since.
type LatePolicy string

// The policies. An order keeps the one that held when it was registered.
const (
	LateAccept LatePolicy = "accept" // as any success: delivered, with a case to know of it
	LateRefund LatePolicy = "refund" // withheld, and the backend is told to refund it
	LateAsk    LatePolicy = "ask"    // withheld until a person answers the case
)

// Codes of the status event of a late success that is withheld from the backend.
const (
	CodeLateRefund = "late_refund"
	CodeLateAsk    = "late_ask"
)

// Validate returns a *FieldError for a policy that does not exist; none is LateAccept.
func (p LatePolicy) Validate() error {
	switch p {
	case "", LateAccept, LateRefund, LateAsk:
		return nil
	}
	return &FieldError{"late_success", "must be accept, refund or ask"}
}

// settleLate takes in a success that came after the order was called failed or closed.
// The payment succeeded, that is the truth whatever the policy; but one that is withheld
// is not told as an order that goes ahead, neither to the backend nor to the payer.
func (c *Change) settleLate(ev Evidence, now Time, d Detail) {
	switch c.Order.LateSuccess {
	case LateRefund:
		c.Order.Withheld, d.Code = LateRefund, CodeLateRefund
	case LateAsk:
		c.Order.Withheld, d.Code = LateAsk, CodeLateAsk
	case LateAccept:
	}
	c.settle(ev, now, d)
	d.Code = ""
	c.openCase(CaseLateSuccess, now, d)
}

// release lets a withheld success through: it is told from now on as any other. The
// result that the backend must take in is the one told by the event that follows.
func (o *Order) release() {
	o.Withheld = ""
	o.SettledSeq = o.Seq + 1
	if o.Fulfilment == FulfilmentDone {
		o.Fulfilment = FulfilmentPending
	}
}

// RecoveryFrom returns when the schedule of queries counts from: since, or the later
// moment at which a person had it begun anew.
func (o Order) RecoveryFrom(since Time) Time { return max(since, o.RetriedAt) }
