package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
)

// start is when the orders of the suite are registered: any instant serves.
const start = order.Time(1_795_000_000_000)

// register returns a new order with every kind of contact, and its first event.
func register(t *testing.T, orderNo string, at order.Time) order.Change {
	t.Helper()
	c, err := order.Register(order.Registration{
		OrderNo: orderNo, Backend: "shop", Channel: "sandbox", Merchant: "m-1", Mode: order.Managed,
		Amount: order.Money{Minor: 8800, Currency: "CNY"}, Subject: "两杯咖啡 \"large\" <&>",
		Payer: order.Payer{
			ID: "payer-1", Locale: "zh-CN", Phone: "+8613800000001", Email: "payer@example.com", Push: []string{"device-a", "device-b"},
		},
		Links:     order.Links{Detail: "https://shop.example/o/1", Repay: "https://shop.example/pay", Support: "https://shop.example/help"},
		ExpiresAt: at.Add(time.Hour), Deliver: true,
	}, at)
	if err != nil {
		t.Fatalf("register %s: %v", orderNo, err)
	}
	return c
}

// eventful returns an order through whose life every field was set, with its events.
func eventful(t *testing.T, orderNo string) order.Change {
	t.Helper()
	c := register(t, orderNo, start)
	amount := c.Order.Amount
	part := order.Money{Minor: 1000, Currency: amount.Currency}
	now := start
	next := func() order.Time { now = now.Add(time.Second); return now }
	c = c.Then(c.Order.Claim(next(), order.Wait{Typical: time.Minute, Late: time.Hour, Basis: order.BasisDefault}))
	c = c.Then(c.Order.RejectCallback("bad_signature", next()))
	c = c.Then(c.Order.StartAttempt(order.WorkQuery, next()))
	c = c.Then(c.Order.Answered(order.Answer{Outcome: order.QueryUnreachable, Code: "timeout"}, now.Add(time.Minute), next()))
	c = c.Then(c.Order.OpenCase(order.CaseQueryExhausted, next(), order.Detail{Actor: "tester"}))
	c = c.Then(c.Order.Apply(order.Evidence{
		Source: order.FromCallback, Claims: order.ClaimsSucceeded, Amount: &amount, Merchant: "m-1", ChannelTxn: "txn-1",
	}, next()))
	c = c.Then(c.Order.Delivered(c.Order.SettledSeq, next()))
	c = c.Then(c.Order.Apply(order.Evidence{
		Source: order.FromCallback, Claims: order.ClaimsRefunded, Amount: &amount, Merchant: "m-1",
		Refund: &order.RefundEvidence{ID: "refund-1", Amount: &part},
	}, next()))
	return c
}

func registration(c order.Change) engine.Commit {
	return engine.Commit{Order: &c.Order, Events: c.Events}
}

// following commits what was done to an order since before.
func following(before order.Order, c order.Change) engine.Commit {
	return engine.Commit{Order: &c.Order, Expect: before.Seq, Events: c.Events}
}

func commit(t *testing.T, s engine.Store, c engine.Commit) {
	t.Helper()
	if err := s.Commit(t.Context(), c); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

// refuse expects a commit to fail as want.
func refuse(t *testing.T, s engine.Store, c engine.Commit, want error) {
	t.Helper()
	if err := s.Commit(t.Context(), c); !errors.Is(err, want) {
		t.Fatalf("commit: got %v, want %v", err, want)
	}
}

func read(t *testing.T, s engine.Store, orderNo string) order.Order {
	t.Helper()
	o, err := s.Order(t.Context(), orderNo)
	if err != nil {
		t.Fatalf("read order %s: %v", orderNo, err)
	}
	return o
}

// created registers an order in the store.
func created(t *testing.T, s engine.Store, orderNo string) order.Order {
	t.Helper()
	c := register(t, orderNo, start)
	commit(t, s, registration(c))
	return c.Order
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func isNotFound(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, engine.ErrNotFound) {
		t.Fatalf("%s: got error %v, want %v", what, err, engine.ErrNotFound)
	}
}

// task returns a free task of an order, due so long after start.
func task(orderNo string, due time.Duration) engine.Task {
	key := engine.TaskKey{OrderNo: orderNo, Kind: engine.TaskQuery, Target: "sandbox"}
	return engine.Task{TaskKey: key, DueAt: start.Add(due)}
}

func put(tasks ...engine.Task) engine.Commit {
	var c engine.Commit
	for _, t := range tasks {
		c.Tasks = append(c.Tasks, engine.TaskWrite{Task: t})
	}
	return c
}

// claim leases, at an instant after start, what is due by then for a minute.
func claim(t *testing.T, s engine.Store, at time.Duration, token int64, limit int) []engine.Task {
	t.Helper()
	now := start.Add(at)
	tasks, err := s.ClaimTasks(t.Context(), engine.Claim{DueBy: now, Now: now, LeaseUntil: now.Add(time.Minute), Token: token, Limit: limit})
	if err != nil {
		t.Fatalf("claim: %v", err)
	}
	return tasks
}

func orderNos(tasks []engine.Task) []string {
	names := make([]string, len(tasks))
	for i, task := range tasks {
		names[i] = task.OrderNo
	}
	return names
}

func callback(orderNo, dedupeKey string, state engine.CallbackState) engine.Callback {
	amount := order.Money{Minor: 8800, Currency: "CNY"}
	return engine.Callback{
		CallbackKey: engine.CallbackKey{Channel: "sandbox", DedupeKey: dedupeKey}, OrderNo: orderNo, State: state,
		Notification: channel.Notification{
			OrderNo: orderNo, DedupeKey: dedupeKey,
			Evidence: order.Evidence{Source: order.FromCallback, Claims: order.ClaimsSucceeded, Amount: &amount, OccurredAt: start},
		},
		Raw: channel.Request{
			Header: http.Header{"Content-Type": {"application/json"}, "X-Twice": {"a", "b"}},
			Query:  "a=1&b=%20", Body: []byte(`{"paid":true}`), ReceivedAt: start.Std(),
		},
	}
}

func callbacks(t *testing.T, s engine.Store, orderNo string, state engine.CallbackState) []engine.Callback {
	t.Helper()
	list, err := s.Callbacks(t.Context(), orderNo, state, 100)
	if err != nil {
		t.Fatalf("read callbacks: %v", err)
	}
	return list
}

func events(t *testing.T, s engine.Store, orderNo string, after int64, limit int) []order.Event {
	t.Helper()
	list, err := s.Events(t.Context(), orderNo, after, limit)
	if err != nil {
		t.Fatalf("read events: %v", err)
	}
	return list
}

func numbered(n int) string { return fmt.Sprintf("N%04d", n) }

// ended returns a context that is over.
func ended(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
