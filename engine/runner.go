package engine

import (
	"container/heap"
	"context"
	"errors"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine/order"
)

const (
	// horizon is how far ahead tasks are leased into memory. Far enough that a claim
	// is never late, near enough that a million armed tasks cost no memory.
	horizon = 2 * time.Second
	// claimEvery is how often the store is looked through for tasks coming due.
	claimEvery = 500 * time.Millisecond
	// claimLimit bounds one claim: what it leases is in memory before the next, which
	// follows a full one at once.
	claimLimit = 1000
	// leaseFor is how long past its due time a task may run before others may take it.
	leaseFor = time.Minute
	// maxCall bounds one call to a channel or backend. A run makes three at most (query,
	// close, query), so only the dead lose a lease.
	maxCall = 15 * time.Second
	// maxRun is what a lease must still have when a run begins.
	maxRun = 3 * maxCall
)

// handler runs a task. It commits its own outcome; a task it leaves untouched is taken
// up again when the lease ends.
type handler func(ctx context.Context, t Task)

// batchHandler runs tasks of one kind together.
type batchHandler func(ctx context.Context, list []Task)

// taskStore is what the runner needs of the store.
type taskStore interface {
	TaskClaimer
	Committer
}

// runner fires tasks from memory at their due time, never before it, and bounds how
// many run at once per kind and target, so that one slow endpoint delays nobody else.
type runner struct {
	tasks    taskStore
	handlers map[TaskKind]handler
	batches  map[TaskKind]batchHandler // for kinds that wait for nothing but the store
	limits   map[TaskKind]int          // concurrent runs per target
	gate     gate
	putOff   batchHandler // commits the new due times of tasks, which they carry
	log      logrus.FieldLogger

	wake chan struct{} // the head of the heap changed

	mu    sync.Mutex // guards what follows
	due   dueHeap
	held  map[TaskKey][]lease // what this node holds; see supersedeLocked for why a list
	clock uint64              // rises with every begin
	lanes map[lane]*laneState
	// starting are the lanes that have tasks ready, while the lock is held.
	starting []lane
	closed   bool
	wg       sync.WaitGroup // running handlers
}

// lease is a task that this node was given.
type lease struct {
	token int64
	due   order.Time
	at    uint64 // clock when the node heard of it
}

func newRunner(tasks taskStore, handlers map[TaskKind]handler, limits map[TaskKind]int, log logrus.FieldLogger) *runner {
	return &runner{
		tasks: tasks, handlers: handlers, limits: limits, gate: open{}, log: log, wake: make(chan struct{}, 1),
		held: make(map[TaskKey][]lease), lanes: make(map[lane]*laneState),
	}
}

// lease gives a task that is about to be written its fencing token and, when it is due
// soon, its lease to this node.
func (r *runner) lease(t *Task, now order.Time) {
	t.Token = rand.Int64()
	t.LeaseUntil = 0
	if t.DueAt <= now.Add(horizon) {
		t.LeaseUntil = max(t.DueAt, now).Add(leaseFor)
	}
}

// begin is called before tasks are written or claimed; what it returns goes with the
// outcome to committed.
func (r *runner) begin() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock++
	return r.clock
}

// committed takes over what a commit of this node did to tasks.
func (r *runner) committed(writes []TaskWrite, begun uint64) {
	if len(writes) == 0 {
		return
	}
	armed := false
	r.mu.Lock()
	for _, w := range writes {
		r.supersedeLocked(w.TaskKey, begun)
		if !w.Delete && w.LeaseUntil != 0 {
			r.armLocked(w.Task)
			armed = true
		}
	}
	r.mu.Unlock()
	if armed {
		r.nudge()
	}
}

// supersedeLocked forgets the leases of a task that are older than a write which began
// at begun. One that the node heard of since then may be the newer: a commit and a claim
// of the same task return in either order, whatever order the store did them in. Both
// are kept then, both fire, and the fence of the store refuses the older.
func (r *runner) supersedeLocked(key TaskKey, begun uint64) {
	r.keepLocked(key, func(l lease) bool { return l.at >= begun })
}

func (r *runner) keepLocked(key TaskKey, keep func(lease) bool) {
	left := slices.DeleteFunc(r.held[key], func(l lease) bool { return !keep(l) })
	if len(left) == 0 {
		delete(r.held, key)
		return
	}
	r.held[key] = left
}

func (r *runner) holdLocked(t Task) {
	r.held[t.TaskKey] = append(r.held[t.TaskKey], lease{t.Token, t.DueAt, r.clock})
}

func (r *runner) armLocked(t Task) {
	r.holdLocked(t)
	heap.Push(&r.due, t)
}

func (r *runner) liveLocked(t Task) bool {
	return slices.ContainsFunc(r.held[t.TaskKey], func(l lease) bool { return l.token == t.Token })
}

// runsBy reports whether this node runs the task now or will have begun by then.
func (r *runner) runsBy(key TaskKey, by order.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.held[key], func(l lease) bool { return l.due <= by })
}

func (r *runner) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run claims and fires until ctx ends, then waits for the handlers that are running;
// ctx is theirs too.
func (r *runner) run(ctx context.Context) {
	var claims sync.WaitGroup
	claims.Go(func() { r.claimLoop(ctx) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		next := r.fire(ctx)
		timer.Reset(next)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-r.wake:
		}
	}
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	claims.Wait()
	r.wg.Wait()
}

// fire starts what is due and returns how long until the next is.
func (r *runner) fire(ctx context.Context) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.startLocked(ctx)
	now := time.Now()
	for len(r.due) > 0 {
		t := r.due[0]
		// Whole milliseconds: a task due at .250 fires at .250 or after, never before.
		if wait := t.DueAt.Std().Sub(now); wait > 0 {
			return wait
		}
		heap.Pop(&r.due)
		r.dispatchLocked(t, order.At(now))
	}
	return time.Hour
}

// renew gives those of a batch that waited long for their lane leases that outlast its run,
// and returns what this node still holds. Without it a backlog as long as a lease would
// never be worked off: every task would be taken over in the middle of its run, and every
// outcome refused.
func (r *runner) renew(ctx context.Context, batch []Task) (held []Task) {
	now := order.At(time.Now())
	var old []int // places of those whose leases end too soon
	var commits []Commit
	for i, t := range batch {
		if t.LeaseUntil >= now.Add(maxRun) {
			held = append(held, t)
			continue
		}
		fence := &Fence{t.TaskKey, t.Token}
		t.Token, t.LeaseUntil = rand.Int64(), now.Add(leaseFor)
		old, commits = append(old, i), append(commits, Commit{Tasks: []TaskWrite{{Task: t}}, Fence: fence})
	}
	if len(commits) == 0 {
		return held
	}
	begun := r.begin()
	outcomes := r.tasks.CommitEach(ctx, commits)
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, err := range outcomes {
		t := commits[n].Tasks[0].Task
		switch {
		case err == nil:
			r.supersedeLocked(t.TaskKey, begun)
			r.holdLocked(t)
			batch[old[n]] = t
			held = append(held, t)
		case ctx.Err() == nil && !errors.Is(err, ErrFenced):
			r.log.WithError(err).WithField("kind", t.Kind).Error("renew lease")
		}
	}
	return held
}

// runBatch keeps a panicking handler (a bug in one adapter) from ending every order's
// recovery: it is logged and the tasks come again when their leases end.
func (r *runner) runBatch(ctx context.Context, key lane, batch []Task) {
	defer func() {
		if p := recover(); p != nil {
			r.log.WithFields(logrus.Fields{"order_no": batch[0].OrderNo, "kind": key.kind, "stack": string(debug.Stack())}).Error("task panicked")
		}
	}()
	switch together := r.batches[key.kind]; {
	case key.putsOff:
		r.putOff(ctx, batch)
	case together != nil:
		together(ctx, batch)
	default:
		r.handlers[key.kind](ctx, batch[0])
	}
}

// claimLoop brings tasks that come due within the horizon into memory.
func (r *runner) claimLoop(ctx context.Context) {
	tick := time.NewTicker(claimEvery)
	defer tick.Stop()
	for {
		r.claim(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (r *runner) claim(ctx context.Context) {
	for ctx.Err() == nil {
		now, begun := order.At(time.Now()), r.begin()
		claimed, err := r.tasks.ClaimTasks(ctx, Claim{
			DueBy: now.Add(horizon), Now: now, LeaseUntil: now.Add(horizon + leaseFor), Token: rand.Int64(), Limit: claimLimit,
		})
		if err != nil {
			if ctx.Err() == nil {
				r.log.WithError(err).Error("claim tasks")
			}
			return
		}
		r.mu.Lock()
		for _, t := range claimed {
			r.supersedeLocked(t.TaskKey, begun)
			r.armLocked(t)
		}
		r.mu.Unlock()
		if len(claimed) > 0 {
			r.nudge()
		}
		if len(claimed) < claimLimit {
			return
		}
	}
}

// dueHeap orders tasks by due time.
type dueHeap []Task

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].DueAt < h[j].DueAt }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *dueHeap) Push(x any) { *h = append(*h, x.(Task)) }

// Pop implements heap.Interface.
func (h *dueHeap) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = Task{}
	*h = (*h)[:len(*h)-1]
	return last
}
