package store

import (
	"context"

	"anxin/engine"
)

const (
	sqlPutTask = `INSERT INTO tasks (order_no, kind, target, due_at, tries) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (order_no, kind, target) DO UPDATE SET due_at = excluded.due_at, tries = excluded.tries`
	sqlMoveTask    = `UPDATE tasks SET due_at = $1, tries = $2 WHERE id = $3`
	sqlDeleteTask  = `DELETE FROM tasks WHERE order_no = $1 AND kind = $2 AND target = $3`
	sqlDeleteRow   = `DELETE FROM tasks WHERE id = $1`
	sqlRecallTasks = `UPDATE tasks SET due_at = $1 WHERE kind = $2 AND target IN ($3, $3 || '/refund') AND due_at >= $4 AND due_at < $5`
)

func (e *encoded) writeTasks(ctx context.Context, w *writes) error {
	for i := range e.Tasks {
		t, write := &e.Tasks[i], w.writeTask
		if t.Delete {
			write = w.removeTask
		}
		if err := write(ctx, &t.Task); err != nil {
			return err
		}
	}
	return nil
}

// writeTask writes a task and what became of its lease. One that is held is there, and
// what is to be written of it may be there too: a new lease alone is no write.
func (w *writes) writeTask(ctx context.Context, t *engine.Task) error {
	written := storedTask{Task: *t}
	held := w.leases.held[t.TaskKey]
	if held != nil {
		written.row = held.row
	}
	if held == nil || held.DueAt != t.DueAt || held.Tries != t.Tries {
		if err := w.storeTask(ctx, written); err != nil {
			return err
		}
	}
	w.leases.written(written)
	return nil
}

// storeTask goes straight to the row that it knows.
func (w *writes) storeTask(ctx context.Context, t storedTask) error {
	statement, args := w.putTask, []any{t.OrderNo, string(t.Kind), t.Target, int64(t.DueAt), t.Tries}
	if t.row != 0 {
		statement, args = w.moveTask, []any{int64(t.DueAt), t.Tries, t.row}
	}
	_, err := w.run(ctx, "write task", statement, args...)
	return err
}

func (w *writes) removeTask(ctx context.Context, t *engine.Task) error {
	statement, args := w.deleteTask, []any{t.OrderNo, string(t.Kind), t.Target}
	if held := w.leases.held[t.TaskKey]; held != nil && held.row != 0 {
		statement, args = w.deleteRow, []any{held.row}
	}
	_, err := w.run(ctx, "delete task", statement, args...)
	w.leases.drop(t.TaskKey)
	return err
}

// recall brings free tasks forward. All are moved, and those that somebody holds back
// again: they are few, since what is recalled was put off.
func (w *writes) recall(ctx context.Context, r *engine.Recall) error {
	if _, err := w.run(ctx, "recall tasks", w.recallTasks, int64(r.DueAt), string(r.Kind), r.Target, int64(r.From), int64(r.Before)); err != nil {
		return err
	}
	w.leases.backTo(r.DueAt)
	for key, held := range w.leases.held {
		if key.Kind != r.Kind || held.DueAt < r.From || held.DueAt >= r.Before {
			continue
		}
		if held.LeaseUntil == 0 {
			w.leases.drop(key)
			continue
		}
		if err := w.storeTask(ctx, held.storedTask); err != nil {
			return err
		}
	}
	return nil
}
