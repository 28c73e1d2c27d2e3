package storetest

import (
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

// promising commits a change of an order that shows an attempt for at, so long after
// start, and ends the one before as outcome.
func promising(t *testing.T, s engine.Store, o order.Order, shown, at time.Duration, outcome engine.PromiseOutcome) order.Order {
	t.Helper()
	c := o.Delivered(0, start.Add(shown))
	w := following(o, c)
	if outcome != engine.PromiseOpen {
		w.Ended = []engine.PromiseEnd{{Kind: engine.PromiseAttempt, Outcome: outcome, HappenedAt: start.Add(shown)}}
	}
	if at != 0 {
		w.Promises = []engine.Promise{attemptPromise(c.Order, shown, at)}
	}
	commit(t, s, w)
	return c.Order
}

func attemptPromise(o order.Order, shown, at time.Duration) engine.Promise {
	return engine.Promise{
		OrderNo: o.OrderNo, Kind: engine.PromiseAttempt, Seq: o.Seq, Backend: o.Backend, Channel: o.Channel,
		PromisedAt: start.Add(at), ShownAt: start.Add(shown),
	}
}

func testPromises(t *testing.T, s engine.Store) {
	t.Helper()
	o := created(t, s, "A1")
	created(t, s, "A2")
	first := promising(t, s, o, time.Second, 3*time.Second, engine.PromiseOpen)
	second := promising(t, s, first, 2*time.Second, 9*time.Second, engine.PromiseReplaced)
	promising(t, s, second, 9*time.Second, 0, engine.PromiseKept)
	want := []engine.Promise{attemptPromise(first, time.Second, 3*time.Second), attemptPromise(second, 2*time.Second, 9*time.Second)}
	want[0].Outcome, want[0].HappenedAt = engine.PromiseReplaced, start.Add(2*time.Second)
	want[1].Outcome, want[1].HappenedAt = engine.PromiseKept, start.Add(9*time.Second)
	got, err := s.Promises(t.Context(), "A1")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "ledger", got, want)
	if other, err := s.Promises(t.Context(), "A2"); err != nil || len(other) != 0 {
		t.Errorf("another order has %v, %v", other, err)
	}
	if err := s.Commit(t.Context(), engine.Commit{Promises: want}); err == nil {
		t.Error("a promise of no order was taken")
	}
}

func testPromiseSummary(t *testing.T, s engine.Store) {
	t.Helper()
	for i := range 100 { // promised for 1 min after it was shown, missed by i ms
		o := created(t, s, numbered(i))
		o = promising(t, s, o, 0, time.Minute, engine.PromiseOpen)
		promising(t, s, o, time.Minute+time.Duration(i)*time.Millisecond, 0, engine.PromiseKept)
	}
	o := created(t, s, "late")
	o = promising(t, s, o, time.Hour, 2*time.Hour, engine.PromiseOpen)
	o = promising(t, s, o, 3*time.Hour, 4*time.Hour, engine.PromiseBroken)
	promising(t, s, o, 3*time.Hour+1, 0, engine.PromiseVoid)
	o = created(t, s, "open")
	promising(t, s, o, time.Hour, 2*time.Hour, engine.PromiseOpen)

	score := func(f engine.PromiseFilter) engine.PromiseScore {
		t.Helper()
		scores, err := s.PromiseSummary(t.Context(), f)
		if err != nil || len(scores) != 1 {
			t.Fatalf("%+v: %+v, %v", f, scores, err)
		}
		return scores[0]
	}
	all := score(engine.PromiseFilter{Backend: "shop", Channel: "sandbox"})
	equal(t, "outcomes", all.Outcomes, map[engine.PromiseOutcome]int64{
		engine.PromiseKept: 100, engine.PromiseBroken: 1, engine.PromiseVoid: 1, engine.PromiseOpen: 1,
	})
	equal(t, "shown and tested", [2]int64{all.Shown(), all.Tested()}, [2]int64{103, 101})
	early := score(engine.PromiseFilter{Until: start.Add(time.Minute)})
	equal(t, "p50", early.P50, 49*time.Millisecond)
	equal(t, "p99", early.P99, 98*time.Millisecond)
	late := score(engine.PromiseFilter{Since: start.Add(time.Minute)})
	equal(t, "p99 of the late one", late.P99, time.Hour)
	for _, f := range []engine.PromiseFilter{{Backend: "other"}, {Channel: "other"}, {Since: start.Add(24 * time.Hour)}} {
		if scores, err := s.PromiseSummary(t.Context(), f); err != nil || len(scores) != 0 {
			t.Errorf("%+v: %+v, %v", f, scores, err)
		}
	}
}

func testPromiseSweep(t *testing.T, s engine.Store) {
	t.Helper()
	for i := range 5 {
		promising(t, s, created(t, s, numbered(i)), time.Duration(i)*time.Hour, 10*time.Hour, engine.PromiseOpen)
	}
	for _, want := range []int64{2, 1, 0} {
		n, err := s.SweepPromises(t.Context(), start.Add(3*time.Hour), 2)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "swept", n, want)
	}
	for i, want := range []int{0, 0, 0, 1, 1} {
		list, err := s.Promises(t.Context(), numbered(i))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, numbered(i), len(list), want)
	}
}
