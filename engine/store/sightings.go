package store

import (
	"context"
	"fmt"

	"anxin/engine"
	"anxin/engine/order"
)

const (
	sqlPutSighting = `INSERT INTO sightings (order_no, seq, at) VALUES ($1, $2, $3)
ON CONFLICT (order_no) DO UPDATE SET seq = excluded.seq, at = excluded.at WHERE excluded.seq > sightings.seq`
	sqlSweepSightings = `DELETE FROM sightings WHERE order_no IN (
SELECT order_no FROM sightings WHERE at < $1 ORDER BY at LIMIT $2)`
	sqlSighting = `SELECT seq, at FROM sightings WHERE order_no = $1`
)

// WriteSightings keeps the newest of each order; see engine.SightingStore.
func (s *Store) WriteSightings(ctx context.Context, list []engine.Sighting) error {
	err := s.writer.do(ctx, func(ctx context.Context, w *writes) error {
		for _, seen := range list {
			if _, err := w.run(ctx, "write sighting", w.putSighting, seen.OrderNo, seen.Seq, int64(seen.At)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write sightings: %w", err)
	}
	return nil
}

// Sighting returns the newest of an order; see engine.SightingStore.
func (s *Store) Sighting(ctx context.Context, orderNo string) (engine.Sighting, error) {
	seen := engine.Sighting{OrderNo: orderNo}
	var at int64
	if err := s.reads.sighting.QueryRowContext(ctx, orderNo).Scan(&seen.Seq, &at); err != nil {
		return engine.Sighting{}, fmt.Errorf("read sighting: %w", notFound(err))
	}
	seen.At = order.Time(at)
	return seen, nil
}

// SweepSightings deletes old ones; see engine.SightingStore.
func (s *Store) SweepSightings(ctx context.Context, before order.Time, limit int) (deleted int64, err error) {
	err = s.writer.do(ctx, func(ctx context.Context, w *writes) (err error) {
		deleted, err = w.run(ctx, "delete sightings", w.sweepSightings, int64(before), limit)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sweep sightings: %w", err)
	}
	return deleted, nil
}
