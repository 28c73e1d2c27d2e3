package store

import (
	"context"
	"fmt"
	"math"

	"anxin/engine"
	"anxin/engine/order"
)

// Audits returns what people did, newest first; see engine.AuditReader.
func (s *Store) Audits(ctx context.Context, before int64, limit int) ([]engine.Audit, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	rows, err := s.reads.audits.QueryContext(ctx, before, bounded(limit))
	if err != nil {
		return nil, fmt.Errorf("read audit: %w", err)
	}
	list, err := collect(rows, func(r row) (engine.Audit, error) {
		var a engine.Audit
		var at int64
		err := r.Scan(&a.ID, &at, &a.Actor, &a.Action, &a.Target, &a.Reason)
		a.At = order.Time(at)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("read audit: %w", err)
	}
	return list, nil
}
