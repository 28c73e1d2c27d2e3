package order_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"anxin/engine/order"
)

func TestVerdictOfEachPayment(t *testing.T) {
	t.Parallel()
	for _, p := range constants[order.Payment](t, "Payment") {
		want, known := map[order.Payment]order.Verdict{
			order.Pending:   {Advice: order.AdviceWait, Why: order.WhyAwaitingUnknown, RetryAfter: time.Second},
			order.Succeeded: {Advice: order.AdviceUnsafe, Why: order.WhyPaid},
			order.Failed:    {Advice: order.AdviceSafe, Why: order.WhyDeclined},
			order.Closed:    {Advice: order.AdviceSafe, Why: order.WhyClosed},
			order.Refunding: {Advice: order.AdviceUnsafe, Why: order.WhyRefunding},
			order.Refunded:  {Advice: order.AdviceSafe, Why: order.WhyRefunded},
		}[p]
		if !known {
			t.Fatalf("no expectation for %s", p)
		}
		o := inState(t, register(t), order.FromQuery, p)
		o.ClaimedAt = 0
		if got := o.Verdict(after(time.Hour)); got != want {
			t.Errorf("%s: %+v, want %+v", p, got, want)
		}
	}
}

func TestVerdictWhileNothingIsKnown(t *testing.T) {
	t.Parallel()
	at := after(time.Minute)
	for name, tc := range map[string]struct {
		edit func(*order.Order)
		want order.Verdict
	}{
		"never asked": {func(*order.Order) {}, order.Verdict{Advice: order.AdviceWait, Why: order.WhyAwaitingUnknown, RetryAfter: time.Second}},
		"just said unpaid": {
			func(o *order.Order) { o.Facts.Query, o.Facts.QueryAt = order.QueryUnpaid, at-9_999 },
			order.Verdict{Advice: order.AdviceSafe, Why: order.WhyUnpaidConfirmed},
		},
		"said unpaid too long ago": {
			func(o *order.Order) { o.Facts.Query, o.Facts.QueryAt = order.QueryUnpaid, at-10_000 },
			order.Verdict{Advice: order.AdviceWait, Why: order.WhyAwaitingUnknown, RetryAfter: time.Second},
		},
		"the channel does not know the order, which is no answer": {
			func(o *order.Order) { o.Facts.Query, o.Facts.QueryAt = order.QueryUnknown, at },
			order.Verdict{Advice: order.AdviceWait, Why: order.WhyAwaitingUnknown, RetryAfter: time.Second},
		},
		"claimed, next attempt soon": {
			func(o *order.Order) { o.ClaimedAt, o.NextAttemptAt = t0, at+7_000 },
			order.Verdict{Advice: order.AdviceWait, Why: order.WhyConfirming, RetryAfter: 7 * time.Second},
		},
		"claimed, next attempt far": {
			func(o *order.Order) { o.ClaimedAt, o.NextAttemptAt = t0, at.Add(time.Hour) },
			order.Verdict{Advice: order.AdviceWait, Why: order.WhyConfirming, RetryAfter: 30 * time.Second},
		},
		"claimed, though the channel says unpaid": {
			func(o *order.Order) { o.ClaimedAt, o.Facts.Query, o.Facts.QueryAt = t0, order.QueryUnpaid, at },
			order.Verdict{Advice: order.AdviceWait, Why: order.WhyConfirming, RetryAfter: time.Second},
		},
		"a callback came": {
			func(o *order.Order) {
				o.Facts.CallbackAt, o.Facts.Query, o.Facts.QueryAt = t0, order.QueryUnpaid, at
			},
			order.Verdict{Advice: order.AdviceWait, Why: order.WhyConfirming, RetryAfter: time.Second},
		},
		"in review": {
			func(o *order.Order) {
				o.Payment, o.Cases = order.Failed, []order.Case{{Kind: order.CaseConflict, OpenedAt: at}}
			},
			order.Verdict{Advice: order.AdviceUnsafe, Why: order.WhyInReview},
		},
	} {
		o := register(t)
		tc.edit(&o)
		if got := o.Verdict(at); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}

// TestVerdictAgreesWithThePage holds, over random states, that a checkout is never told
// "safe" while the payer is told not to pay again, nor "unsafe" while the payer may.
func TestVerdictAgreesWithThePage(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	payments := constants[order.Payment](t, "Payment")
	queries := append(constants[order.QueryOutcome](t, "QueryOutcome"), "")
	cases := constants[order.CaseKind](t, "CaseKind")
	now := after(time.Hour)
	some := func() order.Time { return order.Time(rng.IntN(2)) * (now - order.Time(rng.IntN(20_000))) }
	for range 20_000 {
		o := register(t)
		o.Payment = payments[rng.IntN(len(payments))]
		o.ClaimedAt, o.Facts.CallbackAt, o.Facts.QueryAt = some(), some(), some()
		o.Facts.Query = queries[rng.IntN(len(queries))]
		if rng.IntN(3) == 0 {
			o.Cases = []order.Case{{Kind: cases[rng.IntN(len(cases))], ClosedAt: some()}}
		}
		v, p := o.Verdict(now), o.Progress()
		if v.Advice == order.AdviceSafe && p.DoNotPayAgain || v.Advice == order.AdviceUnsafe && !p.DoNotPayAgain {
			t.Fatalf("seed %d: verdict %+v, do not pay again %v, of %+v", seed, v, p.DoNotPayAgain, o)
		}
		if (v.Advice == order.AdviceWait) != (v.RetryAfter > 0) {
			t.Fatalf("seed %d: %+v", seed, v)
		}
	}
}
