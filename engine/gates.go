package engine

import (
	"context"
	"time"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// ChannelSettings are the operator's wishes for one channel. Zero fields leave what the
// channel's own policy says, and then the defaults.
type ChannelSettings struct {
	Schedule []time.Duration // ages since the claim at which the payment is queried
	QPS      int             // queries a second that this node puts at most
	Typical  time.Duration   // half of the payments are known by then
	Late     time.Duration   // nine in ten are
	Breaker  BreakerLimits
}

// MaxQPS is the finest budget: calls are spaced in whole milliseconds.
const MaxQPS = 1000

// gates holds the pacer of each target whose calls may be held back. It does not change.
type gates map[target]*pacer

// target is what is paused and paced as one.
type target struct {
	kind TaskKind
	name string // of the channel or the backend
}

var _ gate = gates(nil)

func newGates(cfg Config, deps Deps) gates {
	g := make(gates)
	for name, ch := range deps.Channels {
		s := cfg.Channels[name]
		g[target{TaskQuery, name}] = newPacer(s.Breaker, orDefault(s.QPS, min(ch.Policy().QPS, MaxQPS)))
	}
	for name := range deps.Backends {
		g[target{TaskDeliver, name}] = newPacer(BreakerLimits{}, 0)
	}
	return g
}

// watch adds what messages go through: each channel, so that it can be paused, and each
// provider with its budget and its breaker.
func (g gates) watch(m *messages) {
	if m == nil {
		return
	}
	for _, c := range notify.Channels {
		if m.sendable(c) {
			g[target{TaskNotify, string(c)}] = newPacer(BreakerLimits{}, 0)
		}
	}
	for name, s := range m.byName {
		s.pacer = newPacer(BreakerLimits{}, s.QPS)
		g[target{TaskNotify, name}] = s.pacer
	}
}

func (g gates) of(key TaskKey) (*pacer, bool) {
	name := key.Target
	if key.Kind == TaskNotify { // a pause of a channel is one of all that it tells
		c, _ := key.tells()
		name = string(c)
	}
	p, ok := g[target{key.Kind, name}]
	return p, ok
}

func (g gates) admit(key TaskKey, now order.Time, full bool) order.Time {
	if p, ok := g.of(key); ok {
		return p.admit(key, now, full)
	}
	return now
}

func (g gates) ended(key TaskKey) {
	if p, ok := g.of(key); ok {
		p.ended(key)
	}
}

func (g gates) plan(key TaskKey, wanted, now order.Time) order.Time {
	if p, ok := g.of(key); ok {
		return p.plan(key, wanted, now)
	}
	return wanted
}

func (g gates) written(writes []TaskWrite) {
	for _, w := range writes {
		if p, ok := g.of(w.TaskKey); ok {
			p.written(w)
		}
	}
}

// runDefers tells tasks' new due times, which they carry, to whoever was promised the old
// ones. Nothing was tried, so no attempt is counted.
func (e *Engine) runDefers(ctx context.Context, list []Task) {
	e.counts.deferrals.Add(int64(len(list)))
	e.runEach(ctx, list, func(t Task, o order.Order, now order.Time) (decision, error) {
		d := decision{Change: order.Change{Order: o}, with: Commit{
			Fence: &Fence{t.TaskKey, t.Token},
			Tasks: []TaskWrite{{Task: Task{TaskKey: t.TaskKey, DueAt: t.DueAt, Tries: t.Tries}}},
		}}
		switch t.Kind { //nolint:exhaustive // no other kind is held back
		case TaskQuery:
			d.Change = o.ScheduleAttempt(order.WorkQuery, t.DueAt, now)
		case TaskDeliver:
			d.Change = o.ScheduleAttempt(order.WorkDeliver, t.DueAt, now)
		}
		return d, nil
	})
}

// heard tells a channel's breaker what a query came to. Only a channel that cannot be
// reached is sick: one that does not know the order, or refuses to tell, has answered.
func (e *Engine) heard(o order.Order, outcome order.QueryOutcome) {
	key := queryTask(o)
	p, ok := e.gates.of(key)
	switch {
	case !ok:
	case outcome != order.QueryUnreachable:
		if p.succeeded(key) {
			e.alerts.note(notify.AlertBreakerClosed, notify.AlertAbout{Target: o.Channel}, 1)
		}
	case p.failed(key, now()):
		e.alerts.note(notify.AlertBreakerOpened, notify.AlertAbout{Target: o.Channel}, 1)
		e.deps.Log.WithField("channel", o.Channel).Warn("channel fails: its queries wait for a probe")
	}
}

// turnWait is how long a run may wait for its second question.
const turnWait = 2 * time.Second

// awaitTurn waits for the turn of one more question of the same run. false means that it
// does not come soon.
func (e *Engine) awaitTurn(ctx context.Context, o order.Order) bool {
	p, ok := e.gates.of(queryTask(o))
	if !ok {
		return true
	}
	at, ok := p.soon(TaskKey{o.OrderNo, "confirm", o.Channel}, now(), turnWait)
	if !ok {
		return false
	}
	timer := time.NewTimer(time.Until(at.Std()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
