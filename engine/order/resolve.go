package order

import (
	"errors"
	"slices"
)

// Resolution is how a person answers a case. None of them states anything about the
// payment: only evidence moves an order, so an answer can have the channel asked again,
// tell the backend something, or let go what was withheld.
type Resolution string

// The resolutions.
const (
	ResolveDismiss Resolution = "dismiss" // looked at, nothing is to be done
	ResolveAccept  Resolution = "accept"  // a withheld success is fulfilled after all
	ResolveRefund  Resolution = "refund"  // the backend is told to refund
	ResolveRetry   Resolution = "retry"   // recovery begins anew
	// ResolveAnswered closes a case without a person: evidence answered its question.
	ResolveAnswered Resolution = "answered"
)

// Errors of Resolve.
var (
	ErrCaseClosed = errors.New("the case is closed")
	ErrResolution = errors.New("the case cannot be resolved in this way")
)

// Resolutions returns the answers that an open case of the kind allows as the order is.
func (o Order) Resolutions(kind CaseKind) []Resolution {
	switch kind {
	case CaseConflict, CaseAmountMismatch, CaseMerchantMismatch:
		if o.Payment == Pending {
			return []Resolution{ResolveDismiss, ResolveRefund, ResolveRetry}
		}
		return []Resolution{ResolveDismiss, ResolveRefund}
	case CaseLateSuccess:
		if o.Withheld == "" || o.Payment != Succeeded {
			return []Resolution{ResolveDismiss, ResolveRefund}
		}
		return []Resolution{ResolveAccept, ResolveRefund} // dismissed, it would wait for ever
	case CaseRefundFailed, CaseDuplicatePayment:
		return []Resolution{ResolveDismiss, ResolveRefund}
	case CaseQueryExhausted, CaseQueryRefused, CaseDeliveryFailed:
		return []Resolution{ResolveDismiss, ResolveRetry}
	}
	return []Resolution{ResolveDismiss}
}

// Resolve closes the open case of a kind as a person decided. The event names actor and
// resolution. Work that follows (a query, a delivery) is the caller's to begin.
func (o Order) Resolve(kind CaseKind, r Resolution, actor string, now Time) (Change, error) {
	switch {
	case !o.hasOpenCase(kind):
		return Change{Order: o}, ErrCaseClosed
	case !slices.Contains(o.Resolutions(kind), r):
		return Change{Order: o}, ErrResolution
	}
	c := o.begin()
	if kind == CaseLateSuccess && o.Withheld != "" {
		switch r {
		case ResolveAccept:
			c.Order.release()
		case ResolveRefund:
			c.Order.Withheld = LateRefund
		case ResolveDismiss, ResolveRetry, ResolveAnswered:
		}
	}
	if r == ResolveRetry && kind != CaseDeliveryFailed {
		c.Order.RetriedAt = now
	}
	return c.Then(c.Order.CloseCase(kind, now, Detail{Actor: actor, Code: string(r)})), nil
}
