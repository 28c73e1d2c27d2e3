package notify

import (
	"time"

	"anxin/engine/order"
)

// Current returns what a payer should be told of the order as it is; "" = nothing. A
// message is true exactly as long as its notice is the current one.
func Current(o order.Order) Notice {
	if held(o) {
		return ""
	}
	switch o.Status() {
	case order.StatusAwaiting:
		return ""
	case order.StatusConfirming:
		return waitingNotice(o.Stage)
	case order.StatusSucceeded:
		return NoticeSucceeded
	case order.StatusFailed:
		return NoticeFailed
	case order.StatusClosed:
		return NoticeClosed
	case order.StatusRefunding:
		return NoticeRefunding
	case order.StatusRefunded:
		return NoticeRefunded
	}
	return ""
}

func waitingNotice(s order.Stage) Notice {
	switch s {
	case order.Delayed:
		return NoticeDelayed
	case order.Prolonged:
		return NoticeProlonged
	case order.Fresh, order.Resolved:
		return ""
	}
	return ""
}

// held reports whether people are looking into what the result rests on. A payer who is
// told "not charged, pay again" while evidence says otherwise might pay twice.
func held(o order.Order) bool {
	for _, k := range o.OpenCases() {
		switch k.Kind {
		case order.CaseConflict, order.CaseAmountMismatch, order.CaseMerchantMismatch, order.CaseRefundFailed:
			return o.Status().Final()
		case order.CaseLateSuccess, order.CaseQueryExhausted, order.CaseQueryRefused, order.CaseDeliveryFailed, order.CaseDuplicatePayment:
		}
	}
	return false
}

// Since returns when the current notice became true.
func Since(o order.Order) order.Time {
	if o.TurnAt != 0 {
		return o.TurnAt
	}
	return o.UpdatedAt // stored before turns were kept
}

// waited reports whether the payer waited for the result into the second stage, in which
// the first message is due.
func waited(o order.Order, delayed time.Duration) bool {
	return o.ClaimedAt != 0 && o.ResolvedAt != 0 && o.ResolvedAt.Sub(o.ClaimedAt) >= delayed
}
