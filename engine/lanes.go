package engine

import (
	"container/heap"
	"context"
	"slices"
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
	// batchTasks bounds how many tasks of a lane are run so at a time, in batches of any
	// size: what comes due while the writer stalls (a sync, the closing of the log) begins
	// all the same. Together they are one group of the store, and a callback waits for no
	// more.
	batchTasks = 512
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

// laneState is one lane's tasks. None waits unless the lane is full; then those that come
// due go behind it.
type laneState struct {
	running int     // tasks, those about to start included
	ready   []Task  // about to start: they have been admitted
	waiting dueHeap // not admitted yet
}

// fullLocked reports whether there is no room for one more task, or for as many as wait.
func (r *runner) fullLocked(key lane) bool {
	l := r.lanes[key]
	return l != nil && (l.running >= r.limitOf(key) || len(l.waiting) > 0)
}

// limitOf is how many tasks of a lane run at a time.
func (r *runner) limitOf(key lane) int {
	if r.sizeOf(key) > 1 {
		return batchTasks
	}
	return r.limits[key.kind]
}

// sizeOf is how many tasks of a lane are run together.
func (r *runner) sizeOf(key lane) int {
	if key.putsOff || r.batches[key.kind] != nil {
		return batchSize
	}
	return 1
}

// dispatchLocked readies a task that is due for startLocked, or has it wait: for room, for
// its turn, or until the time that its gate gives it.
func (r *runner) dispatchLocked(t Task, now order.Time) {
	if r.closed || !r.liveLocked(t) {
		return // replaced, finished or taken back meanwhile
	}
	key := lane{kind: t.Kind, target: t.Target}
	if at := r.gate.admit(t.TaskKey, now, r.fullLocked(key)); at > now {
		r.delayLocked(t, at, now)
		return
	}
	r.enterLocked(key, t)
}

// delayLocked has a task wait until a time: in memory if its promise is kept all the
// same, else by a commit that tells the new one. The commit does not queue behind the
// calls that hold the task up.
func (r *runner) delayLocked(t Task, at, now order.Time) {
	promised := r.promisedLocked(t)
	t.DueAt = at
	if at <= now.Add(holdFor) && (at <= promised.Add(holdFor) || promised.Add(time.Second) < now) {
		heap.Push(&r.due, t)
		return
	}
	r.enterLocked(lane{t.Kind, t.Target, true}, t)
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

func (r *runner) enterLocked(key lane, t Task) {
	l := r.lanes[key]
	if l == nil {
		l = &laneState{}
		r.lanes[key] = l
	}
	if r.fullLocked(key) {
		heap.Push(&l.waiting, t)
		return
	}
	l.running++
	if len(l.ready) == 0 {
		r.starting = append(r.starting, key)
	}
	l.ready = append(l.ready, t)
}

// startLocked starts the tasks that are ready. What came due at the same moment starts
// together, so that the store reads and writes it together.
func (r *runner) startLocked(ctx context.Context) {
	for _, key := range r.starting {
		l := r.lanes[key]
		for batch := range slices.Chunk(l.ready, r.sizeOf(key)) {
			r.wg.Go(func() { r.work(ctx, key, batch) })
		}
		l.ready = nil // it is the workers' now
	}
	r.starting = r.starting[:0]
}

// work runs a batch, and then what waits in its lane, until another worker has to do that.
func (r *runner) work(ctx context.Context, key lane, batch []Task) {
	for ; len(batch) > 0; batch = r.nextOf(ctx, key, batch) {
		if ctx.Err() != nil {
			continue
		}
		if held := r.renew(ctx, batch); len(held) > 0 {
			r.runBatch(ctx, key, held)
		}
		if !key.putsOff {
			for _, t := range batch {
				r.gate.ended(t.TaskKey)
			}
		}
	}
}

// nextOf takes a batch that has run off its lane and returns the next: tasks that have been
// due longest and may start. Small batches make room for a large one first: whoever
// finds less leaves it to those that end later. What happened while the tasks waited
// counts: a target that has failed meanwhile is left alone.
func (r *runner) nextOf(ctx context.Context, key lane, done []Task) []Task {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range done {
		r.keepLocked(t.TaskKey, func(l lease) bool { return l.token != t.Token })
	}
	l := r.lanes[key]
	l.running -= len(done)
	if l.running == 0 && len(l.waiting) == 0 {
		delete(r.lanes, key)
		return nil
	}
	var batch []Task
	if size := min(r.sizeOf(key), len(l.waiting)); r.limitOf(key)-l.running >= size {
		batch = r.takeLocked(ctx, key, l, size)
	}
	l.running += len(batch)
	if l.running == 0 {
		delete(r.lanes, key)
	}
	r.startLocked(ctx)
	return batch
}

// takeLocked admits at most size of the tasks that wait.
func (r *runner) takeLocked(ctx context.Context, key lane, l *laneState, size int) []Task {
	var batch []Task
	now := order.At(time.Now())
	for len(l.waiting) > 0 && len(batch) < size {
		t, _ := heap.Pop(&l.waiting).(Task)
		if !r.liveLocked(t) {
			continue
		}
		if key.putsOff || ctx.Err() != nil {
			batch = append(batch, t)
			continue
		}
		if at := r.gate.admit(t.TaskKey, now, false); at > now {
			r.delayLocked(t, at, now)
			r.nudge()
			continue
		}
		batch = append(batch, t)
	}
	return batch
}
