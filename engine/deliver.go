package engine

import (
	"context"
	"errors"

	"anxin/engine/crash"
	"anxin/engine/order"
)

// runDeliver sends the oldest webhook that an order owes its backend. The next is a run
// of its own, after this one was accepted: a later result never overtakes an earlier
// one, and each has the whole lease for itself.
func (e *Engine) runDeliver(ctx context.Context, t Task) {
	w, err := e.deps.Store.NextWebhook(ctx, t.OrderNo)
	switch {
	case errors.Is(err, ErrNotFound):
		done := Commit{Fence: &Fence{t.TaskKey, t.Token}}
		done.dropTask(t.TaskKey)
		err = e.commit(ctx, done)
	case err == nil:
		err = e.deliver(ctx, t, w)
	}
	e.logTask(ctx, t, err)
}

// deliver sends one webhook. The first try is ordinary handling; from the second on
// the payer is shown that a numbered attempt runs.
func (e *Engine) deliver(ctx context.Context, t Task, w Webhook) error {
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
	_, sendErr := e.send(ctx, t.Target, w)
	if err := ctx.Err(); err != nil {
		return err // shutting down: sent again with the same webhook-id
	}
	if sendErr != nil {
		e.counts.deliveryFailures.Add(1)
		return e.undelivered(ctx, t, sendErr)
	}
	_, err := e.decide(ctx, t.OrderNo, func(o order.Order, now order.Time) (decision, error) {
		return decision{Change: o.Delivered(w.Seq, now), with: Commit{
			Fence: fence, Accepted: &WebhookOutcome{ID: w.ID, Accepted: true, At: now},
			Tasks: []TaskWrite{{Task: Task{TaskKey: t.TaskKey, DueAt: now}}},
		}}, nil
	})
	return err
}

func (e *Engine) send(ctx context.Context, backend string, w Webhook) (reply Reply, err error) {
	ctx, cancel := context.WithTimeout(ctx, maxCall)
	defer cancel()
	crash.At(crash.BeforeSend)
	defer crash.At(crash.AfterSend)
	err = e.contained(func() (err error) {
		reply, err = e.deps.Sender.Send(ctx, backend, w)
		return err
	})
	return reply, err
}

// undelivered promises the next try, or opens a case when the schedule has run out;
// the webhook stays owed.
func (e *Engine) undelivered(ctx context.Context, t Task, sendErr error) error {
	refused := &DeliveryError{Code: "error"}
	errors.As(sendErr, &refused)
	_, err := e.decide(ctx, t.OrderNo, func(o order.Order, now order.Time) (decision, error) {
		d := decision{with: Commit{Fence: &Fence{t.TaskKey, t.Token}}}
		next := nextDelivery(t.Tries+1, refused.RetryAfter, now)
		d.Change = o.DeliveryFailed(refused.Code, next, now)
		if next == 0 {
			d.Change = d.Change.Then(d.Order.OpenCase(order.CaseDeliveryFailed, now, order.Detail{Code: refused.Code}))
			d.with.dropTask(t.TaskKey)
			return d, nil
		}
		d.with.Tasks = []TaskWrite{{Task: Task{TaskKey: t.TaskKey, DueAt: next, Tries: t.Tries + 1}}}
		return d, nil
	})
	return err
}
