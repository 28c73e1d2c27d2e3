package store

import (
	"context"
	"fmt"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

const (
	sqlInsertPromise = `INSERT INTO promises (order_no, kind, seq, backend, channel, promised_at, shown_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	sqlEndPromise    = `UPDATE promises SET outcome = $3, happened_at = $4 WHERE order_no = $1 AND kind = $2 AND outcome = ''`
	sqlSweepPromises = `DELETE FROM promises WHERE (order_no, kind, seq) IN (
SELECT order_no, kind, seq FROM promises WHERE shown_at < $1 ORDER BY shown_at LIMIT $2)`
	sqlPromises = `SELECT order_no, kind, seq, backend, channel, promised_at, shown_at, outcome, happened_at FROM promises
WHERE order_no = $1 ORDER BY seq, kind`
)

// writePromises settles before it adds: the new promise of a kind is not the one that
// ended.
func (e *encoded) writePromises(ctx context.Context, w *writes) error {
	for _, p := range e.Ended {
		if _, err := w.run(ctx, "settle promise", w.endPromise, e.Order.OrderNo, string(p.Kind), string(p.Outcome), int64(p.HappenedAt)); err != nil {
			return err
		}
	}
	for _, p := range e.Promises {
		if _, err := w.run(ctx, "write promise", w.insertPromise,
			p.OrderNo, string(p.Kind), p.Seq, p.Backend, p.Channel, int64(p.PromisedAt), int64(p.ShownAt)); err != nil {
			return err
		}
	}
	return nil
}

// Promises returns the promises of an order; see engine.PromiseReader.
func (s *Store) Promises(ctx context.Context, orderNo string) ([]engine.Promise, error) {
	rows, err := s.reads.promises.QueryContext(ctx, orderNo)
	if err != nil {
		return nil, fmt.Errorf("read promises: %w", err)
	}
	list, err := collect(rows, func(r row) (engine.Promise, error) {
		var p engine.Promise
		var promised, shown, happened int64
		err := r.Scan(&p.OrderNo, &p.Kind, &p.Seq, &p.Backend, &p.Channel, &promised, &shown, &p.Outcome, &happened)
		p.PromisedAt, p.ShownAt, p.HappenedAt = order.Time(promised), order.Time(shown), order.Time(happened)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read promises: %w", err)
	}
	return list, nil
}

// SweepPromises deletes old promises; see engine.PromiseReader.
func (s *Store) SweepPromises(ctx context.Context, before order.Time, limit int) (deleted int64, err error) {
	err = s.writer.do(ctx, func(ctx context.Context, w *writes) (err error) {
		deleted, err = w.run(ctx, "delete promises", w.sweepPromises, int64(before), limit)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sweep promises: %w", err)
	}
	return deleted, nil
}

// PromiseSummary scores promises; see engine.PromiseReader.
func (s *Store) PromiseSummary(ctx context.Context, f engine.PromiseFilter) ([]engine.PromiseScore, error) {
	scores, err := s.countPromises(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("count promises: %w", err)
	}
	for i := range scores {
		p := &scores[i]
		if p.P50, err = s.missedBy(ctx, f, p, 50); err != nil {
			return nil, fmt.Errorf("measure promises: %w", err)
		}
		if p.P99, err = s.missedBy(ctx, f, p, 99); err != nil {
			return nil, fmt.Errorf("measure promises: %w", err)
		}
	}
	return scores, nil
}

func (s *Store) countPromises(ctx context.Context, f engine.PromiseFilter) ([]engine.PromiseScore, error) {
	c := promisesOf(f)
	//nolint:gosec // only constants and placeholders are joined
	rows, err := s.reads.pool.QueryContext(ctx, `SELECT kind, outcome, COUNT(*) FROM promises`+c.where()+` GROUP BY kind, outcome ORDER BY kind`, c.args...)
	if err != nil {
		return nil, err
	}
	var scores []engine.PromiseScore
	_, err = collect(rows, func(r row) (struct{}, error) {
		var kind engine.PromiseKind
		var outcome engine.PromiseOutcome
		var n int64
		err := r.Scan(&kind, &outcome, &n)
		if len(scores) == 0 || scores[len(scores)-1].Kind != kind {
			scores = append(scores, engine.PromiseScore{Kind: kind, Outcomes: make(map[engine.PromiseOutcome]int64)})
		}
		scores[len(scores)-1].Outcomes[outcome] = n
		return struct{}{}, err
	})
	return scores, err
}

// missedBy returns a percentile (nearest rank) of by how much the tested promises of a
// kind were missed.
func (s *Store) missedBy(ctx context.Context, f engine.PromiseFilter, p *engine.PromiseScore, percent int64) (time.Duration, error) {
	tested := p.Tested()
	if tested == 0 {
		return 0, nil
	}
	c := promisesOf(f)
	c.add("kind = ?", string(p.Kind))
	c.add("outcome IN ('kept', 'late', 'early')")
	query := `SELECT happened_at - promised_at FROM promises` + c.where() + ` ORDER BY happened_at - promised_at LIMIT 1 OFFSET ` + c.value((tested*percent+99)/100-1)
	var millis int64
	if err := s.reads.pool.QueryRowContext(ctx, query, c.args...).Scan(&millis); err != nil {
		return 0, notFound(err)
	}
	return time.Duration(max(millis, 0)) * time.Millisecond, nil
}

func promisesOf(f engine.PromiseFilter) *conditions {
	var c conditions
	c.add("shown_at >= ?", int64(f.Since))
	c.within("shown_at", 0, f.Until)
	c.equal("backend", f.Backend)
	c.equal("channel", f.Channel)
	return &c
}
