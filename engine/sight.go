package engine

import (
	"context"
	"errors"
	"fmt"

	"anxin/engine/batch"
	"anxin/engine/order"
)

// Sighting says that a payer had a state of an order on the screen.
type Sighting struct {
	OrderNo string
	Seq     int64
	At      order.Time // when this state was first reported
}

// SightingStore keeps the newest sighting of each order.
type SightingStore interface {
	// WriteSightings keeps of each order the one with the highest seq, and of one seq
	// the first.
	WriteSightings(ctx context.Context, list []Sighting) error
	// Sighting returns the newest sighting of an order, or ErrNotFound.
	Sighting(ctx context.Context, orderNo string) (Sighting, error)
	// SweepSightings deletes at most limit sightings from before a time, and returns
	// how many.
	SweepSightings(ctx context.Context, before order.Time, limit int) (int64, error)
}

// Presence tells who is looking right now.
type Presence interface {
	// Watching says whether a payer has the order open, on any node that can be reached.
	// It may take the time of a question to the other nodes.
	Watching(ctx context.Context, orderNo string) bool
}

// Witness is what a decision about a message asks: whether its reader knows already.
// The Engine is one.
type Witness interface {
	// SeenAt tells whether a payer has had a state of the order with at least this seq
	// on the screen, and when the newest one that was seen came there. What clients
	// have reported on this node counts at once.
	SeenAt(ctx context.Context, orderNo string, seq int64) (at order.Time, seen bool, err error)
	// Watching tells whether a payer has the order's page or app open and visible now,
	// connected to whichever node. One that cannot be reached is left out: false is no
	// proof of absence.
	Watching(ctx context.Context, orderNo string) bool
}

var _ Witness = (*Engine)(nil)

const (
	// maxSightings bounds the reports that wait for the store.
	maxSightings = 50_000
	// sightingLife is how long sightings are kept: as long as the ledger of promises.
	sightingLife = promiseLife
)

// Seen takes a client's report that a state is visible on a payer's screen. It returns
// at once; a crash within the second may lose it, which costs a message too many. The
// caller knows that the payer was given this state.
func (e *Engine) Seen(orderNo string, seq int64) {
	e.sightings.Add(Sighting{OrderNo: orderNo, Seq: seq, At: now()})
}

// SeenAt implements Witness.
func (e *Engine) SeenAt(ctx context.Context, orderNo string, seq int64) (order.Time, bool, error) {
	if err := e.sightings.Flush(ctx); err != nil {
		return 0, false, err
	}
	s, err := e.deps.Store.Sighting(ctx, orderNo)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && s.Seq < seq:
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("read sighting: %w", err)
	}
	return s.At, true, nil
}

// Watching implements Witness.
func (e *Engine) Watching(ctx context.Context, orderNo string) bool {
	return e.deps.Presence != nil && e.deps.Presence.Watching(ctx, orderNo)
}

// sweepSightings deletes what is older than sightingLife until ctx ends.
func (e *Engine) sweepSightings(ctx context.Context) {
	batch.Sweep(ctx, ledgerSweepEvery, func() bool {
		n, err := e.deps.Store.SweepSightings(ctx, now().Add(-sightingLife), ledgerSweepLimit)
		if err != nil && ctx.Err() == nil {
			e.deps.Log.WithError(err).Error("sweep sightings")
		}
		return err == nil && n == ledgerSweepLimit
	})
}
