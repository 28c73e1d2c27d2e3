package order

import "time"

// Advice answers "may this purchase be charged again?".
type Advice string

// The advices. AdviceWait is not a no: it is known soon, or somebody has to find out.
const (
	AdviceSafe   Advice = "safe"   // this order took no money, or has given it back
	AdviceUnsafe Advice = "unsafe" // it has the money, or may have it and a person decides
	AdviceWait   Advice = "wait"   // not known yet; ask again
)

// Why says what an advice rests on.
type Why string

// The reasons.
const (
	WhyPaid            Why = "paid"             // unsafe: the channel has the money
	WhyRefunding       Why = "refunding"        // unsafe: the refund is accepted and may still fail
	WhyInReview        Why = "in_review"        // unsafe: evidence contradicts itself, a person decides
	WhyConfirming      Why = "confirming"       // wait: the payer says paid, or a callback came
	WhyAwaitingUnknown Why = "awaiting_unknown" // wait: nobody knows, or what was known is stale
	WhyUnpaidConfirmed Why = "unpaid_confirmed" // safe: the channel has just said that nothing was paid
	WhyDeclined        Why = "declined"         // safe: the payment failed for good
	WhyClosed          Why = "closed"           // safe: it can no longer be paid
	WhyRefunded        Why = "refunded"         // safe: the whole amount is back
)

// Verdict is whether charging for an order's purchase again is safe.
type Verdict struct {
	Advice     Advice
	Why        Why
	RetryAfter time.Duration // when asking again is worth it; 0 unless the advice is to wait
}

const (
	// unpaidHolds is how long "not paid" may be relied on. A payer who is at the cashier
	// when the channel is asked needs longer than that to confirm and return.
	unpaidHolds = 10 * time.Second
	// A checkout that waits is told to come back within these bounds: it asks the channel
	// itself by asking for the verdict, so the next planned attempt is no lower bound.
	minVerdictWait = time.Second
	maxVerdictWait = 30 * time.Second
)

// Verdict says whether charging for the same purchase again could take the money twice.
// It never says safe while the payer is told not to pay again.
func (o Order) Verdict(now Time) Verdict {
	if o.hasOpenCase(CaseConflict, CaseAmountMismatch, CaseMerchantMismatch, CaseRefundFailed) {
		return Verdict{Advice: AdviceUnsafe, Why: WhyInReview}
	}
	switch o.Payment {
	case Pending:
		return o.pendingVerdict(now)
	case Succeeded:
		return Verdict{Advice: AdviceUnsafe, Why: WhyPaid}
	case Refunding:
		return Verdict{Advice: AdviceUnsafe, Why: WhyRefunding}
	case Failed:
		return Verdict{Advice: AdviceSafe, Why: WhyDeclined}
	case Closed:
		return Verdict{Advice: AdviceSafe, Why: WhyClosed}
	case Refunded:
		return Verdict{Advice: AdviceSafe, Why: WhyRefunded}
	}
	return Verdict{Advice: AdviceUnsafe, Why: WhyInReview}
}

func (o Order) pendingVerdict(now Time) Verdict {
	wait := min(max(o.NextAttemptAt.Sub(now), minVerdictWait), maxVerdictWait)
	switch {
	case o.ClaimedAt != 0 || o.Facts.CallbackAt != 0:
		return Verdict{AdviceWait, WhyConfirming, wait}
	case o.Facts.Query == QueryUnpaid && now < o.Facts.QueryAt.Add(unpaidHolds):
		return Verdict{Advice: AdviceSafe, Why: WhyUnpaidConfirmed}
	}
	return Verdict{AdviceWait, WhyAwaitingUnknown, wait}
}
