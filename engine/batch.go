package engine

import (
	"context"
	"errors"
	"fmt"

	"anxin/engine/crash"
	"anxin/engine/order"
)

// choice is what is to be decided about an order.
type choice struct {
	orderNo string
	decide  func(o order.Order, now order.Time) (decision, error)
}

// decideEach is decide for many orders, each of them once, with one reading and one
// commit. What loses a race, or is in the company of what cannot be written, is decided
// again by itself. It returns what each came to.
func (e *Engine) decideEach(ctx context.Context, list []choice) []error {
	outcomes := make([]error, len(list))
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = c.orderNo
	}
	known, err := e.deps.Store.OrdersByNo(ctx, names)
	if err != nil {
		for i := range outcomes {
			outcomes[i] = fmt.Errorf("load orders: %w", err)
		}
		return outcomes
	}
	commits, of := make([]Commit, 0, len(list)), make([]int, 0, len(list))
	for i, c := range list {
		before, ok := known[c.orderNo]
		if !ok {
			outcomes[i] = ErrNotFound
			continue
		}
		d, err := c.decide(before, now())
		if err != nil {
			outcomes[i] = err
			continue
		}
		e.conclude(&d, before, "")
		commits, of = append(commits, d.with), append(of, i)
	}
	for n, err := range e.commitEach(ctx, commits) {
		if err != nil && !errors.Is(err, ErrFenced) && ctx.Err() == nil {
			_, err = e.decide(ctx, names[of[n]], list[of[n]].decide)
		}
		outcomes[of[n]] = err
	}
	return outcomes
}

// commitEach is commit for many.
func (e *Engine) commitEach(ctx context.Context, list []Commit) []error {
	if len(list) == 0 {
		return nil
	}
	at, begun := now(), e.runner.begin()
	for _, c := range list {
		for i := range c.Tasks {
			e.runner.lease(&c.Tasks[i].Task, at)
		}
	}
	crash.At(crash.BeforeCommit)
	outcomes := e.deps.Store.CommitEach(ctx, list)
	crash.At(crash.AfterCommit)
	var written []TaskWrite
	for i, c := range list {
		if outcomes[i] == nil {
			written = append(written, c.Tasks...)
		}
	}
	e.gates.written(written)
	e.runner.committed(written, begun)
	for i, c := range list {
		if outcomes[i] != nil {
			continue
		}
		e.alerts.committed(c)
		if c.Order != nil {
			e.deps.Listener.Committed(*c.Order, c.Events)
		}
	}
	return outcomes
}

// runEach runs tasks that need nothing but their orders.
func (e *Engine) runEach(ctx context.Context, list []Task, f func(t Task, o order.Order, now order.Time) (decision, error)) {
	choices := make([]choice, len(list))
	for i, t := range list {
		choices[i] = choice{t.OrderNo, func(o order.Order, now order.Time) (decision, error) { return f(t, o, now) }}
	}
	for i, err := range e.decideEach(ctx, choices) {
		e.logTask(ctx, list[i], err)
	}
}
