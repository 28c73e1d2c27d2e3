package storetest

import (
	"errors"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

// paying is a change of an order that takes, or gives back, the money for a purchase.
func paying(o order.Order, key string, paid bool) engine.Commit {
	w := following(o, o.Delivered(0, o.UpdatedAt))
	w.Purchase = &engine.Purchase{Key: key, Paid: paid, At: o.CreatedAt, Since: o.CreatedAt.Add(-time.Hour), Until: o.CreatedAt.Add(time.Hour)}
	return w
}

func testPurchase(t *testing.T, s engine.Store) {
	t.Helper()
	at := map[string]time.Duration{"A1": 0, "A2": time.Hour, "A3": time.Hour + time.Millisecond, "B1": 0}
	for no, d := range at {
		commit(t, s, registration(register(t, no, start.Add(d))))
	}
	pays := func(orderNo, key string) engine.Commit { return paying(read(t, s, orderNo), key, true) }
	refusedFor := func(c engine.Commit, twin string) {
		t.Helper()
		var paid *engine.PaidTwiceError
		if err := s.Commit(t.Context(), c); !errors.As(err, &paid) || paid.OrderNo != twin {
			t.Fatalf("got %v, want a refusal for %s", err, twin)
		}
	}
	commit(t, s, pays("A1", "tea"))
	commit(t, s, pays("A1", "tea")) // the order is no twin of itself
	before := read(t, s, "A2")
	refusedFor(pays("A2", "tea"), "A1")
	equal(t, "refused order", read(t, s, "A2"), before)
	commit(t, s, pays("B1", "coffee"))
	commit(t, s, pays("A3", "tea")) // an hour and a bit later
	refusedFor(pays("A2", "tea"), "A1")

	known := pays("A2", "tea")
	known.Purchase.Known = "A1"
	commit(t, s, known)
	for _, no := range []string{"A1", "A2"} {
		commit(t, s, paying(read(t, s, no), "tea", false))
	}
	refusedFor(pays("A2", "tea"), "A3")
	commit(t, s, pays("A1", "tea"))
}

func testOrdersOfPayer(t *testing.T, s engine.Store) {
	t.Helper()
	for i := range 4 {
		commit(t, s, registration(register(t, numbered(i), start.Add(time.Duration(i)*time.Minute))))
	}
	other := register(t, "other", start)
	other.Order.Payer.ID = "payer-2"
	commit(t, s, registration(other))
	list := func(backend, payer string, since order.Time, limit int) (numbers []string) {
		t.Helper()
		orders, err := s.OrdersOfPayer(t.Context(), backend, payer, since, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range orders {
			numbers = append(numbers, o.OrderNo)
		}
		return numbers
	}
	equal(t, "since", list("shop", "payer-1", start.Add(time.Minute), 10), []string{numbered(3), numbered(2), numbered(1)})
	equal(t, "limit", list("shop", "payer-1", 0, 2), []string{numbered(3), numbered(2)})
	equal(t, "another payer", list("shop", "payer-2", 0, 10), []string{"other"})
	equal(t, "another backend", list("elsewhere", "payer-1", 0, 10), nil)
}
