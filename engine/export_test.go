package engine

import (
	"context"

	"github.com/sirupsen/logrus"

	"anxin/engine/order"
)

// Runner opens the runner to tests that need the real store, which this package cannot
// import.
type Runner struct{ r *runner }

// TaskStore is what a runner needs of a store.
type TaskStore = taskStore

// Handler is what a Runner fires.
type Handler = handler

func NewRunner(tasks TaskStore, handlers map[TaskKind]Handler, limits map[TaskKind]int, log logrus.FieldLogger) *Runner {
	return &Runner{newRunner(tasks, handlers, limits, log)}
}

// BatchTasks bounds the tasks of a lane that run together at a time, BatchSize those of one
// batch.
const (
	BatchTasks = batchTasks
	BatchSize  = batchSize
)

// RunTogether has a handler take the tasks of a kind in batches.
func (r *Runner) RunTogether(kind TaskKind, h func(context.Context, []Task)) {
	r.r.batches = map[TaskKind]batchHandler{kind: h}
}

func (r *Runner) Run(ctx context.Context) { r.r.run(ctx) }

// Begin, Lease and Committed are the three steps of a commit, apart, so that a test can
// let things happen between them.
func (r *Runner) Begin() uint64                         { return r.r.begin() }
func (r *Runner) Lease(t *Task, now order.Time)         { r.r.lease(t, now) }
func (r *Runner) Committed(w []TaskWrite, begun uint64) { r.r.committed(w, begun) }

// FillBacklog has as many callbacks of an order wait as may wait at all.
func (e *Engine) FillBacklog(orderNo string) {
	for range maxBacklog {
		e.backlog.held[orderNo]++
		e.backlog.size++
		e.backlog.add([]Entry{{OrderNo: orderNo}}, []EntryID{0})
	}
}
