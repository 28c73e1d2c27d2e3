package engine

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"runtime/debug"
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
	// claimLimit bounds one claim; a full one is followed by the next at once.
	claimLimit = 5000
	// leaseFor is how long past its due time a task may run before others may take it:
	// above every timeout of a query or delivery, so that only the dead lose a lease.
	leaseFor = time.Minute
)

// handler runs a task. It commits its own outcome; a task it leaves untouched is taken
// up again when the lease ends.
type handler func(ctx context.Context, t Task)

// runner fires tasks from memory at their due time, never before it, and bounds how
// many run at once per kind and target, so that one slow endpoint delays nobody else.
type runner struct {
	tasks    TaskClaimer
	handlers map[TaskKind]handler
	limits   map[TaskKind]int // concurrent runs per target
	log      logrus.FieldLogger

	wake chan struct{} // the head of the heap changed

	mu     sync.Mutex // guards what follows
	due    dueHeap
	tokens map[TaskKey]int64 // the lease that this node holds of each task
	lanes  map[lane]*laneState
	closed bool
	wg     sync.WaitGroup // running handlers
}

type lane struct {
	kind   TaskKind
	target string
}

type laneState struct {
	running int
	waiting []Task
}

func newRunner(tasks TaskClaimer, handlers map[TaskKind]handler, limits map[TaskKind]int, log logrus.FieldLogger) *runner {
	return &runner{
		tasks: tasks, handlers: handlers, limits: limits, log: log, wake: make(chan struct{}, 1),
		tokens: make(map[TaskKey]int64), lanes: make(map[lane]*laneState),
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

// committed takes over what a commit of this node did to tasks.
func (r *runner) committed(writes []TaskWrite) {
	if len(writes) == 0 {
		return
	}
	r.mu.Lock()
	for _, w := range writes {
		if w.Delete || w.LeaseUntil == 0 {
			delete(r.tokens, w.TaskKey)
			continue
		}
		r.armLocked(w.Task)
	}
	r.mu.Unlock()
	r.nudge()
}

func (r *runner) armLocked(t Task) {
	r.tokens[t.TaskKey] = t.Token
	heap.Push(&r.due, t)
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
	now := time.Now()
	for len(r.due) > 0 {
		t := r.due[0]
		// Whole milliseconds: a task due at .250 fires at .250 or after, never before.
		if wait := t.DueAt.Std().Sub(now); wait > 0 {
			return wait
		}
		heap.Pop(&r.due)
		r.dispatchLocked(ctx, t)
	}
	return time.Hour
}

func (r *runner) dispatchLocked(ctx context.Context, t Task) {
	if r.closed || r.tokens[t.TaskKey] != t.Token {
		return // replaced, finished or taken back meanwhile
	}
	key := lane{t.Kind, t.Target}
	l := r.lanes[key]
	if l == nil {
		l = &laneState{}
		r.lanes[key] = l
	}
	if l.running >= r.limits[t.Kind] {
		l.waiting = append(l.waiting, t)
		return
	}
	l.running++
	r.wg.Go(func() { r.work(ctx, key, t) })
}

// work runs one task after the other of its lane until none waits.
func (r *runner) work(ctx context.Context, key lane, t Task) {
	for ok := true; ok; t, ok = r.nextOf(key) {
		if ctx.Err() == nil {
			r.runOne(ctx, t)
		}
		r.mu.Lock()
		if r.tokens[t.TaskKey] == t.Token {
			delete(r.tokens, t.TaskKey)
		}
		r.mu.Unlock()
	}
}

func (r *runner) nextOf(key lane) (Task, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lanes[key]
	for len(l.waiting) > 0 {
		t := l.waiting[0]
		l.waiting = l.waiting[1:]
		if r.tokens[t.TaskKey] == t.Token {
			return t, true
		}
	}
	l.running--
	if l.running == 0 {
		delete(r.lanes, key)
	}
	return Task{}, false
}

// runOne keeps a panicking handler (a bug in one adapter) from ending every order's
// recovery: it is logged and the task comes again when its lease ends.
func (r *runner) runOne(ctx context.Context, t Task) {
	defer func() {
		if p := recover(); p != nil {
			r.log.WithFields(logrus.Fields{"order_no": t.OrderNo, "kind": t.Kind, "stack": string(debug.Stack())}).Error("task panicked")
		}
	}()
	r.handlers[t.Kind](ctx, t)
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
		now := order.At(time.Now())
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
