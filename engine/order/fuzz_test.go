package order_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"anxin/engine/order"
)

// script reads a random sequence of operations out of bytes; past the end it reads 0.
type script struct {
	bytes []byte
	at    int
}

func (s *script) more() bool { return s.at < len(s.bytes) }

func (s *script) next() int {
	if !s.more() {
		return 0
	}
	s.at++
	return int(s.bytes[s.at-1])
}

func pick[T any](s *script, from ...T) T { return from[s.next()%len(from)] }

// operation is one call on an order. states holds the evidence in it, nil for calls
// that must never move the payment.
type operation struct {
	name   string
	run    func(order.Order) order.Change
	states *order.Evidence
}

var (
	anyClaim  = []order.Claimed{order.ClaimsPending, order.ClaimsProcessing, order.ClaimsSucceeded, order.ClaimsFailed, order.ClaimsClosed, order.ClaimsRefunding, order.ClaimsRefunded, order.ClaimsRefundFailed, "nonsense"}
	anySource = []order.Source{order.FromCallback, order.FromQuery, order.FromSettlement, order.FromBackend, "nobody"}
	anyWork   = []order.Work{order.WorkQuery, order.WorkProcess, order.WorkDeliver}
	anyAnswer = []order.QueryOutcome{order.QueryPaid, order.QueryUnpaid, order.QueryProcessing, order.QueryUnknown, order.QueryEnded, order.QueryUnreachable, order.QueryRefused}
	anyCase   = []order.CaseKind{order.CaseConflict, order.CaseAmountMismatch, order.CaseMerchantMismatch, order.CaseLateSuccess, order.CaseRefundFailed, order.CaseQueryExhausted, order.CaseQueryRefused, order.CaseDeliveryFailed}
	anyUpdate = []order.UpdateType{order.PushConfirming, order.PushRetrying, order.PushSucceeded, order.PushFailed, order.PushClosed, order.PushRefunding, order.PushRefunded}
)

// time returns an instant up to two minutes before or after now, or unset.
func (s *script) time(now order.Time) order.Time {
	return pick(s, 0, now, now.Add(time.Duration(s.next()-128)*time.Second))
}

func (s *script) refund(now order.Time) *order.RefundEvidence {
	if s.next()%4 == 0 {
		return nil
	}
	minor := pick[int64](s, 1, 100, 4400, 8800, 8801, 0, -1, math.MaxInt64, math.MinInt64, 2200)
	amount := &order.Money{Minor: minor, Currency: pick(s, "CNY", "CNY", "CNY", "USD")}
	return &order.RefundEvidence{
		ID: pick(s, "", "R1", "R2", "R3"), Amount: pick(s, amount, amount, nil), AcceptedAt: s.time(now), CreditedAt: s.time(now),
	}
}

func (s *script) evidence(now order.Time) order.Evidence {
	right := price
	return order.Evidence{
		Source: pick(s, anySource...), Claims: pick(s, anyClaim...),
		Amount:   pick(s, &right, &right, &right, nil, &order.Money{Minor: 1, Currency: "CNY"}, &order.Money{Minor: 8800, Currency: "JPY"}),
		Merchant: pick(s, merchant, merchant, merchant, "", "mch-2"), ChannelTxn: pick(s, "txn-1", "txn-1", "", "txn-2"),
		Reason: pick(s, "", "declined"), Refund: s.refund(now), OccurredAt: s.time(now),
		RefundedSum: pick(s, nil, nil, &order.Money{Minor: pick[int64](s, 100, 4400, 8800, 8801, 0, math.MinInt64), Currency: "CNY"}, &order.Money{Minor: 100, Currency: "USD"}),
	}
}

func (s *script) operation(o order.Order, now order.Time) operation {
	switch s.next() % 14 {
	case 0:
		return operation{"claim", func(o order.Order) order.Change { return o.Claim(now, wait) }, nil}
	case 1:
		work := pick(s, anyWork...)
		return operation{"start", func(o order.Order) order.Change { return o.StartAttempt(work, now) }, nil}
	case 2:
		work, at := pick(s, anyWork...), s.time(now)
		return operation{"schedule", func(o order.Order) order.Change { return o.ScheduleAttempt(work, at, now) }, nil}
	case 3:
		answer, next := order.Answer{Outcome: pick(s, anyAnswer...)}, s.time(now)
		if s.next()%2 == 0 {
			ev := s.evidence(now)
			answer.Evidence = &ev
		}
		return operation{"answered", func(o order.Order) order.Change { return o.Answered(answer, next, now) }, answer.Evidence}
	case 4:
		seq := o.Seq - int64(s.next()%6)
		return operation{"delivered", func(o order.Order) order.Change { return o.Delivered(seq, now) }, nil}
	case 5:
		next := s.time(now)
		return operation{"delivery failed", func(o order.Order) order.Change { return o.DeliveryFailed("timeout", next, now) }, nil}
	case 6:
		return operation{"stage", func(o order.Order) order.Change { return o.EnterStage(now, order.DefaultStageLimits) }, nil}
	case 7:
		return s.push(o, now)
	case 8:
		kind := pick(s, anyCase...)
		return operation{"open case", func(o order.Order) order.Change { return o.OpenCase(kind, now, order.Detail{}) }, nil}
	case 9:
		kind := pick(s, anyCase...)
		return operation{"close case", func(o order.Order) order.Change { return o.CloseCase(kind, now, order.Detail{}) }, nil}
	case 11:
		kind, r := pick(s, anyCase...), pick(s, order.ResolveDismiss, order.ResolveAccept, order.ResolveRefund, order.ResolveRetry)
		return operation{"resolve", func(o order.Order) order.Change {
			c, _ := o.Resolve(kind, r, "wang", now)
			return c
		}, nil}
	case 10:
		return operation{"reject callback", func(o order.Order) order.Change { return o.RejectCallback("bad_signature", now) }, nil}
	}
	ev := s.evidence(now)
	return operation{"apply", func(o order.Order) order.Change { return o.Apply(ev, now) }, &ev}
}

// push is only ever called for pushed orders: the engine refuses it for the others.
func (s *script) push(o order.Order, now order.Time) operation {
	u := order.Update{
		Type: pick(s, anyUpdate...), Attempt: s.next() % 8, NextAttemptAt: s.time(now), Reason: "declined",
		Refund: s.refund(now), OccurredAt: s.time(now),
	}
	ev := &order.Evidence{Source: order.FromBackend, Claims: order.Claimed(u.Type), Refund: u.Refund}
	if o.Mode != order.Pushed || u.Type == order.PushConfirming || u.Type == order.PushRetrying {
		ev = nil
	}
	return operation{"push " + string(u.Type), func(o order.Order) order.Change { return o.Push(u, wait, now) }, ev}
}

// FuzzEvidence runs random histories of an order and holds after each step what must
// be true of every payment.
func FuzzEvidence(f *testing.F) {
	f.Add([]byte{0, 0, 0, 20, 11, 0, 2, 0, 0, 0})
	f.Add([]byte{1, 7, 1, 1, 3, 7, 1, 2, 9, 7, 1, 5, 2, 1, 3})
	f.Add([]byte{2, 11, 1, 5, 0, 0, 0, 0, 1, 2, 0, 1, 0, 0, 0, 13, 1, 7, 0, 0, 0, 0, 1, 2, 0, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) { history(t, data[:min(len(data), 1024)]) })
}

// TestRandomHistoriesHoldTheInvariants is the fuzz test for those who do not fuzz: the
// same histories on every run.
func TestRandomHistoriesHoldTheInvariants(t *testing.T) {
	t.Parallel()
	random := rand.NewChaCha8([32]byte{2})
	reached := map[order.Payment]int{}
	for range 300 {
		data := make([]byte, 400)
		if _, err := random.Read(data); err != nil {
			t.Fatalf("random bytes: %v", err)
		}
		reached[history(t, data).Payment]++
	}
	for _, p := range constants[order.Payment](t, "Payment") {
		if p != order.Pending && reached[p] == 0 {
			t.Errorf("no history ended %s: %v", p, reached)
		}
	}
}

// history runs the operations that data spells and returns the order at the end.
func history(t *testing.T, data []byte) order.Order {
	t.Helper()
	s := &script{bytes: data}
	o, now := register(t, pick(s,
		func(*order.Registration) {}, pushed, noDeliver,
		func(r *order.Registration) { pushed(r); r.Deliver = true },
		latePolicy(order.LateAsk), latePolicy(order.LateRefund),
	)), t0
	for s.more() {
		now = now.Add(time.Duration(s.next()-60) * time.Second) // mostly forward, as clocks of several nodes go
		o = step(t, o, s.operation(o, now))
	}
	return o
}

func step(t *testing.T, before order.Order, op operation) order.Order {
	t.Helper()
	snapshot := deepCopy(before)
	c := op.run(before)
	if !reflect.DeepEqual(before, snapshot) {
		t.Fatalf("%s changed its receiver:\n before %+v\n after  %+v", op.name, snapshot, before)
	}
	checkChange(t, before, c)
	checkMove(t, before, c.Order, op)
	checkView(t, before, c.Order, op)
	if op.name == "apply" && op.run(c.Order).Changed() {
		t.Fatalf("evidence applied twice told %v the second time: %+v\n order %+v", eventTypes(op.run(c.Order)), op.states, c.Order)
	}
	return c.Order
}

// checkMove holds that the payment moved by the table and by usable evidence only.
func checkMove(t *testing.T, before, now order.Order, op operation) {
	t.Helper()
	if before.Payment == now.Payment {
		return
	}
	ev := op.states
	if ev == nil {
		t.Fatalf("%s moved the payment from %s to %s without evidence", op.name, before.Payment, now.Payment)
	}
	partial := now.Payment == order.Succeeded // a refund of less, or a failed one, leaves it paid
	reached := table[before.Payment][ev.Claims].payment == now.Payment
	refund := ev.Claims == order.ClaimsRefunding || ev.Claims == order.ClaimsRefunded || ev.Claims == order.ClaimsRefundFailed
	completes := refund && (now.Payment == order.Refunding || now.Payment == order.Refunded)
	if !reached && (!refund || (!partial && !completes)) {
		t.Fatalf("%s told %s became %s", before.Payment, ev.Claims, now.Payment)
	}
	backend := ev.Source == order.FromBackend
	becamePaid := before.Payment == order.Pending || before.Payment == order.Failed || before.Payment == order.Closed
	becamePaid = becamePaid && now.Payment != order.Failed && now.Payment != order.Closed
	switch {
	case ev.Amount != nil && *ev.Amount != before.Amount:
		t.Fatalf("evidence of %v moved an order of %v", *ev.Amount, before.Amount)
	case ev.Amount == nil && becamePaid && !backend:
		t.Fatalf("paid by %s that names no amount", ev.Source)
	case backend && before.Mode != order.Pushed:
		t.Fatal("the backend moved a managed order")
	case before.Merchant != "" && ev.Merchant != before.Merchant && (ev.Merchant != "" || ev.Source != order.FromSettlement):
		t.Fatalf("evidence of account %q moved an order of %q", ev.Merchant, before.Merchant)
	}
}

// checkView holds that the payer is never shown a step back but the two that are true:
// a late success, and a refund that failed.
func checkView(t *testing.T, before, now order.Order, op operation) {
	t.Helper()
	from, to := before.Status(), now.Status()
	allowed := map[order.Status][]order.Status{
		order.StatusAwaiting:   {order.StatusConfirming, order.StatusSucceeded, order.StatusFailed, order.StatusClosed, order.StatusRefunding, order.StatusRefunded},
		order.StatusConfirming: {order.StatusSucceeded, order.StatusFailed, order.StatusClosed, order.StatusRefunding, order.StatusRefunded},
		order.StatusSucceeded:  {order.StatusRefunding, order.StatusRefunded},
		order.StatusFailed:     {order.StatusConfirming, order.StatusSucceeded},
		order.StatusClosed:     {order.StatusConfirming, order.StatusSucceeded},
		order.StatusRefunding:  {order.StatusRefunded, order.StatusConfirming, order.StatusSucceeded},
	}
	ok := from == to
	for _, s := range allowed[from] {
		ok = ok || s == to
	}
	switch {
	case !ok:
		t.Fatalf("%s showed the payer %s after %s", op.name, to, from)
	case from == order.StatusConfirming && before.Payment == order.Succeeded && (to == order.StatusFailed || to == order.StatusClosed):
		t.Fatalf("a payment that was received became %s", to)
	case before.ClaimedAt != 0 && now.ClaimedAt != before.ClaimedAt:
		t.Fatal("the claim moved")
	case from == order.StatusConfirming && to == from && before.Stage == order.Prolonged && now.Stage != order.Prolonged:
		t.Fatalf("stage %s after prolonged", now.Stage)
	case before.Status().Final() && now.Status().Final() && before.Payment == now.Payment && before.ResolvedAt != now.ResolvedAt:
		t.Fatal("the moment of the result moved")
	}
}
