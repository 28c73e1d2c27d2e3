package engine

import (
	"context"
	"time"
)

const (
	// messageLife is how long records are kept: as long as the links in the messages work.
	messageLife  = 90 * 24 * time.Hour
	sweepMany    = 500
	keepMessages = time.Hour
)

// resealer is a store that seals contacts and can be given another key.
type resealer interface {
	Reseal(ctx context.Context, after string, limit int) (next string, err error)
}

// keepMessages forgets old messages, and seals with the newest key what was not, until ctx
// ends.
func (e *Engine) keepMessages(ctx context.Context) {
	if store, ok := e.deps.Store.(resealer); ok {
		e.reseal(ctx, store)
	}
	tick := time.NewTicker(keepMessages)
	defer tick.Stop()
	for {
		n, err := e.deps.Store.SweepMessages(ctx, now().Add(-messageLife), now(), sweepMany)
		if err != nil && ctx.Err() == nil {
			e.deps.Log.WithError(err).Error("sweep messages")
		}
		if err == nil && n == sweepMany {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (e *Engine) reseal(ctx context.Context, store resealer) {
	for after := ""; ctx.Err() == nil; {
		next, err := store.Reseal(ctx, after, sweepMany)
		if err != nil && ctx.Err() == nil {
			e.deps.Log.WithError(err).Error("seal contacts anew")
		}
		if err != nil {
			return
		}
		if next == "" {
			e.deps.Log.Info("contacts are sealed with the first of the contact secrets: others, if there are any, may be dropped")
			return
		}
		after = next
	}
}
