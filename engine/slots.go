package engine

import (
	"container/heap"
	"time"

	"anxin/engine/order"
)

// spread keeps calls of a target without a budget apart once they were put off: what
// waited for the end of a pause must not arrive all at once.
const spread = 20 * time.Millisecond

// slotKept is for how long a slot that nobody came for is remembered. A task comes
// within its lease or was taken over by another node.
const slotKept = leaseFor

// slots are the times at which calls to one target may start, no two of them nearer to
// each other than gap. A task that is put off reserves one and keeps it: first come,
// first served, and each knows its time. A slot that was given back goes to the next
// that asks.
type slots struct {
	gap    time.Duration // whole milliseconds, at least one
	next   order.Time    // end of the queue: nothing from here on is reserved
	held   map[TaskKey]order.Time
	freed  timeHeap
	last   order.Time // start of the last call
	pruned order.Time
}

func newSlots(gap time.Duration) slots {
	return slots{gap: gap, held: make(map[TaskKey]order.Time)}
}

// reserve gives a task the first free slot from a time on; one that it has already and
// that lies there stays its own.
func (s *slots) reserve(key TaskKey, from order.Time) order.Time {
	if at, ok := s.held[key]; ok && at >= from {
		return at
	}
	s.release(key)
	s.prune(from)
	for len(s.freed) > 0 && s.freed[0] < from {
		heap.Pop(&s.freed) // nobody may start before: it is lost
	}
	var at order.Time
	if len(s.freed) > 0 {
		at, _ = heap.Pop(&s.freed).(order.Time)
	} else {
		at = max(s.next, from)
		s.next = at.Add(s.gap)
	}
	s.held[key] = at
	return at
}

// grant gives a task a time outside of the queue, when nobody else may start.
func (s *slots) grant(key TaskKey, at order.Time) {
	if s.held[key] != at {
		s.release(key)
		s.held[key] = at
	}
}

// release gives a task's slot back.
func (s *slots) release(key TaskKey) {
	if at, ok := s.held[key]; ok {
		delete(s.held, key)
		heap.Push(&s.freed, at)
	}
}

// turn returns when the task may start, now at the earliest: at its slot, unless the call
// before was late.
func (s *slots) turn(key TaskKey, now order.Time) order.Time {
	at, ok := s.held[key]
	if !ok {
		at = s.reserve(key, now)
	}
	if s.last != 0 {
		at = max(at, s.last.Add(s.gap))
	}
	return max(at, now)
}

// start uses the task's slot up.
func (s *slots) start(key TaskKey, now order.Time) {
	delete(s.held, key)
	s.last = now
}

// prune forgets slots that were not used, once in a while.
func (s *slots) prune(now order.Time) {
	if now < s.pruned.Add(slotKept) {
		return
	}
	s.pruned = now
	for key, at := range s.held {
		if at.Add(slotKept) < now {
			delete(s.held, key)
		}
	}
}

// timeHeap has the earliest time first.
type timeHeap []order.Time

func (h timeHeap) Len() int           { return len(h) }
func (h timeHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h timeHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *timeHeap) Push(x any) { *h = append(*h, x.(order.Time)) }

// Pop implements heap.Interface.
func (h *timeHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
