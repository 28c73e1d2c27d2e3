package order_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"anxin/engine/order"
)

// outcome is what a cell of the move table must lead to.
type outcome struct {
	payment order.Payment
	events  []order.EventType
	open    []order.CaseKind
}

func stays(p order.Payment) outcome { return outcome{payment: p} }

func moved(p order.Payment, events ...order.EventType) outcome {
	return outcome{payment: p, events: append([]order.EventType{order.EventStatus}, events...)}
}

func (o outcome) with(kind order.CaseKind) outcome {
	o.events = append(slices.Clone(o.events), order.EventCaseOpened)
	o.open = append(slices.Clone(o.open), kind)
	return o
}

// table is the whole specification of what evidence does, written down once more.
var table = map[order.Payment]map[order.Claimed]outcome{
	order.Pending: {
		order.ClaimsPending:      stays(order.Pending),
		order.ClaimsProcessing:   stays(order.Pending),
		order.ClaimsSucceeded:    moved(order.Succeeded),
		order.ClaimsFailed:       moved(order.Failed),
		order.ClaimsClosed:       moved(order.Closed),
		order.ClaimsRefunding:    moved(order.Refunding, order.EventStatus), // paid, then refunded
		order.ClaimsRefunded:     moved(order.Refunded, order.EventStatus),
		order.ClaimsRefundFailed: moved(order.Succeeded, order.EventStatus).with(order.CaseRefundFailed),
	},
	order.Succeeded: {
		order.ClaimsPending:      stays(order.Succeeded),
		order.ClaimsProcessing:   stays(order.Succeeded),
		order.ClaimsSucceeded:    stays(order.Succeeded),
		order.ClaimsFailed:       stays(order.Succeeded).with(order.CaseConflict),
		order.ClaimsClosed:       stays(order.Succeeded).with(order.CaseConflict),
		order.ClaimsRefunding:    moved(order.Refunding),
		order.ClaimsRefunded:     moved(order.Refunded),
		order.ClaimsRefundFailed: moved(order.Succeeded).with(order.CaseRefundFailed),
	},
	order.Failed: {
		order.ClaimsPending:      stays(order.Failed),
		order.ClaimsProcessing:   stays(order.Failed),
		order.ClaimsSucceeded:    moved(order.Succeeded).with(order.CaseLateSuccess),
		order.ClaimsFailed:       stays(order.Failed),
		order.ClaimsClosed:       stays(order.Failed),
		order.ClaimsRefunding:    stays(order.Failed).with(order.CaseConflict),
		order.ClaimsRefunded:     stays(order.Failed).with(order.CaseConflict),
		order.ClaimsRefundFailed: stays(order.Failed).with(order.CaseConflict),
	},
	order.Closed: {
		order.ClaimsPending:      stays(order.Closed),
		order.ClaimsProcessing:   stays(order.Closed),
		order.ClaimsSucceeded:    moved(order.Succeeded).with(order.CaseLateSuccess),
		order.ClaimsFailed:       stays(order.Closed),
		order.ClaimsClosed:       stays(order.Closed),
		order.ClaimsRefunding:    stays(order.Closed).with(order.CaseConflict),
		order.ClaimsRefunded:     stays(order.Closed).with(order.CaseConflict),
		order.ClaimsRefundFailed: stays(order.Closed).with(order.CaseConflict),
	},
	order.Refunding: {
		order.ClaimsPending:      stays(order.Refunding),
		order.ClaimsProcessing:   stays(order.Refunding),
		order.ClaimsSucceeded:    stays(order.Refunding),
		order.ClaimsFailed:       stays(order.Refunding).with(order.CaseConflict),
		order.ClaimsClosed:       stays(order.Refunding).with(order.CaseConflict),
		order.ClaimsRefunding:    stays(order.Refunding),
		order.ClaimsRefunded:     moved(order.Refunded),
		order.ClaimsRefundFailed: moved(order.Succeeded).with(order.CaseRefundFailed),
	},
	order.Refunded: {
		order.ClaimsPending:      stays(order.Refunded),
		order.ClaimsProcessing:   stays(order.Refunded),
		order.ClaimsSucceeded:    stays(order.Refunded),
		order.ClaimsFailed:       stays(order.Refunded),
		order.ClaimsClosed:       stays(order.Refunded),
		order.ClaimsRefunding:    stays(order.Refunded),
		order.ClaimsRefunded:     stays(order.Refunded),
		order.ClaimsRefundFailed: stays(order.Refunded),
	},
}

// wholeRefund is evidence that also names the one refund of the whole amount.
func wholeRefund(source order.Source, claims order.Claimed) order.Evidence {
	ev := evidence(source, claims)
	amount := price
	ev.Refund = &order.RefundEvidence{ID: "R1", Amount: &amount}
	return ev
}

// inState brings a claimed order to a payment by evidence of a source.
func inState(tb testing.TB, o order.Order, source order.Source, to order.Payment) order.Order {
	tb.Helper()
	if to != order.Pending {
		o = o.Apply(wholeRefund(source, order.Claimed(to)), after(2*time.Second)).Order
	}
	if o.Payment != to {
		tb.Fatalf("the order is %s, want %s", o.Payment, to)
	}
	return o
}

func TestEveryCellOfTheMoveTableForEverySource(t *testing.T) {
	t.Parallel()
	claimeds, sources := constants[order.Claimed](t, "Claimed"), constants[order.Source](t, "Source")
	for _, p := range constants[order.Payment](t, "Payment") {
		for _, claims := range claimeds {
			want, ok := table[p][claims]
			if !ok {
				t.Errorf("no expectation for %s told %s", p, claims)
			}
			for _, source := range sources {
				for _, deliver := range []bool{true, false} {
					t.Run(fmt.Sprintf("%s told %s by %s, deliver %v", p, claims, source, deliver), func(t *testing.T) {
						t.Parallel()
						checkCell(t, p, claims, source, deliver, want)
					})
				}
			}
		}
	}
}

func checkCell(t *testing.T, p order.Payment, claims order.Claimed, source order.Source, deliver bool, want outcome) {
	t.Helper()
	edit, builder := func(r *order.Registration) { r.Deliver = deliver }, order.FromQuery
	if source == order.FromBackend {
		edit, builder = func(r *order.Registration) { pushed(r); r.Deliver = deliver }, order.FromBackend
	}
	o := inState(t, claimed(t, edit), builder, p)
	events := want.events
	if source == order.FromCallback {
		events = append([]order.EventType{order.EventCallback}, events...)
	}
	ev := wholeRefund(source, claims)
	got := apply(t, o, ev, events...)
	if got.Payment != want.payment {
		t.Errorf("payment %s, want %s", got.Payment, want.payment)
	}
	if open := openKinds(got); !slices.Equal(open, want.open) {
		t.Errorf("open cases %v, want %v", open, want.open)
	}
	if source != order.FromCallback && len(events) == 0 && got.Seq != o.Seq {
		t.Errorf("seq %d after nothing happened at %d", got.Seq, o.Seq)
	}
	again := apply(t, got, ev)
	if again.Seq != got.Seq {
		t.Errorf("repeated evidence raised seq from %d to %d", got.Seq, again.Seq)
	}
}

func TestAFirstCallbackIsToldEvenWhenItTellsNothingNew(t *testing.T) {
	t.Parallel()
	o := inState(t, claimed(t), order.FromQuery, order.Succeeded)
	o = apply(t, o, evidence(order.FromCallback, order.ClaimsSucceeded), order.EventCallback)
	if o.Facts.CallbackAt != after(time.Minute) {
		t.Errorf("callback noted at %v", o.Facts.CallbackAt)
	}
	apply(t, o, evidence(order.FromCallback, order.ClaimsSucceeded))
}

func TestSourcesThatMayNotSpeakAreNotHeard(t *testing.T) {
	t.Parallel()
	for name, ev := range map[string]order.Evidence{
		"backend of a managed order": evidence(order.FromBackend, order.ClaimsSucceeded),
		"unknown source":             evidence("gossip", order.ClaimsSucceeded),
		"no source":                  evidence("", order.ClaimsClosed),
		"unknown claim":              evidence(order.FromQuery, "paid_maybe"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			apply(t, claimed(t), ev)
		})
	}
}

func TestAnEventTellsThePaymentItsSourceAndTheFault(t *testing.T) {
	t.Parallel()
	o := claimed(t, noDeliver)
	c := o.Apply(evidence(order.FromQuery, order.ClaimsSucceeded), after(time.Minute))
	if d := c.Events[0].Detail; d.Payment != order.Succeeded || d.Source != order.FromQuery || d.Diagnosis != order.DiagnosisResolved {
		t.Errorf("detail %+v", d)
	}
	if c.Order.Fault != order.DiagnosisCallbackMissing {
		t.Errorf("fault %q, want callback_missing: the query knew first", c.Order.Fault)
	}
	if c.Order.SettledSeq != c.Events[0].Seq || c.Order.SettledAt != after(time.Minute) || c.Order.ChannelTxn != "txn-1" {
		t.Errorf("settled %+v", c.Order)
	}
}

func TestThePaymentOfARefundIsToldBeforeTheRefund(t *testing.T) {
	t.Parallel()
	for _, claims := range []order.Claimed{order.ClaimsRefunding, order.ClaimsRefunded, order.ClaimsRefundFailed} {
		c := claimed(t).Apply(wholeRefund(order.FromQuery, claims), after(time.Minute))
		if d := c.Events[0].Detail; d.Payment != order.Succeeded || d.RefundID != "" || d.Code != "" {
			t.Errorf("%s: first event %+v, want the plain success", claims, d)
		}
		if d := c.Events[1].Detail; d.RefundID != "R1" || (d.Code == "refund_failed") != (claims == order.ClaimsRefundFailed) {
			t.Errorf("%s: second event %+v, want the refund", claims, d)
		}
		if c.Order.SettledSeq != c.Events[0].Seq {
			t.Errorf("%s: settled at seq %d, want that of the success, %d", claims, c.Order.SettledSeq, c.Events[0].Seq)
		}
	}
}

func TestClocksOfTwoNodesDoNotTurnTheTimelineBack(t *testing.T) {
	t.Parallel()
	o := do(t, claimed(t), func(o order.Order) order.Change {
		return o.Apply(evidence(order.FromQuery, order.ClaimsSucceeded), t0.Add(-time.Hour))
	}, order.EventStatus)
	if o.UpdatedAt != after(time.Second) {
		t.Errorf("updated at %v, want the time of the claim before it", o.UpdatedAt)
	}
}
