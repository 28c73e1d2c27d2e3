package order_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"anxin/engine/order"
)

func latePolicy(p order.LatePolicy) func(*order.Registration) {
	return func(r *order.Registration) { r.LateSuccess = p }
}

// late returns an order that was claimed, called closed, and then paid.
func late(tb testing.TB, policy order.LatePolicy, edits ...func(*order.Registration)) order.Order {
	tb.Helper()
	o := claimed(tb, append(edits, latePolicy(policy))...)
	o = apply(tb, o, evidence(order.FromQuery, order.ClaimsClosed), order.EventStatus)
	return apply(tb, o, evidence(order.FromQuery, order.ClaimsSucceeded), order.EventStatus, order.EventCaseOpened)
}

func TestALateSuccessIsTrueUnderEveryPolicyAndWithheldUnderTwo(t *testing.T) {
	t.Parallel()
	for policy, want := range map[order.LatePolicy]order.Status{
		"": order.StatusSucceeded, order.LateAccept: order.StatusSucceeded,
		order.LateRefund: order.StatusConfirming, order.LateAsk: order.StatusConfirming,
	} {
		o := late(t, policy, noDeliver)
		p := o.Progress()
		if o.Payment != order.Succeeded || o.Status() != want || !p.DoNotPayAgain || p.Links.Repay != nil {
			t.Errorf("%q: %s, shown as %+v", policy, o.Payment, p)
		}
		if withheld := want == order.StatusConfirming; withheld && (p.Step != order.StepReceived || p.Review == nil) {
			t.Errorf("%q: a withheld payment is shown as %+v", policy, p)
		}
	}
}

func TestAnUnknownLatePolicyIsRefused(t *testing.T) {
	t.Parallel()
	r := registration()
	r.LateSuccess = "maybe"
	if _, err := order.Register(r, t0); err == nil {
		t.Error("accepted")
	}
}

func TestAWithheldSuccessIsNotFulfilledByADelivery(t *testing.T) {
	t.Parallel()
	o := late(t, order.LateAsk)
	o = do(t, o, func(o order.Order) order.Change { return o.Delivered(o.Seq, after(time.Hour)) }, order.EventDelivered)
	if o.Status() != order.StatusConfirming || o.Fulfilment != order.FulfilmentPending {
		t.Errorf("%s, %s", o.Status(), o.Fulfilment)
	}
	c := o.StartAttempt(order.WorkDeliver, after(time.Hour))
	if c.Changed() {
		t.Error("the delivery of a case is shown as an attempt")
	}
}

func resolve(tb testing.TB, o order.Order, kind order.CaseKind, r order.Resolution) order.Order {
	tb.Helper()
	return do(tb, o, func(o order.Order) order.Change {
		c, err := o.Resolve(kind, r, "wang", after(2*time.Hour))
		if err != nil {
			tb.Fatalf("resolve %s as %s: %v", kind, r, err)
		}
		return c
	}, order.EventCaseClosed)
}

func TestAnAcceptedLateSuccessWaitsForItsDelivery(t *testing.T) {
	t.Parallel()
	o := late(t, order.LateAsk)
	opened := o.Seq
	o = resolve(t, o, order.CaseLateSuccess, order.ResolveAccept)
	o = do(t, o, func(o order.Order) order.Change { return o.Delivered(opened, after(3*time.Hour)) }, order.EventDelivered)
	if o.Status() != order.StatusConfirming {
		t.Fatalf("the delivery of the case made it %s", o.Status())
	}
	o = do(t, o, func(o order.Order) order.Change { return o.Delivered(o.SettledSeq, after(3*time.Hour)) }, order.EventStatus)
	if o.Status() != order.StatusSucceeded {
		t.Errorf("delivered, it is %s", o.Status())
	}
	if bare := resolve(t, late(t, order.LateAsk, noDeliver), order.CaseLateSuccess, order.ResolveAccept); bare.Status() != order.StatusSucceeded {
		t.Errorf("with nothing to deliver to it is %s", bare.Status())
	}
}

func TestAPayerIsToldOfAReviewUntilAWithheldPaymentIsDecidedAndDone(t *testing.T) {
	t.Parallel()
	o := resolve(t, late(t, order.LateAsk), order.CaseLateSuccess, order.ResolveRefund)
	if p := o.Progress(); p.Status != order.StatusConfirming || p.Review == nil {
		t.Errorf("a refund that was only asked for is shown as %+v", p)
	}
	o = apply(t, o, refundEvidence(order.ClaimsRefunding, "r1", 8800), order.EventStatus)
	if p := o.Progress(); p.Status != order.StatusRefunding || p.Review != nil {
		t.Errorf("an accepted refund is shown as %+v", p)
	}
	if p := late(t, order.LateAccept).Progress(); p.Review != nil {
		t.Errorf("a late success that is fulfilled is shown as %+v", p)
	}
}

func TestARefundOfAWithheldSuccessAnswersItsCase(t *testing.T) {
	t.Parallel()
	o := late(t, order.LateRefund)
	o = apply(t, o, refundEvidence(order.ClaimsRefunding, "r1", 8800), order.EventStatus)
	if o.Status() != order.StatusRefunding || !slices.Equal(openKinds(o), []order.CaseKind{order.CaseLateSuccess}) {
		t.Fatalf("%s with %v", o.Status(), openKinds(o))
	}
	back := apply(t, o, refundEvidence(order.ClaimsRefundFailed, "r1", 8800), order.EventStatus, order.EventCaseOpened)
	if back.Status() != order.StatusConfirming {
		t.Errorf("a refund that failed is shown as %s", back.Status())
	}
	o = apply(t, o, refundEvidence(order.ClaimsRefunded, "r1", 8800), order.EventStatus)
	if o.Status() != order.StatusRefunded || len(openKinds(o)) != 0 {
		t.Errorf("%s with %v", o.Status(), openKinds(o))
	}
}

func TestACaseAllowsTheAnswersThatItsOrderAllows(t *testing.T) {
	t.Parallel()
	pending, paid := claimed(t), apply(t, claimed(t), evidence(order.FromQuery, order.ClaimsSucceeded), order.EventStatus)
	for name, c := range map[string]struct {
		o    order.Order
		kind order.CaseKind
		want []order.Resolution
	}{
		"conflict, paid":        {paid, order.CaseConflict, []order.Resolution{order.ResolveDismiss, order.ResolveRefund}},
		"mismatch, pending":     {pending, order.CaseAmountMismatch, []order.Resolution{order.ResolveDismiss, order.ResolveRefund, order.ResolveRetry}},
		"late, accepted":        {late(t, order.LateAccept), order.CaseLateSuccess, []order.Resolution{order.ResolveDismiss, order.ResolveRefund}},
		"late, withheld":        {late(t, order.LateAsk), order.CaseLateSuccess, []order.Resolution{order.ResolveAccept, order.ResolveRefund}},
		"exhausted":             {pending, order.CaseQueryExhausted, []order.Resolution{order.ResolveDismiss, order.ResolveRetry}},
		"failed refund":         {paid, order.CaseRefundFailed, []order.Resolution{order.ResolveDismiss, order.ResolveRefund}},
		"failed delivery, paid": {paid, order.CaseDeliveryFailed, []order.Resolution{order.ResolveDismiss, order.ResolveRetry}},
	} {
		open := c.o.OpenCase(c.kind, after(time.Hour), order.Detail{}).Order
		for _, r := range append(constants[order.Resolution](t, "Resolution"), "invented") {
			change, err := open.Resolve(c.kind, r, "wang", after(2*time.Hour))
			switch {
			case slices.Contains(c.want, r) != (err == nil):
				t.Errorf("%s: %s gives %v", name, r, err)
			case err != nil && (!errors.Is(err, order.ErrResolution) || change.Changed()):
				t.Errorf("%s: %s gives %v and %d events", name, r, err, len(change.Events))
			case err == nil && change.Order.Payment != open.Payment:
				t.Errorf("%s: %s moved the payment to %s", name, r, change.Order.Payment)
			}
		}
	}
}

func TestAClosedCaseIsNotResolvedAgain(t *testing.T) {
	t.Parallel()
	o := claimed(t).OpenCase(order.CaseQueryExhausted, after(time.Hour), order.Detail{}).Order
	o = resolve(t, o, order.CaseQueryExhausted, order.ResolveRetry)
	if o.RetriedAt != after(2*time.Hour) || o.RecoveryFrom(o.ClaimedAt) != o.RetriedAt {
		t.Errorf("recovery counts from %v", o.RecoveryFrom(o.ClaimedAt))
	}
	if _, err := o.Resolve(order.CaseQueryExhausted, order.ResolveRetry, "wang", after(3*time.Hour)); !errors.Is(err, order.ErrCaseClosed) {
		t.Errorf("again: %v", err)
	}
}

func TestEveryKindOfCaseIsListed(t *testing.T) {
	t.Parallel()
	if want := constants[order.CaseKind](t, "CaseKind"); !slices.Equal(order.CaseKinds, want) {
		t.Errorf("%v, want %v", order.CaseKinds, want)
	}
}
