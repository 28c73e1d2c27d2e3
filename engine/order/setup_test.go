package order_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"anxin/engine/order"
)

// t0 is when the orders of these tests are registered: 2026-11-23T01:00:00.000Z.
const t0 = order.Time(1_795_395_600_000)

const merchant = "mch-1"

var (
	wait    = order.Wait{Typical: time.Minute, Late: 5 * time.Minute, Basis: order.BasisDefault}
	price   = order.Money{Minor: 8800, Currency: "CNY"}
	secrets = []string{"+8613800138000", "payer@secret.example", "device-token-secret"}
)

func after(d time.Duration) order.Time { return t0.Add(d) }

func registration() order.Registration {
	return order.Registration{
		OrderNo: "A1001", Backend: "shop", Channel: "sandbox", Merchant: merchant, Mode: order.Managed,
		Amount: price, Subject: "Tea, 2 boxes", Deliver: true,
		Payer: order.Payer{ID: "payer-7", Locale: "zh-CN", Phone: secrets[0], Email: secrets[1], Push: []string{secrets[2]}},
		Links: order.Links{Detail: "https://shop.example/d", Repay: "https://shop.example/r", Support: "https://shop.example/s"},
	}
}

// register returns a new order; edits change what is registered.
func register(tb testing.TB, edits ...func(*order.Registration)) order.Order {
	tb.Helper()
	r := registration()
	for _, edit := range edits {
		edit(&r)
	}
	c, err := order.Register(r, t0)
	if err != nil {
		tb.Fatalf("register: %v", err)
	}
	if c.Order.Seq != 1 || len(c.Events) != 1 || c.Events[0].Type != order.EventRegistered {
		tb.Fatalf("registration is not seq 1 with one event: %+v", c)
	}
	return c.Order
}

func pushed(r *order.Registration)    { r.Mode, r.Merchant, r.Deliver = order.Pushed, "", false }
func noDeliver(r *order.Registration) { r.Deliver = false }

func claimed(tb testing.TB, edits ...func(*order.Registration)) order.Order {
	tb.Helper()
	return do(tb, register(tb, edits...), func(o order.Order) order.Change { return o.Claim(after(time.Second), wait) }, order.EventClaimed)
}

// evidence states a claim about the whole payment of registration().
func evidence(source order.Source, claims order.Claimed) order.Evidence {
	amount := price
	return order.Evidence{Source: source, Claims: claims, Amount: &amount, Merchant: merchant, ChannelTxn: "txn-1"}
}

// refundEvidence states a claim about one refund of minor CNY.
func refundEvidence(claims order.Claimed, id string, minor int64) order.Evidence {
	ev := evidence(order.FromQuery, claims)
	ev.Refund = &order.RefundEvidence{ID: id, Amount: &order.Money{Minor: minor, Currency: "CNY"}}
	return ev
}

// do runs one method, checks what holds for every change, and that it told exactly
// these events.
func do(tb testing.TB, o order.Order, f func(order.Order) order.Change, events ...order.EventType) order.Order {
	tb.Helper()
	snapshot := deepCopy(o)
	c := f(o)
	if !reflect.DeepEqual(o, snapshot) {
		tb.Fatalf("the receiver was changed:\n before %+v\n after  %+v", snapshot, o)
	}
	checkChange(tb, o, c)
	if got := eventTypes(c); !slices.Equal(got, events) {
		tb.Fatalf("events %v, want %v", got, events)
	}
	return c.Order
}

// apply is do with evidence, a minute after registration.
func apply(tb testing.TB, o order.Order, ev order.Evidence, events ...order.EventType) order.Order {
	tb.Helper()
	return do(tb, o, func(o order.Order) order.Change { return o.Apply(ev, after(time.Minute)) }, events...)
}

func deepCopy(o order.Order) order.Order {
	o.Refunds, o.Cases, o.Payer.Push = slices.Clone(o.Refunds), slices.Clone(o.Cases), slices.Clone(o.Payer.Push)
	return o
}

func eventTypes(c order.Change) []order.EventType {
	var types []order.EventType
	for _, e := range c.Events {
		types = append(types, e.Type)
	}
	return types
}

func openKinds(o order.Order) []order.CaseKind {
	var kinds []order.CaseKind
	for _, k := range o.OpenCases() {
		kinds = append(kinds, k.Kind)
	}
	return kinds
}

// checkChange holds what is true of every change of every order.
func checkChange(tb testing.TB, before order.Order, c order.Change) {
	tb.Helper()
	o := c.Order
	if !c.Changed() {
		if !reflect.DeepEqual(o, before) {
			tb.Fatalf("no event, yet the order changed:\n before %+v\n after  %+v", before, o)
		}
		return
	}
	for i, e := range c.Events {
		if e.Seq != before.Seq+int64(i)+1 || e.OrderNo != o.OrderNo {
			tb.Fatalf("event %d is %s/%d after seq %d", i, e.OrderNo, e.Seq, before.Seq)
		}
	}
	last := c.Events[len(c.Events)-1]
	if last.Seq != o.Seq || last.Status != o.Status() || last.Stage != o.Stage || last.At != o.UpdatedAt ||
		last.Attempt != o.Attempt || last.NextAttemptAt != o.NextAttemptAt || last.Detail.Payment != o.Payment {
		tb.Fatalf("the last event does not tell the order:\n event %+v\n order %+v", last, o)
	}
	if o.UpdatedAt < before.UpdatedAt || o.Attempt < before.Attempt || len(o.Cases) < len(before.Cases) || len(o.Refunds) < len(before.Refunds) {
		tb.Fatalf("the order went back:\n before %+v\n after  %+v", before, o)
	}
	checkOrder(tb, o)
}

// checkOrder holds what is true of every order at any time.
func checkOrder(tb testing.TB, o order.Order) {
	tb.Helper()
	final := o.Status().Final()
	switch {
	case final && (o.Attempting || o.NextAttemptAt != 0):
		tb.Fatalf("%s, yet attempts go on", o.Status())
	case final != (o.Stage == order.Resolved), final != (o.ResolvedAt != 0):
		tb.Fatalf("status %s with stage %s, resolved at %d", o.Status(), o.Stage, o.ResolvedAt)
	case o.Attempting && o.NextAttemptAt != 0:
		tb.Fatal("attempting and promised at once")
	case o.SettledSeq > o.Seq, (o.SettledSeq == 0) != (o.Payment == order.Pending):
		tb.Fatalf("%s settled at seq %d of %d", o.Payment, o.SettledSeq, o.Seq)
	case o.Fulfilment == order.FulfilmentDone && o.Payment == order.Pending:
		tb.Fatal("fulfilled without a result")
	}
	checkRefunds(tb, o)
	checkProgress(tb, o)
	kinds := openKinds(o)
	slices.Sort(kinds)
	if len(slices.Compact(slices.Clone(kinds))) != len(kinds) {
		tb.Fatalf("several open cases of one kind: %v", kinds)
	}
}

func checkRefunds(tb testing.TB, o order.Order) {
	tb.Helper()
	var accepted, credited int64
	for _, r := range o.Refunds {
		if r.FailedAt != 0 && r.CreditedAt == 0 {
			continue
		}
		if r.FailedAt != 0 || r.Minor < 1 {
			tb.Fatalf("refund %+v is both credited and failed, or of nothing", r)
		}
		accepted += r.Minor
		if r.CreditedAt != 0 {
			credited += r.Minor
		}
	}
	if accepted > o.Amount.Minor {
		tb.Fatalf("refunds of %d exceed the %d paid", accepted, o.Amount.Minor)
	}
	paid := o.Payment == order.Succeeded || o.Payment == order.Refunding || o.Payment == order.Refunded
	switch {
	case !paid && len(o.Refunds) != 0:
		tb.Fatalf("refunds of a payment that is %s", o.Payment)
	case (o.Payment == order.Refunded) != (credited == o.Amount.Minor):
		tb.Fatalf("%s with %d of %d credited", o.Payment, credited, o.Amount.Minor)
	case (o.Payment == order.Refunding) != (accepted == o.Amount.Minor && credited < accepted):
		tb.Fatalf("%s with %d accepted and %d credited of %d", o.Payment, accepted, credited, o.Amount.Minor)
	}
}

func checkProgress(tb testing.TB, o order.Order) {
	tb.Helper()
	p := o.Progress()
	raw, err := json.Marshal(p)
	if err != nil {
		tb.Fatalf("marshal progress: %v", err)
	}
	for _, secret := range secrets {
		if strings.Contains(string(raw), secret) {
			tb.Fatalf("progress tells the payer's contact: %s", raw)
		}
	}
	paid := o.Payment == order.Succeeded || o.Payment == order.Refunding
	unknown := o.Payment == order.Pending && o.ClaimedAt != 0
	switch {
	case (paid || unknown) && !p.DoNotPayAgain:
		tb.Fatalf("a second payment could charge twice: %s", raw)
	case p.DoNotPayAgain && p.Links.Repay != nil:
		tb.Fatalf("repay link beside do_not_pay_again: %s", raw)
	case p.Status.Final() != (p.Result != nil):
		tb.Fatalf("result and status contradict: %s", raw)
	case p.Status != order.StatusConfirming && p.Expected != nil:
		tb.Fatalf("nothing is expected any more: %s", raw)
	}
}
