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
	// deferWorkers bounds how many tasks of a lane are put off at once: each is one
	// commit, and commits are grouped.
	deferWorkers = 32
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
		return deferWorkers
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

// work runs one task after the other of its lane until none waits.
func (r *runner) work(ctx context.Context, key lane, t Task) {
	for ok := true; ok; t, ok = r.nextOf(ctx, key) {
		if ctx.Err() != nil {
			continue
		}
		if held, ok := r.renew(ctx, t); ok {
			t = held
			r.runOne(ctx, key, t)
		}
		if !key.putsOff {
			r.gate.ended(t.TaskKey)
		}
		r.mu.Lock()
		r.keepLocked(t.TaskKey, func(l lease) bool { return l.token != t.Token })
		r.mu.Unlock()
	}
}

// nextOf returns the task of a lane that has been due longest and may start. What
// happened while it waited counts: a target that has failed meanwhile is left alone.
func (r *runner) nextOf(ctx context.Context, key lane) (Task, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lanes[key]
	for len(l.waiting) > 0 {
		t, _ := heap.Pop(&l.waiting).(Task)
		if !r.liveLocked(t) {
			continue
		}
		now := order.At(time.Now())
		if key.putsOff || ctx.Err() != nil {
			return t, true
		}
		if at := r.gate.admit(t.TaskKey, now, false); at > now {
			r.delayLocked(ctx, t, at, now)
			r.nudge()
			continue
		}
		return t, true
	}
	l.running--
	if l.running == 0 {
		delete(r.lanes, key)
	}
	return Task{}, false
}
