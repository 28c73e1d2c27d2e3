package store

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"anxin/engine"
	"anxin/engine/order"
)

// claimAtOnce bounds the tasks that the writer reads for a claim between two commits, which
// wait meanwhile: some 0.3 ms.
const claimAtOnce = 250

// sqlDueTasks reads on behind a place: first what is due at the same time, then the later
// ones. Both halves come out of the index in their order.
const (
	sqlTaskColumns = `SELECT id, order_no, kind, target, due_at, tries FROM tasks`
	sqlDueTasks    = sqlTaskColumns + ` WHERE due_at = $1 AND id > $2 UNION ALL ` +
		sqlTaskColumns + ` WHERE due_at > $3 AND due_at <= $4 ORDER BY due_at, id LIMIT $5`
)

// ClaimTasks leases due tasks; see engine.TaskClaimer. Nothing is written: the leases are in
// memory.
func (s *Store) ClaimTasks(ctx context.Context, c engine.Claim) ([]engine.Task, error) {
	var claimed []engine.Task
	for more := true; more && len(claimed) < c.Limit; {
		tasks, rest, err := s.claimSome(ctx, c, min(claimAtOnce, c.Limit-len(claimed)))
		if err != nil && len(claimed) == 0 {
			return nil, fmt.Errorf("claim tasks: %w", err)
		}
		// What was leased before an error must reach the caller, or it would wait for the
		// end of its lease; the next claim meets the error again.
		claimed, more = append(claimed, tasks...), rest
	}
	slices.SortStableFunc(claimed, func(a, b engine.Task) int { return cmp.Compare(a.DueAt, b.DueAt) })
	return claimed, nil
}

// claimSome returns neither tasks nor more together with an error: their leases were taken
// back.
func (s *Store) claimSome(ctx context.Context, c engine.Claim, limit int) (tasks []engine.Task, more bool, err error) {
	err = s.writer.do(ctx, func(ctx context.Context, w *writes) (err error) {
		tasks, more, err = w.claim(ctx, c, limit)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return tasks, more, nil
}

// claim leases at most limit tasks, and says whether there may be more.
func (w *writes) claim(ctx context.Context, c engine.Claim, limit int) (claimed []engine.Task, more bool, err error) {
	found, err := w.dueTasks(ctx, c.DueBy)
	if err != nil {
		return nil, false, err
	}
	read := taskPlace{c.DueBy, math.MaxInt64}
	if more = len(found) == claimAtOnce; more {
		last := found[len(found)-1]
		read = taskPlace{last.DueAt, last.row}
	}
	w.leases.expire(c.Now)
	for len(claimed) < limit {
		if len(found) > 0 && w.leases.held[found[0].TaskKey] != nil {
			found = found[1:]
			continue
		}
		ended := w.leases.firstEnded(c.Now, read.due)
		var next storedTask
		switch {
		case len(found) > 0 && (ended == nil || found[0].DueAt <= ended.DueAt):
			next, found = found[0], found[1:]
		case ended != nil:
			next = ended.storedTask
		default:
			w.leases.passed(read)
			return claimed, more, nil
		}
		next.Token, next.LeaseUntil = c.Token, c.LeaseUntil
		w.leases.written(next)
		claimed = append(claimed, next.Task)
	}
	if len(found) > 0 {
		read = taskPlace{found[0].DueAt, found[0].row - 1}
	}
	w.leases.passed(read)
	return claimed, true, nil
}

// dueTasks reads the tasks that are due by a time behind the frontier, leased or not.
func (w *writes) dueTasks(ctx context.Context, dueBy order.Time) ([]storedTask, error) {
	var found []storedTask
	from := w.leases.frontier
	if from.due > dueBy {
		return nil, nil
	}
	err := w.readDueTasks.each(ctx, []any{int64(from.due), from.row, int64(from.due), int64(dueBy), claimAtOnce}, func(r row) error {
		var t storedTask
		err := r.Scan(&t.row, &t.OrderNo, (*string)(&t.Kind), &t.Target, (*int64)(&t.DueAt), &t.Tries)
		found = append(found, t)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read due tasks: %w", err)
	}
	return found, nil
}
