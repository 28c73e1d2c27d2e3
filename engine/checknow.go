package engine

import (
	"context"

	"anxin/engine/order"
)

// CheckNow brings the next attempt forward to now: the query while the payment is
// unknown, the delivery while the backend has not taken the success in. One that runs
// already, or is about to, serves instead; while the target is held back, so does the
// time at which it will be asked. It fails with a *TooSoonError right after the last one.
func (e *Engine) CheckNow(ctx context.Context, orderNo string) (order.Order, error) {
	return e.decide(ctx, orderNo, func(o order.Order, now order.Time) (decision, error) {
		task, work, ok := e.recovering(o)
		if !ok || e.imminent(o, task.TaskKey, now.Add(minGap)) {
			return decision{Change: order.Change{Order: o}}, nil
		}
		last := o.Facts.QueryAt
		if work == order.WorkDeliver {
			last = o.UpdatedAt // nothing but failed deliveries happens to such an order
		}
		if again := last.Add(e.cfg.CheckGap); last != 0 && now < again {
			return decision{}, &TooSoonError{RetryAfter: again.Sub(now)}
		}
		if at := e.gates.plan(task.TaskKey, now, now); at > now {
			return e.coalesced(o, task, work, at, now), nil
		}
		task.DueAt = now
		return decision{Change: o.ScheduleAttempt(work, now, now), with: Commit{Tasks: []TaskWrite{{Task: task}}}}, nil
	})
}

// coalesced has a check take part in the time that its target's gate allows, and tells
// the payer that time unless it is the one that is shown.
func (e *Engine) coalesced(o order.Order, task Task, work order.Work, at, now order.Time) decision {
	if o.NextAttemptAt == at {
		return decision{Change: order.Change{Order: o}}
	}
	task.DueAt = at
	return decision{Change: o.ScheduleAttempt(work, at, now), with: Commit{Tasks: []TaskWrite{{Task: task}}}}
}

// imminent reports whether the task runs now or will have begun by then. The order
// tells it of attempts that the payer is shown, on whatever node; the runner, of all
// others on this one.
func (e *Engine) imminent(o order.Order, key TaskKey, by order.Time) bool {
	return o.Attempting || (o.NextAttemptAt != 0 && o.NextAttemptAt <= by) || e.runner.runsBy(key, by)
}

// recovering returns the task that moves the order on. A first delivery is not
// recovery: it is under way since the commit that made it due. Asking for another
// begins its schedule anew, as a second try: a payer who asks often must not use it up.
func (e *Engine) recovering(o order.Order) (Task, order.Work, bool) {
	switch {
	case o.Payment == order.Succeeded && o.Fulfilment == order.FulfilmentPending:
		// The first delivery is under way by itself; only a failed one can be brought forward.
		return Task{TaskKey: deliverTask(o), Tries: 1}, order.WorkDeliver, o.Facts.DeliveryFailures > 0
	case !settled(o) && e.queries(o):
		return Task{TaskKey: queryTask(o)}, order.WorkQuery, true
	}
	return Task{}, "", false
}
