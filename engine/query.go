package engine

import (
	"context"
	"errors"
	"time"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// Defaults where a channel's policy is silent.
const (
	defaultQueryTimeout = 10 * time.Second
	defaultTypical      = time.Minute
	defaultLate         = 5 * time.Minute
)

func (e *Engine) policyOf(o order.Order) channel.Policy {
	if ch, ok := e.deps.Channels[o.Channel]; ok && o.Mode == order.Managed {
		return ch.Policy()
	}
	return channel.Policy{}
}

func (e *Engine) waitOf(o order.Order) order.Wait {
	p := e.policyOf(o)
	return order.Wait{Typical: orDefault(p.Typical, defaultTypical), Late: orDefault(p.Late, defaultLate), Basis: order.BasisDefault}
}

func (e *Engine) scheduleOf(o order.Order) []time.Duration {
	if s := e.policyOf(o).Schedule; len(s) > 0 {
		return s
	}
	return DefaultSchedule
}

// nextQuery returns when the channel is asked next after now, or 0 when it is not.
func (e *Engine) nextQuery(o order.Order, now order.Time) order.Time {
	if open := o.OpenRefunds(); len(open) > 0 {
		return nextByAge(refundSchedule, open[len(open)-1].AcceptedAt, now)
	}
	switch {
	case o.Payment != order.Pending:
		return 0
	case o.ClaimedAt != 0:
		return nextByAge(e.scheduleOf(o), o.ClaimedAt, now)
	}
	next := nextByAge(unclaimedSchedule, o.CreatedAt, now)
	if o.ExpiresAt > now && (next == 0 || o.ExpiresAt < next) {
		return o.ExpiresAt
	}
	if o.ExpiresAt != 0 && o.ExpiresAt <= now {
		return 0
	}
	return next
}

// runQuery is one recovery attempt: say that it begins, ask, say what came of it.
func (e *Engine) runQuery(ctx context.Context, t Task) {
	fence := &Fence{t.TaskKey, t.Token}
	asks := false
	o, err := e.decide(ctx, t.OrderNo, func(o order.Order, now order.Time) (decision, error) {
		d := decision{with: Commit{Fence: fence}}
		if asks = !settled(o) && e.queries(o); !asks {
			d.with.dropTask(t.TaskKey)
			d.Change = order.Change{Order: o}
			return d, nil
		}
		d.Change = o.StartAttempt(order.WorkQuery, now)
		return d, nil
	})
	if err != nil || !asks {
		e.logTask(ctx, t, err)
		return
	}
	answer := e.ask(ctx, o)
	if ctx.Err() != nil {
		return // shutting down: whoever leases the task next asks again
	}
	_, err = e.decide(ctx, t.OrderNo, func(o order.Order, now order.Time) (decision, error) {
		return e.answered(o, t, answer, now), nil
	})
	e.logTask(ctx, t, err)
}

// answered decides what follows from an answer: the result, the next promise, or,
// when none is left, a case. It never ends in "failed" for want of an answer.
func (e *Engine) answered(o order.Order, t Task, a order.Answer, now order.Time) decision {
	d := decision{with: Commit{Fence: &Fence{t.TaskKey, t.Token}}}
	next := order.Time(0)
	if a.Outcome != order.QueryRefused {
		next = e.nextQuery(o, now)
	}
	d.Change = o.Answered(a, next, now)
	after := d.Order
	switch {
	case settled(after):
		next = 0
	case o.Payment != after.Payment || len(after.OpenRefunds()) != len(o.OpenRefunds()):
		next = e.nextQuery(after, now)
	case a.Outcome == order.QueryRefused:
		d.Change = d.Change.Then(after.OpenCase(order.CaseQueryRefused, now, order.Detail{Code: a.Code}))
	case next == 0 && (after.ClaimedAt != 0 || len(after.OpenRefunds()) > 0):
		d.Change = d.Change.Then(after.OpenCase(order.CaseQueryExhausted, now, order.Detail{}))
	}
	if next == 0 {
		d.with.dropTask(t.TaskKey)
	} else {
		d.with.Tasks = append(d.with.Tasks, TaskWrite{Task: Task{TaskKey: t.TaskKey, DueAt: next, Tries: t.Tries + 1}})
	}
	return d
}

// ask queries the channel once. An order that expired unclaimed is closed at the
// channel first, so that the answer is final; close may find it paid.
func (e *Engine) ask(ctx context.Context, o order.Order) order.Answer {
	a := e.query(ctx, o)
	unpaid := a.Outcome == order.QueryUnpaid || a.Outcome == order.QueryUnknown
	if o.ClaimedAt != 0 || o.ExpiresAt == 0 || now() < o.ExpiresAt || !unpaid || o.Payment != order.Pending {
		return a
	}
	ctx, cancel := context.WithTimeout(ctx, orDefault(e.policyOf(o).QueryTimeout, defaultQueryTimeout))
	err := e.deps.Channels[o.Channel].Close(ctx, queryOf(o))
	cancel()
	if err != nil && !errors.Is(err, channel.ErrAlreadyPaid) {
		return a
	}
	return e.query(ctx, o)
}

func queryOf(o order.Order) channel.Query {
	q := channel.Query{OrderNo: o.OrderNo, Amount: o.Amount, CreatedAt: o.CreatedAt.Std(), ExpiresAt: o.ExpiresAt.Std()}
	for _, r := range o.OpenRefunds() {
		q.RefundIDs = append(q.RefundIDs, r.ID)
	}
	return q
}

func (e *Engine) query(ctx context.Context, o order.Order) order.Answer {
	e.counts.queries.Add(1)
	ctx, cancel := context.WithTimeout(ctx, orDefault(e.policyOf(o).QueryTimeout, defaultQueryTimeout))
	defer cancel()
	evidence, err := e.deps.Channels[o.Channel].Query(ctx, queryOf(o))
	if err == nil {
		evidence.Source = order.FromQuery
		return order.Answer{Outcome: evidence.Claims.Outcome(), Evidence: &evidence}
	}
	e.counts.queryFailures.Add(1)
	var failed *channel.QueryError
	if !errors.As(err, &failed) {
		return order.Answer{Outcome: order.QueryUnreachable, Code: "error"}
	}
	if failed.Permanent {
		return order.Answer{Outcome: order.QueryRefused, Code: failed.Code}
	}
	return order.Answer{Outcome: failed.Outcome, Code: failed.Code}
}

// CheckNow brings the next attempt forward to now: the query while the payment is
// unknown, the delivery while the backend has not taken the success in. One that runs
// already, or is about to, serves instead. It fails with a *TooSoonError right after
// the last one.
func (e *Engine) CheckNow(ctx context.Context, orderNo string) (order.Order, error) {
	return e.decide(ctx, orderNo, func(o order.Order, now order.Time) (decision, error) {
		task, work, ok := e.recovering(o)
		if !ok || o.Attempting || (o.NextAttemptAt != 0 && o.NextAttemptAt <= now.Add(minGap)) {
			return decision{Change: order.Change{Order: o}}, nil
		}
		if again := o.Facts.QueryAt.Add(e.cfg.CheckGap); o.Facts.QueryAt != 0 && now < again {
			return decision{}, &TooSoonError{RetryAfter: again.Sub(now)}
		}
		var with Commit
		with.addTask(task, now)
		return decision{Change: o.ScheduleAttempt(work, now, now), with: with}, nil
	})
}

// recovering names the task that moves the order on.
func (e *Engine) recovering(o order.Order) (TaskKey, order.Work, bool) {
	switch {
	case !settled(o) && e.queries(o):
		return queryTask(o), order.WorkQuery, true
	case o.Payment == order.Succeeded && o.Fulfilment == order.FulfilmentPending:
		return deliverTask(o), order.WorkDeliver, true
	}
	return TaskKey{}, "", false
}
