package order

import "slices"

// Source is where evidence comes from.
type Source string

// The sources. Backend is the authenticated merchant backend in pushed mode.
const (
	FromCallback   Source = "callback"
	FromQuery      Source = "query"
	FromSettlement Source = "settlement"
	FromBackend    Source = "backend"
)

// Claimed is the state that evidence states, in the neutral terms that every
// channel's vocabulary is mapped to.
type Claimed string

// What evidence may state.
const (
	ClaimsPending      Claimed = "pending"    // not paid yet
	ClaimsProcessing   Claimed = "processing" // paid by the payer, unknown to the channel
	ClaimsSucceeded    Claimed = "succeeded"
	ClaimsFailed       Claimed = "failed"
	ClaimsClosed       Claimed = "closed"
	ClaimsRefunding    Claimed = "refunding"     // a refund was accepted
	ClaimsRefunded     Claimed = "refunded"      // a refund was credited
	ClaimsRefundFailed Claimed = "refund_failed" // a refund did not go through, the money stays paid
)

// Evidence is one authenticated statement about an order.
type Evidence struct {
	Source     Source          `json:"source"`
	Claims     Claimed         `json:"claims"`
	Amount     *Money          `json:"amount,omitempty"`   // total of the payment
	Merchant   string          `json:"merchant,omitempty"` // account at the channel
	ChannelTxn string          `json:"channel_txn,omitempty"`
	Reason     string          `json:"reason,omitempty"` // neutral code: "declined", "insufficient_funds"
	Refund     *RefundEvidence `json:"refund,omitempty"`
	OccurredAt Time            `json:"occurred_at"`

	// RefundedSum is all that was credited so far, the refund that is told included: for
	// channels that tell the sum and not the part (Alipay's refund_fee).
	RefundedSum *Money `json:"refunded_sum,omitempty"`
}

// RefundEvidence tells one refund. An empty ID stands for the one refund of channels
// that name none; a nil Amount for everything that has not been refunded yet.
type RefundEvidence struct {
	ID         string `json:"id,omitempty"`
	Amount     *Money `json:"amount,omitempty"`
	AcceptedAt Time   `json:"accepted_at"`
	CreditedAt Time   `json:"credited_at"`
}

// move is what a cell of the table asks for.
type move int

const (
	stay     move = iota // known already, or no statement
	repeat               // known already, unless it tells of another payment
	become               // the state claimed becomes the truth
	becameBy             // late success: the state becomes the truth, and a person is told
	refund               // the refunds are booked and decide the state
	unrefund             // the refund is struck out, and a person is told
	conflict             // contradiction: a person decides
)

// moves is the table of section "What moves an order". A missing cell is stay. A
// refund of a failed or closed payment contradicts it (nothing was paid), so it is a
// conflict and not ignored.
var moves = map[Payment]map[Claimed]move{
	Pending: {
		ClaimsSucceeded: become, ClaimsFailed: become, ClaimsClosed: become,
		ClaimsRefunding: refund, ClaimsRefunded: refund, ClaimsRefundFailed: unrefund,
	},
	Failed: {
		ClaimsSucceeded: becameBy,
		ClaimsRefunding: conflict, ClaimsRefunded: conflict, ClaimsRefundFailed: conflict,
	},
	Closed: {
		ClaimsSucceeded: becameBy,
		ClaimsRefunding: conflict, ClaimsRefunded: conflict, ClaimsRefundFailed: conflict,
	},
	Succeeded: {
		ClaimsSucceeded: repeat, ClaimsFailed: conflict, ClaimsClosed: conflict,
		ClaimsRefunding: refund, ClaimsRefunded: refund, ClaimsRefundFailed: unrefund,
	},
	Refunding: {
		ClaimsSucceeded: repeat, ClaimsFailed: conflict, ClaimsClosed: conflict,
		ClaimsRefunding: refund, ClaimsRefunded: refund, ClaimsRefundFailed: unrefund,
	},
	Refunded: {ClaimsSucceeded: repeat},
}

// Apply weighs evidence. It moves the order, opens a case, or changes nothing; it
// never fails, because evidence that cannot be used is itself a fact to keep.
//
// A repeated success while a refund is on its way changes nothing: channels redeliver
// in any order, and only evidence that names the refund as failed undoes it. A success
// under another transaction of the channel is no repetition, though: the payer was
// charged twice, and a person must see to it.
func (o Order) Apply(ev Evidence, now Time) Change {
	c := o.begin()
	if !o.admits(ev.Source) {
		return c
	}
	if ev.Source == FromCallback {
		c.noteCallback(now)
	}
	detail := Detail{Source: ev.Source}
	m := moves[o.Payment][ev.Claims]
	if m == stay {
		return c
	}
	if kind, ok := o.mismatch(ev); ok {
		if ev.Source == FromCallback && !o.hasOpenCase(kind) {
			c.Order.Facts.CallbackRejectedAt = now
		}
		c.openCase(kind, now, detail)
		return c
	}
	switch m {
	case stay:
	case repeat:
		if ev.ChannelTxn != "" && o.ChannelTxn != "" && ev.ChannelTxn != o.ChannelTxn {
			c.openCase(CaseConflict, now, detail)
		}
	case become:
		c.settle(ev, now, detail)
	case becameBy:
		c.settleLate(ev, now, detail)
	case refund:
		c.bookRefund(ev, now, detail)
	case unrefund:
		c.strikeRefund(ev, now, detail)
	case conflict:
		c.openCase(CaseConflict, now, detail)
	}
	return c
}

// admits reports whether a source may speak about the order. The word of the backend
// counts only where the backend is the one that asks the channel.
func (o Order) admits(s Source) bool {
	switch s {
	case FromCallback, FromQuery, FromSettlement:
		return true
	case FromBackend:
		return o.Mode == Pushed
	}
	return false
}

// noteCallback records the first verified callback; later ones tell nothing new.
func (c *Change) noteCallback(now Time) {
	if c.Order.Facts.CallbackAt == 0 {
		c.Order.Facts.CallbackAt = now
		c.emit(EventCallback, now, Detail{Source: FromCallback})
	}
}

// mismatch checks that evidence is about this payment. What makes the payment count as
// paid must name its amount, except the backend's own word, whose order it is; the
// merchant account must be named by callbacks and queries (a settlement file belongs
// to one account).
func (o Order) mismatch(ev Evidence) (CaseKind, bool) {
	named := ev.Source == FromCallback || ev.Source == FromQuery
	if o.Merchant != "" && ev.Merchant != o.Merchant && (named || ev.Merchant != "") {
		return CaseMerchantMismatch, true
	}
	switch {
	case ev.Amount != nil && *ev.Amount != o.Amount:
		return CaseAmountMismatch, true
	case ev.Amount == nil && o.wouldBePaid(ev.Claims) && ev.Source != FromBackend:
		return CaseAmountMismatch, true
	case ev.Refund != nil && !o.canRefund(ev.Refund.Amount), !o.canRefund(ev.RefundedSum):
		return CaseAmountMismatch, true
	}
	return "", false
}

// canRefund reports whether an amount that evidence may name can be a refund of the order.
func (o Order) canRefund(m *Money) bool {
	return m == nil || m.Currency == o.Amount.Currency && m.Minor > 0
}

// wouldBePaid reports whether the claim turns an order that does not count as paid
// into one that does. A refund of a pending order does: what is refunded was paid.
func (o Order) wouldBePaid(c Claimed) bool {
	switch moves[o.Payment][c] {
	case become:
		return c == ClaimsSucceeded
	case becameBy:
		return true
	case refund, unrefund:
		return o.Payment == Pending
	case stay, repeat, conflict:
	}
	return false
}

// settle makes the claimed state the truth and ends the recovery of the payment.
func (c *Change) settle(ev Evidence, now Time, d Detail) {
	o := &c.Order
	switch ev.Claims {
	case ClaimsSucceeded, ClaimsRefunding, ClaimsRefunded, ClaimsRefundFailed:
		o.Payment, o.Reason = Succeeded, ""
	case ClaimsFailed:
		o.Payment, o.Reason = Failed, ev.Reason
	case ClaimsClosed:
		o.Payment, o.Reason = Closed, ev.Reason
	case ClaimsPending, ClaimsProcessing:
		return
	}
	o.SettledAt, o.SettledSeq = now, o.Seq+1
	if o.Fulfilment == FulfilmentDone {
		o.Fulfilment = FulfilmentPending // the backend took in an earlier result, not this one
	}
	if ev.ChannelTxn != "" {
		o.ChannelTxn = ev.ChannelTxn
	}
	if o.Payment == Succeeded && ev.Source == FromQuery && o.Facts.CallbackAt == 0 {
		o.Fault = DiagnosisCallbackMissing // kept even where the result is final at once
	}
	o.endAttempts()
	o.closeAnswered(now, CaseQueryExhausted, CaseQueryRefused)
	o.ResolvedAt = 0 // a late success has its own moment of resolution
	c.emit(EventStatus, now, d)
}

func (o *Order) endAttempts() { o.Attempting, o.NextAttemptAt = false, 0 }

// closeAnswered ends the cases whose only question has been answered.
func (o *Order) closeAnswered(now Time, kinds ...CaseKind) {
	for i, k := range o.Cases {
		if k.ClosedAt == 0 && slices.Contains(kinds, k.Kind) {
			o.Cases[i].ClosedAt = now
		}
	}
}
