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

// maxPause bounds how long a channel may put queries off by its Retry-After.
const maxPause = time.Hour

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
		return nextByAge(refundSchedule, o.RecoveryFrom(open[len(open)-1].AcceptedAt), now)
	}
	switch {
	case o.Payment != order.Pending:
		return 0
	case o.ClaimedAt != 0:
		return nextByAge(e.scheduleOf(o), o.RecoveryFrom(o.ClaimedAt), now)
	}
	if o.ExpiresAt != 0 && o.ExpiresAt <= now { // asking or closing failed when it expired
		return nextByAge(unclaimedSchedule, o.RecoveryFrom(o.ExpiresAt), now)
	}
	next := nextByAge(unclaimedSchedule, o.RecoveryFrom(o.CreatedAt), now)
	if o.ExpiresAt != 0 && (next == 0 || o.ExpiresAt < next) {
		return o.ExpiresAt
	}
	return next
}

// runQuery is one recovery attempt: say that it begins, ask, say what came of it.
func (e *Engine) runQuery(ctx context.Context, t Task) {
	fence := &Fence{t.TaskKey, t.Token}
	asks := false
	o, err := e.decide(ctx, t.OrderNo, func(o order.Order, now order.Time) (decision, error) {
		d := decision{with: Commit{Fence: fence}}
		if asks = !settled(o); !asks {
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
func (e *Engine) answered(o order.Order, t Task, a reply, now order.Time) decision {
	d := decision{with: Commit{Fence: &Fence{t.TaskKey, t.Token}}}
	next := order.Time(0)
	if a.Outcome != order.QueryRefused {
		next = a.notBefore(e.nextQuery(o, now), now)
	}
	d.Change = o.Answered(a.Answer, next, now)
	after := d.Order
	switch {
	case settled(after):
		next = 0
	case o.Payment != after.Payment || len(after.OpenRefunds()) != len(o.OpenRefunds()):
		next = e.nextQuery(after, now)
	case a.Outcome == order.QueryRefused:
		d.Change = d.Change.Then(after.OpenCase(order.CaseQueryRefused, now, order.Detail{Code: a.Code}))
	case next == 0 && !abandoned(after, a):
		d.Change = d.Change.Then(after.OpenCase(order.CaseQueryExhausted, now, order.Detail{}))
	}
	if next == 0 {
		d.with.dropTask(t.TaskKey)
	} else {
		d.with.Tasks = append(d.with.Tasks, TaskWrite{Task: Task{TaskKey: t.TaskKey, DueAt: next, Tries: t.Tries + 1}})
	}
	return d
}

// abandoned reports whether an order needs nobody's attention when the queries about it
// run out: no payer claimed it, and the channel knows of no payment.
func abandoned(o order.Order, a reply) bool {
	return o.ClaimedAt == 0 && len(o.OpenRefunds()) == 0 && a.unpaid()
}

// reply is what asking came to, with what the channel asked for besides.
type reply struct {
	order.Answer
	retryAfter time.Duration
}

func (a reply) unpaid() bool {
	return a.Outcome == order.QueryUnpaid || a.Outcome == order.QueryUnknown
}

// notBefore moves a planned query to where the channel wants it at the earliest.
func (a reply) notBefore(next, now order.Time) order.Time {
	if next == 0 {
		return 0
	}
	return max(next, now.Add(min(a.retryAfter, maxPause)))
}

// ask queries the channel once. An order that expired unclaimed is closed at the
// channel first, so that the answer is final; close may find it paid.
func (e *Engine) ask(ctx context.Context, o order.Order) reply {
	a := e.query(ctx, o)
	if o.ClaimedAt != 0 || o.ExpiresAt == 0 || now() < o.ExpiresAt || !a.unpaid() || o.Payment != order.Pending {
		return a
	}
	closing, cancel := context.WithTimeout(ctx, e.timeoutOf(o))
	err := e.contained(func() error { return e.deps.Channels[o.Channel].Close(closing, queryOf(o)) })
	cancel()
	if err != nil && !errors.Is(err, channel.ErrAlreadyPaid) {
		return a
	}
	return e.query(ctx, o)
}

func (e *Engine) timeoutOf(o order.Order) time.Duration {
	return min(orDefault(e.policyOf(o).QueryTimeout, defaultQueryTimeout), maxCall)
}

func queryOf(o order.Order) channel.Query {
	q := channel.Query{OrderNo: o.OrderNo, Amount: o.Amount, CreatedAt: o.CreatedAt.Std(), ExpiresAt: o.ExpiresAt.Std()}
	for _, r := range o.OpenRefunds() {
		q.RefundIDs = append(q.RefundIDs, r.ID)
	}
	return q
}

func (e *Engine) query(ctx context.Context, o order.Order) reply {
	ch, ok := e.deps.Channels[o.Channel]
	if !ok { // taken out of the configuration: a person must know
		return reply{Answer: order.Answer{Outcome: order.QueryRefused, Code: "no_channel"}}
	}
	e.counts.queries.Add(1)
	ctx, cancel := context.WithTimeout(ctx, e.timeoutOf(o))
	defer cancel()
	var evidence order.Evidence
	err := e.contained(func() (err error) {
		evidence, err = ch.Query(ctx, queryOf(o))
		return err
	})
	if err == nil {
		evidence.Source = order.FromQuery
		return reply{Answer: order.Answer{Outcome: evidence.Claims.Outcome(), Evidence: &evidence}}
	}
	e.counts.queryFailures.Add(1)
	var failed *channel.QueryError
	switch {
	case !errors.As(err, &failed):
		return reply{Answer: order.Answer{Outcome: order.QueryUnreachable, Code: "error"}}
	case failed.Permanent:
		return reply{Answer: order.Answer{Outcome: order.QueryRefused, Code: failed.Code}}
	}
	return reply{order.Answer{Outcome: failed.Outcome, Code: failed.Code}, failed.RetryAfter}
}

// CheckNow brings the next attempt forward to now: the query while the payment is
// unknown, the delivery while the backend has not taken the success in. One that runs
// already, or is about to, serves instead. It fails with a *TooSoonError right after
// the last one.
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
		task.DueAt = now
		return decision{Change: o.ScheduleAttempt(work, now, now), with: Commit{Tasks: []TaskWrite{{Task: task}}}}, nil
	})
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
