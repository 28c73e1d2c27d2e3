package store

import (
	"context"
	"fmt"

	"anxin/engine"
	"anxin/engine/order"
)

const (
	sqlPauses   = `SELECT kind, target, until, since, actor, reason FROM pauses ORDER BY kind, target LIMIT $1`
	sqlPutPause = `INSERT INTO pauses (kind, target, until, since, actor, reason) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (kind, target) DO UPDATE
SET until = excluded.until, since = excluded.since, actor = excluded.actor, reason = excluded.reason`
)

// Pauses returns the pauses; see engine.PauseReader.
func (s *Store) Pauses(ctx context.Context) ([]engine.Pause, error) {
	rows, err := s.reads.pauses.QueryContext(ctx, maxRows)
	if err != nil {
		return nil, fmt.Errorf("read pauses: %w", err)
	}
	list, err := collect(rows, func(r row) (engine.Pause, error) {
		var p engine.Pause
		var until, since int64
		err := r.Scan(&p.Kind, &p.Target, &until, &since, &p.Actor, &p.Reason)
		p.Until, p.Since = order.Time(until), order.Time(since)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read pauses: %w", err)
	}
	return list, nil
}

func (e *encoded) writePause(ctx context.Context, w *writes) error {
	if p := e.Pause; p != nil {
		if _, err := w.run(ctx, "write pause", w.putPause, string(p.Kind), p.Target, int64(p.Until), int64(p.Since), p.Actor, p.Reason); err != nil {
			return err
		}
	}
	if e.Recall == nil {
		return nil
	}
	return w.recall(ctx, e.Recall)
}
