package engine

import (
	"context"
	"errors"
	"time"

	"anxin/engine/channel"
	"anxin/engine/crash"
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
	if s := e.cfg.Channels[o.Channel]; o.Mode == order.Managed {
		p.Typical, p.Late = orDefault(s.Typical, p.Typical), orDefault(s.Late, p.Late)
	}
	return order.Wait{Typical: orDefault(p.Typical, defaultTypical), Late: orDefault(p.Late, defaultLate), Basis: order.BasisDefault}
}

func (e *Engine) scheduleOf(o order.Order) []time.Duration {
	if s := e.cfg.Channels[o.Channel].Schedule; len(s) > 0 {
		return s
	}
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
	if a.Outcome != order.QueryRefused && !a.last {
		next = e.gates.plan(t.TaskKey, a.notBefore(e.nextQuery(o, now), now), now)
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
	last       bool // asking again cannot bring another answer
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
// channel then, and asked about again, so that the answer is final; close may find it
// paid. Where the budget has no room for the second question soon, it is the next run's.
func (e *Engine) ask(ctx context.Context, o order.Order) reply {
	a := e.query(ctx, o)
	if o.ClaimedAt != 0 || o.ExpiresAt == 0 || now() < o.ExpiresAt || !a.unpaid() || o.Payment != order.Pending {
		return a
	}
	closing, cancel := context.WithTimeout(ctx, e.timeoutOf(o))
	err := e.contained(func() error { return e.deps.Channels[o.Channel].Close(closing, queryOf(o)) })
	cancel()
	switch {
	case errors.Is(err, channel.ErrAlreadyPaid): // "unpaid" must not be believed any more
		a = reply{Answer: order.Answer{Outcome: order.QueryProcessing, Code: codeAlreadyPaid}}
	case err != nil:
		return a
	}
	if !e.awaitTurn(ctx, o) {
		return a
	}
	return e.query(ctx, o)
}

// codeAlreadyPaid marks the answer of a channel that would not close an order because it
// is paid, and has not told the payment yet.
const codeAlreadyPaid = "already_paid"

func (e *Engine) timeoutOf(o order.Order) time.Duration {
	return min(orDefault(e.policyOf(o).QueryTimeout, defaultQueryTimeout), maxCall)
}

func queryOf(o order.Order) channel.Query {
	q := channel.Query{OrderNo: o.OrderNo, Amount: o.Amount, CreatedAt: o.CreatedAt.Std(), ExpiresAt: o.ExpiresAt.Std(), ChannelTxn: o.ChannelTxn}
	for _, r := range o.OpenRefunds() {
		q.RefundIDs = append(q.RefundIDs, r.ID)
	}
	return q
}

// query puts one question to the channel and tells the breaker what it came to.
func (e *Engine) query(ctx context.Context, o order.Order) reply {
	ch, ok := e.deps.Channels[o.Channel]
	if !ok { // taken out of the configuration: a person must know
		return reply{Answer: order.Answer{Outcome: order.QueryRefused, Code: "no_channel"}}
	}
	e.counts.queries.Add(1)
	asking, cancel := context.WithTimeout(ctx, e.timeoutOf(o))
	defer cancel()
	var evidence order.Evidence
	crash.At(crash.BeforeQuery)
	err := e.contained(func() (err error) {
		evidence, err = ch.Query(asking, queryOf(o))
		return err
	})
	crash.At(crash.AfterQuery)
	var a reply
	if err == nil {
		evidence.Source = order.FromQuery
		a = reply{Answer: order.Answer{Outcome: evidence.Claims.Outcome(), Evidence: &evidence}}
	} else {
		e.counts.queryFailures.Add(1)
		a = failureOf(err)
	}
	if ctx.Err() == nil { // else the stop of this node broke it off
		e.heard(o, a.Outcome)
	}
	return a
}

func failureOf(err error) reply {
	var failed *channel.QueryError
	switch {
	case !errors.As(err, &failed):
		return reply{Answer: order.Answer{Outcome: order.QueryUnreachable, Code: "error"}}
	case failed.Permanent && failed.Outcome == order.QueryUnknown: // it will never know the order
		return reply{Answer: order.Answer{Outcome: failed.Outcome, Code: failed.Code}, last: true}
	case failed.Permanent:
		return reply{Answer: order.Answer{Outcome: order.QueryRefused, Code: failed.Code}}
	}
	return reply{Answer: order.Answer{Outcome: failed.Outcome, Code: failed.Code}, retryAfter: failed.RetryAfter}
}
