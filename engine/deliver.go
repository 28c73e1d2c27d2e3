package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"anxin/engine/crash"
	"anxin/engine/order"
)

// runDeliver sends the oldest webhook that an order owes its backend. The next is a run
// of its own, after this one was accepted: a later result never overtakes an earlier
// one, and each has the whole lease for itself.
func (e *Engine) runDeliver(ctx context.Context, t Task) {
	e.logTask(ctx, t, e.deliverNext(ctx, t))
}

func (e *Engine) deliverNext(ctx context.Context, t Task) error {
	ep, err := e.deps.Store.Endpoint(ctx, t.Target)
	if err != nil {
		return fmt.Errorf("load endpoint: %w", err)
	}
	w, err := e.deps.Store.NextWebhook(ctx, t.OrderNo, 0)
	switch {
	case errors.Is(err, ErrNotFound):
		done := Commit{Fence: &Fence{t.TaskKey, t.Token}}
		done.dropTask(t.TaskKey)
		return e.commit(ctx, done)
	case err != nil:
		return fmt.Errorf("load next webhook: %w", err)
	case ep.DisabledAt != 0:
		return e.park(ctx, t)
	}
	return e.deliver(ctx, t, w, ep)
}

// deliver sends one webhook. The first try is ordinary handling; from the second on
// the payer is shown that a numbered attempt runs.
func (e *Engine) deliver(ctx context.Context, t Task, w Webhook, ep Endpoint) error {
	fence := &Fence{t.TaskKey, t.Token}
	if t.Tries > 0 {
		_, err := e.decide(ctx, t.OrderNo, func(o order.Order, now order.Time) (decision, error) {
			return decision{Change: o.StartAttempt(order.WorkDeliver, now), with: Commit{Fence: fence}}, nil
		})
		if err != nil {
			return err
		}
	}
	e.counts.deliveries.Add(1)
	try, sendErr := e.send(ctx, t.Target, w)
	if err := ctx.Err(); err != nil {
		return err // shutting down: sent again with the same webhook-id
	}
	e.heardBackend(t.TaskKey, try.Code)
	if sendErr != nil {
		e.counts.deliveryFailures.Add(1)
		return e.undelivered(ctx, t, try, sendErr.RetryAfter)
	}
	var well *Endpoint
	if ep.GoneAt != 0 {
		well = &Endpoint{Backend: t.Target} // it was not gone for good
	}
	_, err := e.decide(ctx, t.OrderNo, func(o order.Order, now order.Time) (decision, error) {
		d := decision{Change: o.Delivered(w.Seq, now), with: Commit{
			Fence: fence, Accepted: &WebhookOutcome{ID: w.ID, Accepted: true, At: now}, Delivery: &try, Endpoint: well,
		}}
		// A webhook that is committed between this look and this commit raises the order's
		// seq: the commit is refused, and the look is taken again.
		switch _, err := e.deps.Store.NextWebhook(ctx, t.OrderNo, w.Seq); {
		case errors.Is(err, ErrNotFound):
			d.with.dropTask(t.TaskKey)
		case err != nil:
			return decision{}, fmt.Errorf("load next webhook: %w", err)
		default:
			d.with.addTask(t.TaskKey, now)
		}
		return d, nil
	})
	return err
}

// send makes one try. The error is nil when the backend accepted the webhook.
func (e *Engine) send(ctx context.Context, backend string, w Webhook) (Delivery, *DeliveryError) {
	ctx, cancel := context.WithTimeout(ctx, maxCall)
	defer cancel()
	crash.At(crash.BeforeSend)
	defer crash.At(crash.AfterSend)
	began := time.Now()
	try := Delivery{WebhookID: w.ID, At: order.At(began)}
	err := e.contained(func() (err error) {
		try.Reply, err = e.deps.Sender.Send(ctx, backend, w)
		return err
	})
	try.Took = time.Since(began)
	if err == nil {
		try.Code = fmt.Sprintf("http_%d", try.Reply.Status)
		return try, nil
	}
	refused := &DeliveryError{Code: "error"}
	errors.As(err, &refused)
	try.Code = refused.Code
	return try, refused
}

// undelivered promises the next try, or opens a case when the schedule has run out;
// the webhook stays owed. An endpoint that is gone for good gets no further try until a
// person enables it.
func (e *Engine) undelivered(ctx context.Context, t Task, try Delivery, retryAfter time.Duration) error {
	ep, err := e.deps.Store.Endpoint(ctx, t.Target) // as it is after the call, which took its time
	if err != nil {
		return fmt.Errorf("load endpoint: %w", err)
	}
	ep.Backend = t.Target
	noted := afterRefusal(ep, try.Code, now())
	if noted != nil {
		e.tellGone(*noted)
	}
	if try.Code == codeGone {
		retryAfter = max(retryAfter, goneRetry)
	}
	_, err = e.decide(ctx, t.OrderNo, func(o order.Order, now order.Time) (decision, error) {
		d := decision{with: Commit{Fence: &Fence{t.TaskKey, t.Token}, Delivery: &try, Endpoint: noted}}
		next := e.gates.plan(t.TaskKey, nextDelivery(t.Tries+1, retryAfter, now), now)
		switch {
		case noted != nil && noted.DisabledAt != 0:
			d.Change = o.DeliveryFailed(try.Code, 0, now)
			d.Change = d.Change.Then(d.Order.Suspend(order.WorkDeliver, codeDisabled, now))
			d.with.Tasks = []TaskWrite{{Task: Task{TaskKey: t.TaskKey, DueAt: Parked, Tries: t.Tries + 1}}}
		case next == 0:
			d.Change = o.DeliveryFailed(try.Code, 0, now)
			d.Change = d.Change.Then(d.Order.OpenCase(order.CaseDeliveryFailed, now, order.Detail{Code: try.Code}))
			d.with.dropTask(t.TaskKey)
		default:
			d.Change = o.DeliveryFailed(try.Code, next, now)
			d.with.Tasks = []TaskWrite{{Task: Task{TaskKey: t.TaskKey, DueAt: next, Tries: t.Tries + 1}}}
		}
		return d, nil
	})
	return err
}

func (e *Engine) tellGone(ep Endpoint) {
	log := e.deps.Log.WithField("backend", ep.Backend)
	if ep.DisabledAt != 0 {
		log.Error("backend answers 410 for an hour: its webhooks wait until an operator enables them")
		return
	}
	log.Warn("backend answers 410: its webhooks are tried again in an hour, and then disabled")
}
