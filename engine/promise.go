package engine

import (
	"context"
	"time"

	"anxin/engine/batch"
	"anxin/engine/order"
)

// PromiseKind names what a payer was promised.
type PromiseKind string

// The promises. The two expectations are kept by a result that comes in time; half and a
// tenth of them are late by their very meaning, when they are honest.
const (
	PromiseAttempt PromiseKind = "attempt" // the next attempt begins at this time
	PromiseTypical PromiseKind = "typical" // half of such payments have a result by then
	PromiseLate    PromiseKind = "late"    // nine in ten have
)

// PromiseOutcome is what became of a promise.
type PromiseOutcome string

// The outcomes.
const (
	PromiseOpen     PromiseOutcome = ""         // its time may yet come
	PromiseKept     PromiseOutcome = "kept"     // an attempt: begun within promiseTolerance; a result: in time
	PromiseBroken   PromiseOutcome = "late"     // later than that, or gone without a word when its time had passed
	PromiseEarly    PromiseOutcome = "early"    // begun before its time
	PromiseReplaced PromiseOutcome = "replaced" // another time was told before this one passed
	PromiseVoid     PromiseOutcome = "void"     // a result, or the end of trying, came first
)

// promiseTolerance is how much later than promised an attempt may begin: what a payer
// who watches a countdown does not notice.
const promiseTolerance = time.Second

// promiseLife is how long the ledger is kept.
const promiseLife = 90 * 24 * time.Hour

// Promise is one time that payers were shown, named by its order, kind and seq.
type Promise struct {
	OrderNo    string
	Kind       PromiseKind
	Seq        int64 // of the order when it was first shown
	Backend    string
	Channel    string
	PromisedAt order.Time
	ShownAt    order.Time
	Outcome    PromiseOutcome
	HappenedAt order.Time // when the outcome came about
}

// PromiseEnd settles the open promise of a kind of the order that is committed.
type PromiseEnd struct {
	Kind       PromiseKind
	Outcome    PromiseOutcome
	HappenedAt order.Time
}

// PromiseReader reads the ledger of promises.
type PromiseReader interface {
	// Promises returns all promises of an order, in order of seq and kind.
	Promises(ctx context.Context, orderNo string) ([]Promise, error)
	// PromiseSummary scores the promises that were shown in a span, one entry for each
	// kind that has any, in the order of their names.
	PromiseSummary(ctx context.Context, f PromiseFilter) ([]PromiseScore, error)
	// SweepPromises deletes at most limit promises that were shown before a time, and
	// returns how many.
	SweepPromises(ctx context.Context, before order.Time, limit int) (int64, error)
}

// PromiseFilter selects promises. Zero fields select all.
type PromiseFilter struct {
	Backend string
	Channel string
	Since   order.Time // shown at or after
	Until   order.Time // shown before
}

// PromiseScore is how the promises of one kind were kept.
type PromiseScore struct {
	Kind     PromiseKind
	Outcomes map[PromiseOutcome]int64
	// P50 and P99 are by how much those that were put to the test (kept, late, early)
	// were missed; what came in time was missed by nothing.
	P50, P99 time.Duration
}

// Shown is how many there are.
func (s PromiseScore) Shown() (n int64) {
	for _, count := range s.Outcomes {
		n += count
	}
	return n
}

// Tested is how many were kept or not kept.
func (s PromiseScore) Tested() int64 {
	return s.Outcomes[PromiseKept] + s.Outcomes[PromiseBroken] + s.Outcomes[PromiseEarly]
}

// oweLedger records the promises that a change makes, and settles those that it ends. What
// was told and taken back within one change was never shown, so the orders before and
// after say all but when an attempt began.
func oweLedger(c *Commit, before order.Order, change order.Change) {
	oweAttempt(c, before, change)
	oweExpected(c, before, change.Order)
}

func oweAttempt(c *Commit, before order.Order, change order.Change) {
	after, shown := change.Order, before.NextAttemptAt
	began := order.Time(0)
	for _, ev := range change.Events {
		if ev.Type == order.EventStarted {
			began = ev.At
		}
	}
	if shown == after.NextAttemptAt && began == 0 {
		return
	}
	if shown != 0 {
		at := after.UpdatedAt
		if began != 0 {
			at = began
		}
		c.Ended = append(c.Ended, PromiseEnd{PromiseAttempt, attemptOutcome(at.Sub(shown), began != 0, after.NextAttemptAt != 0), at})
	}
	if after.NextAttemptAt != 0 {
		c.promise(PromiseAttempt, after, after.NextAttemptAt)
	}
}

// attemptOutcome judges what came so much later than was promised: the attempt itself,
// another time for it, or neither.
func attemptOutcome(late time.Duration, began, replaced bool) PromiseOutcome {
	switch {
	case late > promiseTolerance:
		return PromiseBroken
	case began && late < 0:
		return PromiseEarly
	case began:
		return PromiseKept
	case replaced:
		return PromiseReplaced
	}
	return PromiseVoid
}

// oweExpected settles the expectations with the first result. A late success that brings
// the wait back shows the times of then again, and they are settled already.
func oweExpected(c *Commit, before, after order.Order) {
	changed := after.Expected != before.Expected
	resolved := after.Status().Final() && !before.Status().Final()
	for _, p := range []struct {
		kind        PromiseKind
		shown, next order.Time
	}{
		{PromiseTypical, before.Expected.TypicalBy, after.Expected.TypicalBy},
		{PromiseLate, before.Expected.LateBy, after.Expected.LateBy},
	} {
		end := PromiseEnd{Kind: p.kind, HappenedAt: after.UpdatedAt}
		switch {
		case p.shown == 0 || !changed && !resolved:
		case after.UpdatedAt > p.shown:
			end.Outcome = PromiseBroken
		case resolved:
			end.Outcome = PromiseKept
		default:
			end.Outcome = PromiseReplaced
		}
		if end.Outcome != PromiseOpen {
			c.Ended = append(c.Ended, end)
		}
		if changed && p.next != 0 && !after.Status().Final() {
			c.promise(p.kind, after, p.next)
		}
	}
}

func (c *Commit) promise(kind PromiseKind, o order.Order, at order.Time) {
	c.Promises = append(c.Promises, Promise{
		OrderNo: o.OrderNo, Kind: kind, Seq: o.Seq, Backend: o.Backend, Channel: o.Channel, PromisedAt: at, ShownAt: o.UpdatedAt,
	})
}

// PromiseSummary scores the promises that payers were shown in a span of time.
func (e *Engine) PromiseSummary(ctx context.Context, f PromiseFilter) ([]PromiseScore, error) {
	return e.deps.Store.PromiseSummary(ctx, f)
}

const (
	ledgerSweepEvery = time.Hour
	ledgerSweepLimit = 1000 // rows a transaction: other commits wait some 5 ms for it
)

// sweepLedger deletes what is older than promiseLife until ctx ends.
func (e *Engine) sweepLedger(ctx context.Context) {
	batch.Sweep(ctx, ledgerSweepEvery, func() bool {
		n, err := e.deps.Store.SweepPromises(ctx, now().Add(-promiseLife), ledgerSweepLimit)
		if err != nil && ctx.Err() == nil {
			e.deps.Log.WithError(err).Error("sweep promises")
		}
		return err == nil && n == ledgerSweepLimit
	})
}
