package engine

import (
	"sync"
	"time"

	"anxin/engine/order"
)

const (
	// probeGrace is how long after a probe the next calls are planned: most answers have
	// come by then, and what was planned need not be put off again.
	probeGrace = 3 * time.Second
	// busyWait is how far a call is put off when all workers of its target are taken.
	busyWait = time.Second
)

// pacer decides when calls to one target may start: it holds the operator's pause, the
// breaker and the budget. What may not start now gets the time when it may, and no two
// tasks the same. It is safe for concurrent use.
type pacer struct {
	qps int // 0 = no budget: calls are kept apart only after they were put off

	mu      sync.Mutex // guards what follows
	breaker breaker
	slots   slots
	paused  order.Time // until; in the past = not
	first   TaskKey    // the task that was promised the probe's time
}

// newPacer allows qps calls in any second, or any number for 0.
func newPacer(limits BreakerLimits, qps int) *pacer {
	gap := spread
	if qps > 0 {
		gap = time.Duration((1000+qps-1)/qps) * time.Millisecond
	}
	return &pacer{qps: qps, breaker: newBreaker(limits), slots: newSlots(gap)}
}

// admit returns now when the task may start, else its time. Unless full, a task that may
// start has started with it. full says that all workers are taken: with a budget that
// puts a task off, without one it may wait for a worker.
func (p *pacer) admit(key TaskKey, now order.Time, full bool) order.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at, held := p.heldBackLocked(key, now); held {
		return at
	}
	switch {
	case full && p.qps > 0:
		return p.slots.reserve(key, now.Add(busyWait))
	case full:
		return now
	case p.qps > 0:
		if at := p.slots.turn(key, now); at > now {
			return at
		}
	}
	p.slots.start(key, now)
	p.breaker.begin(key, now)
	return now
}

// plan returns when a task that is wanted at a time will really start, as far as pause
// and breaker are known now. Telling it at once spares the payer a promise that has to
// be replaced.
func (p *pacer) plan(key TaskKey, wanted, now order.Time) order.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	opens, _ := p.breaker.opensAt(now)
	if wanted == 0 || wanted >= max(opens, p.paused) {
		return wanted
	}
	if at, held := p.heldBackLocked(key, now); held {
		return max(at, wanted)
	}
	return wanted
}

// soon takes a slot for one more call of a run, if there is one within a time. It gives
// up rather than queue: a run must not outlast its lease.
func (p *pacer) soon(key TaskKey, now order.Time, within time.Duration) (at order.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if opens, ok := p.breaker.opensAt(now); !ok || opens != 0 || p.paused > now {
		return 0, false
	}
	if p.qps == 0 {
		return now, true
	}
	if at = p.slots.turn(key, now); at > now.Add(within) {
		p.slots.release(key)
		return 0, false
	}
	p.slots.start(key, at)
	return at, true
}

// heldBackLocked gives the task its time if no call may start now.
func (p *pacer) heldBackLocked(key TaskKey, now order.Time) (at order.Time, held bool) {
	opens, ok := p.breaker.opensAt(now)
	switch {
	case !ok: // a probe is on its way
		return p.slots.reserve(key, max(now.Add(probeGrace), p.paused)), true
	case opens > now && (p.first == TaskKey{} || p.first == key):
		p.first = key
		at = max(opens, p.paused)
		p.slots.grant(key, at)
		return at, true
	case opens > now:
		return p.slots.reserve(key, max(opens.Add(probeGrace), p.paused)), true
	case p.paused > now:
		return p.slots.reserve(key, p.paused), true
	}
	return 0, false
}

// written takes back the time of a task that was finished or got another one.
func (p *pacer) written(w TaskWrite) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.slots.held[w.TaskKey]
	if !ok || (!w.Delete && at == w.DueAt) {
		return
	}
	p.slots.release(w.TaskKey)
	if p.first == w.TaskKey {
		p.first = TaskKey{}
	}
}

// succeeded tells that the target answered, failed that it did not. They report whether
// that closed or opened the breaker.
func (p *pacer) succeeded(key TaskKey) (closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.breaker.state()
	p.breaker.succeeded(key)
	if p.breaker.state() != BreakerClosed {
		return false
	}
	p.first = TaskKey{}
	return before != BreakerClosed
}

func (p *pacer) failed(key TaskKey, now order.Time) (opened bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.breaker.probeAt
	opened = p.breaker.failed(key, now)
	if p.breaker.probeAt != before {
		p.first = TaskKey{}
	}
	return opened
}

// ended tells that a task's run is over, whatever became of it.
func (p *pacer) ended(key TaskKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.breaker.ended(key)
}

// pause holds all calls back until a time. An earlier one than before gives all times
// back that were planned for the end of the longer pause.
func (p *pacer) pause(until order.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until < p.paused {
		last := p.slots.last
		p.slots, p.first = newSlots(p.slots.gap), TaskKey{}
		p.slots.last = last
	}
	p.paused = until
}

// pausedUntil returns the end of the pause, and of the queue behind it.
func (p *pacer) pausedUntil() (until, last order.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.paused, p.slots.next
}

// PaceState is what is known of one target's calls.
type PaceState struct {
	Breaker   BreakerState
	Failures  int        // in a row
	NextProbe order.Time // 0 while the breaker is closed
	QPS       int        // 0 = no budget
	Deferred  int        // tasks that wait for their time
	Paused    order.Time // until when operators hold it back, 0 = they do not
}

func (p *pacer) stateAt(now order.Time) PaceState {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := PaceState{p.breaker.state(), p.breaker.failures, p.breaker.probeAt, p.qps, len(p.slots.held), p.paused}
	if s.Paused <= now {
		s.Paused = 0
	}
	return s
}
