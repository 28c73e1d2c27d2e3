package store

import (
	"context"
	"fmt"

	"anxin/engine/insight"
	"anxin/engine/order"
)

const (
	sqlAddAct = `INSERT INTO acts (order_no, n, name, status, stage, at, value)
SELECT $1, COALESCE(MAX(n), 0) + 1, $2, $3, $4, $5, $6 FROM acts WHERE order_no = $1 HAVING COALESCE(MAX(n), 0) < $7`
	sqlSweepActs = `DELETE FROM acts WHERE (order_no, n) IN (
SELECT order_no, n FROM acts WHERE at < $1 ORDER BY at LIMIT $2)`
	sqlActs = `SELECT name, status, stage, at, value FROM acts WHERE order_no = $1 ORDER BY n`
)

var _ insight.Store = (*Store)(nil)

// WriteActs adds what payers did; see insight.Store.
func (s *Store) WriteActs(ctx context.Context, events []insight.Event, perOrder int) error {
	err := s.writer.do(ctx, func(ctx context.Context, w *writes) error {
		for _, ev := range events {
			if _, err := w.run(ctx, "write act", w.addAct,
				ev.OrderNo, ev.Name, string(ev.Status), string(ev.Stage), int64(ev.At), ev.Value, perOrder); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write acts: %w", err)
	}
	return nil
}

// Acts returns what was done on an order's pages; see insight.Store.
func (s *Store) Acts(ctx context.Context, orderNo string) ([]insight.Event, error) {
	rows, err := s.reads.acts.QueryContext(ctx, orderNo)
	if err != nil {
		return nil, fmt.Errorf("read acts: %w", err)
	}
	list, err := collect(rows, func(r row) (insight.Event, error) {
		ev := insight.Event{OrderNo: orderNo}
		var at int64
		err := r.Scan(&ev.Name, &ev.Status, &ev.Stage, &at, &ev.Value)
		ev.At = order.Time(at)
		return ev, err
	})
	if err != nil {
		return nil, fmt.Errorf("read acts: %w", err)
	}
	return list, nil
}

// SweepActs deletes old ones; see insight.Store.
func (s *Store) SweepActs(ctx context.Context, before order.Time, limit int) (deleted int64, err error) {
	err = s.writer.do(ctx, func(ctx context.Context, w *writes) (err error) {
		deleted, err = w.run(ctx, "delete acts", w.sweepActs, int64(before), limit)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sweep acts: %w", err)
	}
	return deleted, nil
}
