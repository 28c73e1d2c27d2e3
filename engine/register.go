package engine

import (
	"context"
	"errors"
	"fmt"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// Register takes in a new order, or returns the one that is the same. created says
// which. It fails with a *order.FieldError, order.ErrExists, or ErrUnknownChannel when a managed
// order names a channel that is not configured.
func (e *Engine) Register(ctx context.Context, r order.Registration) (o order.Order, created bool, err error) {
	if r.Mode == order.Managed {
		ch, ok := e.deps.Channels[r.Channel]
		if !ok {
			return order.Order{}, false, fmt.Errorf("%w: %q", ErrUnknownChannel, r.Channel)
		}
		r.Merchant = ch.Policy().Merchant
		r.Deliver = e.deps.Backends[r.Backend]
		r.LateSuccess = e.cfg.LateSuccess.of(r.Channel)
	}
	change, err := order.Register(r, now())
	if err != nil {
		return order.Order{}, false, err
	}
	switch known, err := e.deps.Store.Order(ctx, r.OrderNo); {
	case err == nil:
		return sameOrConflict(known, r)
	case !errors.Is(err, ErrNotFound):
		return order.Order{}, false, fmt.Errorf("load order: %w", err)
	}
	c := Commit{Order: &change.Order, Events: change.Events}
	e.owed(&c, order.Order{}, change)
	if err := e.releaseWith(ctx, &c, change.Order); err != nil {
		return order.Order{}, false, err
	}
	switch err := e.commit(ctx, c); {
	case err == nil:
		return change.Order, true, nil
	case !errors.Is(err, ErrConflict):
		return order.Order{}, false, fmt.Errorf("store order: %w", err)
	}
	known, err := e.deps.Store.Order(ctx, r.OrderNo) // another request registered it meanwhile
	if err != nil {
		return order.Order{}, false, fmt.Errorf("load order: %w", err)
	}
	return sameOrConflict(known, r)
}

func sameOrConflict(known order.Order, r order.Registration) (order.Order, bool, error) {
	if !known.SameRegistration(r) {
		return order.Order{}, false, order.ErrExists
	}
	return known, false, nil
}

// releaseWith owes the processing of callbacks that came before their order did.
func (e *Engine) releaseWith(ctx context.Context, c *Commit, o order.Order) error {
	waiting, err := e.deps.Store.Callbacks(ctx, o.OrderNo, CallbackQuarantined, 1)
	if err != nil {
		return fmt.Errorf("look for early callbacks: %w", err)
	}
	if len(waiting) > 0 {
		c.addTask(processTask(o.OrderNo, o.Channel), o.CreatedAt)
	}
	return nil
}

// Claim records that the payer says "I have paid", and promises the first query.
func (e *Engine) Claim(ctx context.Context, orderNo string) (order.Order, error) {
	return e.decide(ctx, orderNo, func(o order.Order, now order.Time) (decision, error) {
		change := o.Claim(now, e.waitOf(o))
		if !change.Changed() {
			return decision{Change: change}, nil
		}
		var with Commit
		if e.queries(o) && o.Payment == order.Pending {
			next := max(nextByAge(e.scheduleOf(o), now, now), now.Add(minGap))
			next = e.gates.plan(queryTask(o), next, now)
			change = change.Then(change.Order.ScheduleAttempt(order.WorkQuery, next, now))
			with.addTask(queryTask(o), next)
		}
		return decision{Change: change, with: with}, nil
	})
}

// queries reports whether this engine asks a channel about the order.
func (e *Engine) queries(o order.Order) bool {
	return o.Mode == order.Managed && e.HasChannel(o.Channel) && e.policyOf(o).Can(channel.CanQuery)
}
