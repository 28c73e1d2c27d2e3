package store

import (
	"container/heap"
	"math"
	"slices"

	"anxin/engine"
	"anxin/engine/order"
)

// storedTask is a task with the number of its row, 0 = not known.
type storedTask struct {
	engine.Task
	row int64
}

// lease is a task that somebody holds, as it is stored: beyond its end, until another takes
// it or it is written anew. One whose end is 0 is nobody's and was written where claims
// read no more.
type lease struct {
	storedTask
	in    *leaseHeap
	index int // in its heap
}

// leases are the leases of all tasks, in memory: those of a process are worth nothing
// after it, and it is the only one that has the database open. Each takes about 270 bytes.
// Only the writer's goroutine uses them.
type leases struct {
	held    map[engine.TaskKey]*lease
	running leaseHeap // by their end
	ended   leaseHeap // by due time; a hint, since clocks of claimers differ
	// Every task up to the frontier is among them, so that a claim reads on from there.
	frontier taskPlace
	undo     []leaseBefore // what the open transaction changed
}

// leaseBefore is the lease that a task had before a change, nil for none.
type leaseBefore struct {
	key engine.TaskKey
	was *lease
}

// taskPlace is where a task stands in the order of claiming.
type taskPlace struct {
	due order.Time
	row int64
}

func (p taskPlace) before(q taskPlace) bool {
	return p.due < q.due || (p.due == q.due && p.row < q.row)
}

// beforeAll is the frontier of a store that was just opened: nobody holds anything.
var beforeAll = taskPlace{due: math.MinInt64}

func newLeases() *leases {
	return &leases{
		held:     make(map[engine.TaskKey]*lease),
		running:  leaseHeap{before: func(a, b *lease) bool { return a.LeaseUntil < b.LeaseUntil }},
		ended:    leaseHeap{before: func(a, b *lease) bool { return a.DueAt < b.DueAt }},
		frontier: beforeAll,
	}
}

func (l *leases) holds(f *engine.Fence) bool {
	held, ok := l.held[f.TaskKey]
	return ok && held.LeaseUntil != 0 && held.Token == f.Token
}

// written takes over a task as it is stored now.
func (l *leases) written(t storedTask) {
	if t.LeaseUntil == 0 && l.frontier.before(taskPlace{due: t.DueAt}) {
		l.drop(t.TaskKey) // claims will come to it
		return
	}
	l.undo = append(l.undo, leaseBefore{t.TaskKey, l.remove(t.TaskKey)})
	l.add(&lease{storedTask: t})
}

// drop forgets a task that is free or gone.
func (l *leases) drop(key engine.TaskKey) {
	if was := l.remove(key); was != nil {
		l.undo = append(l.undo, leaseBefore{key, was})
	}
}

// backTo has the next claim read what is due at a time again.
func (l *leases) backTo(due order.Time) {
	if at := (taskPlace{due: due}); at.before(l.frontier) {
		l.frontier = at
	}
}

// passed says that everything up to a place is among them.
func (l *leases) passed(p taskPlace) {
	if l.frontier.before(p) {
		l.frontier = p
	}
}

// expire finds the leases that ended before now.
func (l *leases) expire(now order.Time) {
	for l.running.Len() > 0 && l.running.list[0].LeaseUntil < now {
		l.moveTo(&l.ended, l.running.list[0])
	}
}

// firstEnded returns the earliest due of the tasks whose lease ended before now, nil if
// none is due by a time.
func (l *leases) firstEnded(now, dueBy order.Time) *lease {
	for l.ended.Len() > 0 && l.ended.list[0].DueAt <= dueBy {
		first := l.ended.list[0]
		if first.LeaseUntil < now {
			return first
		}
		l.moveTo(&l.running, first)
	}
	return nil
}

// begin and rollback are told of transactions. After one that failed, claims read from the
// beginning.
func (l *leases) begin() {
	clear(l.undo)
	l.undo = l.undo[:0]
}

func (l *leases) rollback() {
	for _, before := range slices.Backward(l.undo) {
		l.remove(before.key)
		if before.was != nil {
			l.add(before.was)
		}
	}
	l.begin()
	l.frontier = beforeAll
}

func (l *leases) add(held *lease) {
	l.held[held.TaskKey] = held
	held.in = &l.running
	heap.Push(held.in, held)
}

func (l *leases) remove(key engine.TaskKey) *lease {
	held, ok := l.held[key]
	if !ok {
		return nil
	}
	delete(l.held, key)
	heap.Remove(held.in, held.index)
	return held
}

func (l *leases) moveTo(to *leaseHeap, held *lease) {
	heap.Remove(held.in, held.index)
	held.in = to
	heap.Push(to, held)
}

// leaseHeap is a heap whose members know their places in it.
type leaseHeap struct {
	list   []*lease
	before func(a, b *lease) bool
}

var _ heap.Interface = (*leaseHeap)(nil)

func (h *leaseHeap) Len() int           { return len(h.list) }
func (h *leaseHeap) Less(i, j int) bool { return h.before(h.list[i], h.list[j]) }

func (h *leaseHeap) Swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].index, h.list[j].index = i, j
}

// Push implements heap.Interface.
func (h *leaseHeap) Push(x any) {
	held := x.(*lease) //nolint:forcetypeassert // the heap holds nothing else
	held.index = len(h.list)
	h.list = append(h.list, held)
}

// Pop implements heap.Interface.
func (h *leaseHeap) Pop() any {
	last := h.list[len(h.list)-1]
	h.list[len(h.list)-1] = nil
	h.list = h.list[:len(h.list)-1]
	return last
}
