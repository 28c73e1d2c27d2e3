package order_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"anxin/engine/order"
)

const (
	accepted = order.ClaimsRefunding
	credited = order.ClaimsRefunded
	undone   = order.ClaimsRefundFailed
)

func TestRefundsAddUpInAnyOrderOfArrival(t *testing.T) {
	t.Parallel()
	type told struct {
		claims order.Claimed
		id     string
		minor  int64
		want   order.Payment
		cases  []order.CaseKind
	}
	conflict, failed := []order.CaseKind{order.CaseConflict}, []order.CaseKind{order.CaseRefundFailed}
	const paid = order.Succeeded
	for name, story := range map[string][]told{
		"two halves, accepted then credited": {
			{accepted, "R1", 4400, paid, nil},
			{accepted, "R2", 4400, order.Refunding, nil},
			{credited, "R1", 4400, order.Refunding, nil},
			{credited, "R2", 4400, order.Refunded, nil},
		},
		"credited before accepted":         {{credited, "R1", 8800, order.Refunded, nil}, {accepted, "R1", 8800, order.Refunded, nil}},
		"partial credited before accepted": {{credited, "R1", 100, paid, nil}, {accepted, "R1", 100, paid, nil}},
		"repeated":                         {{accepted, "R1", 100, paid, nil}, {accepted, "R1", 100, paid, nil}, {credited, "R1", 100, paid, nil}, {credited, "R1", 100, paid, nil}},
		"failed after accepted":            {{accepted, "R1", 8800, order.Refunding, nil}, {undone, "R1", 8800, paid, failed}, {undone, "R1", 8800, paid, failed}},
		"failed, then credited all the same": {
			{accepted, "R1", 8800, order.Refunding, nil}, {undone, "R1", 8800, paid, failed}, {credited, "R1", 8800, order.Refunded, failed},
		},
		"failed before accepted":               {{undone, "R1", 8800, paid, failed}, {accepted, "R1", 8800, paid, failed}},
		"failed without amount, then accepted": {{undone, "R1", 0, paid, failed}, {accepted, "R1", 500, paid, failed}},
		"failed without amount, then credited": {{undone, "R1", 0, paid, failed}, {credited, "R1", 8800, order.Refunded, failed}},
		"failed without amount, credited without amount": {
			{undone, "R1", 0, paid, failed}, {credited, "R1", 0, order.Refunded, failed},
		},
		"failed after credited":             {{credited, "R1", 100, paid, nil}, {undone, "R1", 100, paid, nil}},
		"another one after a failed one":    {{accepted, "R1", 8800, order.Refunding, nil}, {undone, "R1", 8800, paid, failed}, {accepted, "R2", 8800, order.Refunding, failed}},
		"one of two fails":                  {{accepted, "R1", 8000, paid, nil}, {accepted, "R2", 800, order.Refunding, nil}, {undone, "R2", 800, paid, failed}},
		"the same id with another amount":   {{accepted, "R1", 100, paid, nil}, {accepted, "R1", 200, paid, conflict}},
		"failed with another amount":        {{accepted, "R1", 8800, order.Refunding, nil}, {undone, "R1", 8799, order.Refunding, conflict}},
		"more than was paid":                {{accepted, "R1", 8801, paid, conflict}},
		"more than was paid, in two":        {{accepted, "R1", 8000, paid, nil}, {accepted, "R2", 801, paid, conflict}},
		"as much as an integer holds":       {{accepted, "R1", math.MaxInt64, paid, conflict}, {credited, "R2", math.MaxInt64, paid, conflict}},
		"an integer's most after one fen":   {{accepted, "R1", 1, paid, nil}, {credited, "R2", math.MaxInt64, paid, conflict}},
		"a failed one comes back too late":  {{accepted, "R1", 8800, order.Refunding, nil}, {undone, "R1", 8800, paid, failed}, {credited, "R2", 1, paid, failed}, {credited, "R1", 8800, paid, append(slices.Clone(failed), order.CaseConflict)}},
		"no id, no amount":                  {{accepted, "", 0, order.Refunding, nil}, {credited, "", 0, order.Refunded, nil}},
		"no amount means what is left":      {{credited, "R1", 800, paid, nil}, {accepted, "R2", 0, order.Refunding, nil}, {credited, "R2", 0, order.Refunded, nil}},
		"nothing is left for a further one": {{accepted, "R1", 8800, order.Refunding, nil}, {accepted, "R2", 0, order.Refunding, conflict}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := inState(t, claimed(t), order.FromQuery, order.Succeeded)
			for i, step := range story {
				ev := refundEvidence(step.claims, step.id, step.minor)
				if step.minor == 0 {
					ev.Refund.Amount = nil
				}
				snapshot := deepCopy(o)
				c := o.Apply(ev, after(time.Duration(i+1)*time.Minute))
				checkChange(t, snapshot, c)
				o = c.Order
				if o.Payment != step.want || !slices.Equal(openKinds(o), step.cases) {
					t.Fatalf("step %d: %s with cases %v, want %s with %v", i+1, o.Payment, openKinds(o), step.want, step.cases)
				}
				if again := o.Apply(ev, after(time.Hour)); again.Changed() {
					t.Fatalf("step %d repeated told %v", i+1, eventTypes(again))
				}
			}
		})
	}
}

func TestSumsOfRefundsTellEachPart(t *testing.T) {
	t.Parallel()
	type told struct {
		id     string
		sum    int64
		booked int64 // in all
		want   order.Payment
		cases  []order.CaseKind
	}
	const paid = order.Succeeded
	for name, story := range map[string][]told{
		"one after the other":      {{"R1", 2000, 2000, paid, nil}, {"R2", 5000, 5000, paid, nil}, {"R3", 8800, 8800, order.Refunded, nil}},
		"all at once":              {{"R1", 8800, 8800, order.Refunded, nil}},
		"an older sum comes later": {{"R2", 5000, 5000, paid, nil}, {"R1", 2000, 5000, paid, nil}, {"R3", 8800, 8800, order.Refunded, nil}},
		"an older sum comes again": {{"R1", 2000, 2000, paid, nil}, {"R2", 5000, 5000, paid, nil}, {"R1", 2000, 5000, paid, nil}},
		"more than was paid":       {{"R1", 8801, 0, paid, []order.CaseKind{order.CaseConflict}}},
		"no sum":                   {{"R1", 0, 0, paid, []order.CaseKind{order.CaseAmountMismatch}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := inState(t, claimed(t), order.FromQuery, order.Succeeded)
			for i, step := range story {
				ev := refundEvidence(credited, step.id, 1)
				ev.Refund.Amount, ev.RefundedSum = nil, &order.Money{Minor: step.sum, Currency: "CNY"}
				snapshot := deepCopy(o)
				c := o.Apply(ev, after(time.Duration(i+1)*time.Minute))
				checkChange(t, snapshot, c)
				o = c.Order
				booked := int64(0)
				for _, r := range o.Refunds {
					booked += r.Minor
				}
				if o.Payment != step.want || booked != step.booked || !slices.Equal(openKinds(o), step.cases) {
					t.Fatalf("step %d: %s with %d booked and cases %v, want %s with %d and %v",
						i+1, o.Payment, booked, openKinds(o), step.want, step.booked, step.cases)
				}
				if again := o.Apply(ev, after(time.Hour)); again.Changed() {
					t.Fatalf("step %d repeated told %v", i+1, eventTypes(again))
				}
			}
		})
	}
}

func TestSumInAnotherCurrencyIsAMismatch(t *testing.T) {
	t.Parallel()
	o := inState(t, claimed(t), order.FromQuery, order.Succeeded)
	ev := refundEvidence(credited, "R1", 1)
	ev.Refund.Amount, ev.RefundedSum = nil, &order.Money{Minor: 100, Currency: "USD"}
	if c := o.Apply(ev, after(time.Minute)); !slices.Equal(openKinds(c.Order), []order.CaseKind{order.CaseAmountMismatch}) || len(c.Order.Refunds) != 0 {
		t.Fatalf("cases %v, refunds %v", openKinds(c.Order), c.Order.Refunds)
	}
}

func TestARefundKeepsTheTimesOfTheChannel(t *testing.T) {
	t.Parallel()
	o := inState(t, claimed(t, noDeliver), order.FromQuery, order.Succeeded)
	ev := refundEvidence(accepted, "R1", 8800)
	ev.Refund.AcceptedAt, ev.Refund.CreditedAt = after(10*time.Second), after(20*time.Second)
	o = apply(t, o, ev, order.EventStatus)
	if total := o.RefundTotal(); total.AcceptedAt != after(10*time.Second) || total.CreditedAt != 0 {
		t.Errorf("accepted refund %+v: a credit was shown that no one claimed", total)
	}
	ev = refundEvidence(credited, "R1", 8800)
	ev.OccurredAt = after(30 * time.Second)
	o = apply(t, o, ev, order.EventStatus)
	if total := o.RefundTotal(); total.CreditedAt != after(30*time.Second) {
		t.Errorf("credited at %v, want the time of the evidence", total.CreditedAt)
	}
}

func TestARefundHeardOfWhenItWasCreditedWasAcceptedNoLater(t *testing.T) {
	t.Parallel()
	o := inState(t, claimed(t), order.FromQuery, order.Succeeded)
	ev := refundEvidence(credited, "R1", 8800)
	ev.Refund.CreditedAt = after(5 * time.Second)
	total := apply(t, o, ev, order.EventStatus).RefundTotal()
	if total.AcceptedAt != after(5*time.Second) || total.CreditedAt != after(5*time.Second) {
		t.Errorf("refund %+v", total)
	}
}

func TestARefundIsShownAsCreditedOnlyWhenAllOfItIs(t *testing.T) {
	t.Parallel()
	o := inState(t, claimed(t, noDeliver), order.FromQuery, order.Succeeded)
	if o.RefundTotal() != nil {
		t.Fatal("a refund of nothing")
	}
	o = apply(t, o, refundEvidence(credited, "R1", 100), order.EventStatus)
	if total := o.RefundTotal(); total.Amount.Minor != 100 || total.CreditedAt == 0 {
		t.Errorf("%+v", total)
	}
	o = apply(t, o, refundEvidence(accepted, "R2", 50), order.EventStatus)
	if total := o.RefundTotal(); total.Amount.Minor != 150 || total.CreditedAt != 0 {
		t.Errorf("%+v", total)
	}
	if open := o.OpenRefunds(); len(open) != 1 || open[0].ID != "R2" {
		t.Errorf("open refunds %+v", open)
	}
	o = apply(t, o, refundEvidence(undone, "R2", 50), order.EventStatus, order.EventCaseOpened)
	if total := o.RefundTotal(); total.Amount.Minor != 100 || total.CreditedAt == 0 {
		t.Errorf("%+v", total)
	}
	if open := o.OpenRefunds(); len(open) != 0 {
		t.Errorf("open refunds %+v", open)
	}
}

func TestAFailedRefundTakesThePayerBackToWhatIsTrue(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		edit func(*order.Registration)
		want order.Status
	}{
		"taken in by the backend":     {noDeliver, order.StatusSucceeded},
		"not taken in by the backend": {func(*order.Registration) {}, order.StatusConfirming},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := inState(t, claimed(t, tc.edit), order.FromQuery, order.Refunding)
			o = apply(t, o, refundEvidence(undone, "R1", 8800), order.EventStatus, order.EventCaseOpened)
			p := o.Progress()
			if p.Status != tc.want || p.Review == nil || !p.DoNotPayAgain || (p.Result != nil && p.Result.Refund != nil) {
				t.Errorf("the payer sees %+v", p)
			}
		})
	}
}

func TestARefundThatFailedOnceIsWarnedAboutUntilAPersonHasLooked(t *testing.T) {
	t.Parallel()
	o := inState(t, claimed(t, noDeliver), order.FromQuery, order.Refunding)
	o = apply(t, o, refundEvidence(undone, "R1", 8800), order.EventStatus, order.EventCaseOpened)
	o = apply(t, o, refundEvidence(credited, "R1", 8800), order.EventStatus)
	if p := o.Progress(); p.Status != order.StatusRefunded || !p.DoNotPayAgain || p.Review == nil {
		t.Errorf("with the case open the payer sees %+v", p)
	}
	o = o.CloseCase(order.CaseRefundFailed, after(time.Hour), order.Detail{Actor: "agent"}).Order
	if p := o.Progress(); p.DoNotPayAgain || p.Review != nil || p.Links.Repay == nil {
		t.Errorf("with the case closed the payer sees %+v", p)
	}
}
