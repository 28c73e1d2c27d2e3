package storetest

import (
	"errors"
	"fmt"
	"testing"

	"anxin/engine"
	"anxin/engine/order"
)

func testCommitEach(t *testing.T, s engine.Store) {
	t.Helper()
	first, second := created(t, s, "A1"), created(t, s, "A2")
	claimed := func(o order.Order) engine.Commit { return following(o, o.Claim(start, order.Wait{})) }
	commit(t, s, engine.Commit{Callbacks: []engine.Callback{callback("A1", "n1", engine.CallbackPending)}})
	gap := claimed(second)
	gap.Events = nil
	outcomes := s.CommitEach(t.Context(), []engine.Commit{
		claimed(first),
		claimed(first), // the one before it was first
		{Callbacks: []engine.Callback{callback("A1", "n1", engine.CallbackPending)}},
		gap,
		{Callbacks: []engine.Callback{callback("A1", "n2", engine.CallbackPending)}},
		claimed(second),
	})
	if len(outcomes) != 6 {
		t.Fatalf("%d outcomes", len(outcomes))
	}
	if outcomes[3] == nil {
		t.Error("a commit with a gap was accepted")
	}
	outcomes[3] = nil
	for i, want := range []error{nil, engine.ErrConflict, engine.ErrDuplicate, nil, nil, nil} {
		if !errors.Is(outcomes[i], want) {
			t.Errorf("commit %d: got %v, want %v", i, outcomes[i], want)
		}
	}
	equal(t, "first", read(t, s, "A1"), first.Claim(start, order.Wait{}).Order)
	equal(t, "second", read(t, s, "A2"), second.Claim(start, order.Wait{}).Order)
	equal(t, "stored", len(callbacks(t, s, "A1", engine.CallbackPending)), 2)
}

func testOrdersByNo(t *testing.T, s engine.Store) {
	t.Helper()
	want := make(map[string]order.Order)
	names := []string{"nobody"}
	for i := range 20 { // more than the smallest statement asks for
		o := created(t, s, fmt.Sprintf("A%d", i))
		want[o.OrderNo], names = o, append(names, o.OrderNo)
	}
	got, err := s.OrdersByNo(t.Context(), names)
	if err != nil {
		t.Fatalf("read orders: %v", err)
	}
	equal(t, "orders", got, want)
	none, err := s.OrdersByNo(t.Context(), []string{"nobody"})
	if err != nil || len(none) != 0 {
		t.Errorf("of none: %v, %v", none, err)
	}
}

func testViews(t *testing.T, s engine.Store) {
	t.Helper()
	want := make(map[string]order.Order)
	names := []string{"nobody"}
	for i := range 300 { // more than the largest statement asks for
		o := created(t, s, fmt.Sprintf("A%d", i))
		o.Payer.Phone, o.Payer.Email, o.Payer.Push = "", "", nil
		want[o.OrderNo], names = o, append(names, o.OrderNo)
	}
	got := make(map[string]order.Order)
	if err := s.Views(ended(t), names, func(o *order.Order) error { got[o.OrderNo] = *o; return nil }); err != nil {
		t.Fatalf("read views: %v", err)
	}
	equal(t, "orders", got, want)
	enough, seen := errors.New("enough"), 0
	if err := s.Views(t.Context(), names, func(*order.Order) error { seen++; return enough }); !errors.Is(err, enough) || seen != 1 {
		t.Errorf("after %d views: %v", seen, err)
	}
}
