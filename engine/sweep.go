package engine

import (
	"context"
	"time"
)

const (
	// quarantineLife is how long a callback waits for its order to be registered. The
	// channels' own redeliveries end after a day; a merchant who registers later than a
	// week has the queries to learn the truth from.
	quarantineLife = 7 * 24 * time.Hour
	sweepEvery     = time.Minute
	// sweepLimit bounds one sweep, and with it how long other commits wait for it.
	sweepLimit = 1000
)

// sweepIntake ends what has waited long enough and counts what waits, until ctx ends.
func (e *Engine) sweepIntake(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := e.sweepOnce(ctx); err != nil && ctx.Err() == nil {
			e.deps.Log.WithError(err).Error("sweep callbacks")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (e *Engine) sweepOnce(ctx context.Context) error {
	at := now()
	err := e.deps.Store.Commit(ctx, Commit{Expire: &Expiry{
		RejectedBefore: at, QuarantinedBefore: at.Add(-quarantineLife), KeepUntil: at.Add(rejectedLife), Limit: sweepLimit,
	}})
	if err != nil {
		return err
	}
	waiting, err := e.deps.Store.Quarantined(ctx)
	if err != nil {
		return err
	}
	unweighed, err := e.deps.Store.JournalSize(ctx)
	if err != nil {
		return err
	}
	e.counts.inQuarantine.Store(waiting)
	e.counts.inJournal.Store(unweighed)
	return nil
}
