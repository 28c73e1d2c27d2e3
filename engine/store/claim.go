package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"anxin/engine"
	"anxin/engine/order"
)

// These bound how many tasks one transaction leases: commits wait meanwhile, and get their
// turn before the next. Tasks that are yet to come due are leased in passing, in some 1 ms.
// Those that are late already are a backlog, whose groups are large, and to which no more
// must come in a group than it works off.
const (
	claimAhead = 100
	claimLate  = 500
)

// ClaimTasks leases due tasks; see engine.TaskClaimer.
func (s *Store) ClaimTasks(ctx context.Context, c engine.Claim) ([]engine.Task, error) {
	var claimed []engine.Task
	bound := claimAhead
	for len(claimed) < c.Limit {
		chunk := min(bound, c.Limit-len(claimed))
		tasks, err := s.claimSome(ctx, c, chunk)
		if err != nil && len(claimed) == 0 {
			return nil, fmt.Errorf("claim tasks: %w", err)
		}
		// What was leased before an error must reach the caller, or it would wait for the
		// end of its lease; the next claim meets the error again.
		claimed = append(claimed, tasks...)
		if len(tasks) < chunk {
			break
		}
		bound = claimAhead
		if late(tasks, c.Now) {
			bound = claimLate
		}
	}
	slices.SortStableFunc(claimed, func(a, b engine.Task) int { return cmp.Compare(a.DueAt, b.DueAt) })
	return claimed, nil
}

func late(tasks []engine.Task, now order.Time) bool {
	return !slices.ContainsFunc(tasks, func(t engine.Task) bool { return t.DueAt > now })
}

// claimSome returns no task together with an error: its lease was not committed.
func (s *Store) claimSome(ctx context.Context, c engine.Claim, limit int) ([]engine.Task, error) {
	var tasks []engine.Task
	err := s.writer.do(ctx, func(ctx context.Context, w *writes) (err error) {
		tasks, err = w.claim(ctx, c, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return tasks, nil
}

func (w *writes) claim(ctx context.Context, c engine.Claim, limit int) ([]engine.Task, error) {
	var tasks []engine.Task
	err := w.claimTasks.each(ctx, []any{c.Token, int64(c.LeaseUntil), int64(c.DueBy), int64(c.Now), limit}, func(r row) error {
		t := engine.Task{Token: c.Token, LeaseUntil: c.LeaseUntil}
		var due int64
		err := r.Scan(&t.OrderNo, (*string)(&t.Kind), &t.Target, &due, &t.Tries)
		t.DueAt = order.Time(due)
		tasks = append(tasks, t)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lease: %w", err)
	}
	w.changed += int64(len(tasks))
	return tasks, nil
}
