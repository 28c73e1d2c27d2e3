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
	sqlRecallTasks = `UPDATE tasks SET due_at = $1 WHERE lease_until = 0 AND kind = $2 AND target IN ($3, $3 || '/refund') AND due_at >= $4 AND due_at < $5`
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
	r := e.Recall
	if r == nil {
		return nil
	}
	_, err := w.run(ctx, "recall tasks", w.recallTasks, int64(r.DueAt), string(r.Kind), r.Target, int64(r.From), int64(r.Before))
	return err
}
