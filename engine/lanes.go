package engine

import (
	"container/heap"
	"context"
	"time"

	"anxin/engine/order"
)

const (
	// holdFor is the longest a task waits for its turn in memory without its promise
	// being moved: less than the second within which a promise counts as kept.
	holdFor = 500 * time.Millisecond
	// batchSize bounds the tasks that are run together: a reading and a commit of as many
	// cost little more than half of what they cost one by one.
	batchSize = 32
	// batchWorkers bounds how many such runs of a lane there are at a time. Together they
	// are one group of the store, and a callback waits for no more.
	batchWorkers = 8
)

// gate decides whether a task that is due may start.
type gate interface {
	// admit returns now when the task may start, else the time when it may. See
	// pacer.admit.
	admit(key TaskKey, now order.Time, full bool) order.Time
	// ended is told once a task that was admitted has run.
	ended(key TaskKey)
}

// open is the gate of a runner that needs none.
type open struct{}

func (open) admit(_ TaskKey, now order.Time, _ bool) order.Time { return now }
func (open) ended(TaskKey)                                      {}

type lane struct {
	kind    TaskKind
	target  string
	putsOff bool // its tasks are not run but given their new due time
}

type laneState struct {
	running int
	waiting dueHeap
}

func (r *runner) limitOf(key lane) int {
	if key.putsOff {
		return batchWorkers
	}
	return r.limits[key.kind]
}

// dispatchLocked starts a task that is due, or has it wait: for a worker, for its turn,
// or until the time that its gate gives it.
func (r *runner) dispatchLocked(ctx context.Context, t Task, now order.Time) {
	if r.closed || !r.liveLocked(t) {
		return // replaced, finished or taken back meanwhile
	}
	key := lane{kind: t.Kind, target: t.Target}
	l := r.lanes[key]
	full := l != nil && l.running >= r.limitOf(key)
	if at := r.gate.admit(t.TaskKey, now, full); at > now {
		r.delayLocked(ctx, t, at, now)
		return
	}
	r.enterLocked(ctx, key, t)
}

// delayLocked has a task wait until a time: in memory if its promise is kept all the
// same, else by a commit that tells the new one. The commit does not queue behind the
// calls that hold the task up.
func (r *runner) delayLocked(ctx context.Context, t Task, at, now order.Time) {
	promised := r.promisedLocked(t)
	t.DueAt = at
	if at <= now.Add(holdFor) && (at <= promised.Add(holdFor) || promised.Add(time.Second) < now) {
		heap.Push(&r.due, t)
		return
	}
	r.enterLocked(ctx, lane{t.Kind, t.Target, true}, t)
}

// promisedLocked returns when a task was to begin, whatever it has waited for since.
func (r *runner) promisedLocked(t Task) order.Time {
	for _, l := range r.held[t.TaskKey] {
		if l.token == t.Token {
			return l.due
		}
	}
	return t.DueAt
}

func (r *runner) enterLocked(ctx context.Context, key lane, t Task) {
	l := r.lanes[key]
	if l == nil {
		l = &laneState{}
		r.lanes[key] = l
	}
	if l.running >= r.limitOf(key) {
		heap.Push(&l.waiting, t)
		return
	}
	l.running++
	r.wg.Go(func() { r.work(ctx, key, t) })
}

// work runs the tasks of its lane until none waits.
func (r *runner) work(ctx context.Context, key lane, t Task) {
	for batch := []Task{t}; len(batch) > 0; batch = r.nextOf(ctx, key) {
		if ctx.Err() != nil {
			continue
		}
		held := make([]Task, 0, len(batch))
		for i := range batch {
			var ok bool
			if batch[i], ok = r.renew(ctx, batch[i]); ok {
				held = append(held, batch[i])
			}
		}
		if len(held) > 0 {
			r.runBatch(ctx, key, held)
		}
		if !key.putsOff {
			for _, t := range batch {
				r.gate.ended(t.TaskKey)
			}
		}
		r.mu.Lock()
		for _, t := range batch {
			r.keepLocked(t.TaskKey, func(l lease) bool { return l.token != t.Token })
		}
		r.mu.Unlock()
	}
}

// nextOf returns the tasks of a lane that have been due longest and may start: one, or as
// many as are run together. What happened while they waited counts: a target that has
// failed meanwhile is left alone.
func (r *runner) nextOf(ctx context.Context, key lane) []Task {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, size := r.lanes[key], 1
	if key.putsOff || r.batches[key.kind] != nil {
		size = batchSize
	}
	var batch []Task
	for len(l.waiting) > 0 && len(batch) < size {
		t, _ := heap.Pop(&l.waiting).(Task)
		if !r.liveLocked(t) {
			continue
		}
		now := order.At(time.Now())
		if key.putsOff || ctx.Err() != nil {
			batch = append(batch, t)
			continue
		}
		if at := r.gate.admit(t.TaskKey, now, false); at > now {
			r.delayLocked(ctx, t, at, now)
			r.nudge()
			continue
		}
		batch = append(batch, t)
	}
	if len(batch) > 0 {
		return batch
	}
	l.running--
	if l.running == 0 {
		delete(r.lanes, key)
	}
	return nil
}
