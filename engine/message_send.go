package engine

import (
	"context"
	"errors"
	"time"

	"anxin/engine/crash"
	"anxin/engine/notify"
	"anxin/engine/order"
)

// hand calls the provider and records what came of it.
func (e *Engine) hand(ctx context.Context, t Task, job errand) error {
	defer job.release()
	receipt, took, failed := e.sendMessage(ctx, job)
	ctx = context.WithoutCancel(ctx) // what became of it is written down also at a stop
	now := now()
	r := job.record
	r.Took = took
	done := Commit{Fence: &Fence{t.TaskKey, t.Token}, Messages: &MessageWrites{}}
	if failed == nil {
		r.ProviderID, r.Segments, r.Cost = receipt.ProviderID, segmentsOf(job.message, receipt), receipt.Cost
		r = r.Move(notify.StatusAccepted, "", now)
		done.addTask(t.TaskKey, now) // the payer may have more devices; the next look finds out
	} else {
		r = e.afterFailure(&done, t, job, r, failed, now)
	}
	done.Messages.Records = []notify.Record{r}
	err := e.commit(ctx, done)
	if errors.Is(err, ErrFenced) { // there is other news meanwhile, with a task of its own
		done.Fence, done.Tasks = nil, nil
		if r.Status == notify.StatusWaiting { // which may have ended: what waits has a task that looks at it
			done.addTask(t.TaskKey, now)
		}
		err = e.commit(ctx, done)
	}
	return err
}

// segmentsOf is what an SMS is billed as, by the provider's word or as it was measured.
func segmentsOf(m notify.Message, r notify.Receipt) int {
	if r.Segments == 0 && m.Channel == notify.SMS {
		return notify.SizeOf(m.Text.Body).Segments
	}
	return r.Segments
}

// afterFailure decides what becomes of a message that a provider did not take.
func (e *Engine) afterFailure(c *Commit, t Task, job errand, r notify.Record, failed *notify.SendError, now order.Time) notify.Record {
	again := now // other providers first: choose knows who has failed
	status, mark := notify.StatusWaiting, ""
	switch failed.Kind {
	case notify.KindMaybeSent:
		if !job.via.traits.Repeatable {
			status = notify.StatusMaybeSent
		}
		mark = unsureMark
	case notify.KindAddress:
		status = notify.StatusFailed
		c.Messages.Dead = &DeadAddress{Channel: r.Channel, Fingerprint: r.Fingerprint, Provider: r.Provider, Code: failed.Code, At: now}
	case notify.KindTemporary, notify.KindThrottled, notify.KindQuota, notify.KindRefused, notify.KindContent:
	}
	if permanent(failed) {
		mark = permanentMark
	}
	r = r.Move(status, mark+failed.Code, now)
	if status == notify.StatusWaiting && tries(r) >= maxMessageTries {
		r = r.Move(notify.StatusFailed, failed.Code, now)
	}
	if failed.RetryAfter > 0 && len(e.messages.providers[r.Channel]) == 1 {
		again = now.Add(min(failed.RetryAfter, maxRetryAfter))
	}
	c.Tasks = append(c.Tasks, TaskWrite{Task: Task{TaskKey: t.TaskKey, DueAt: again, Tries: t.Tries + 1}})
	return r
}

// stopGrace is how long a call that is under way may go on at a stop: an answer that is
// not waited for leaves a message of which nobody knows whether it was sent.
const stopGrace = 2 * time.Second

// sendMessage makes one try, within maxCall.
func (e *Engine) sendMessage(stop context.Context, job errand) (notify.Receipt, time.Duration, *notify.SendError) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(stop), maxCall)
	defer cancel()
	defer context.AfterFunc(stop, func() {
		select {
		case <-time.After(stopGrace):
			cancel()
		case <-ctx.Done():
		}
	})()
	crash.At(crash.BeforeMessage)
	defer crash.At(crash.AfterMessage)
	began := time.Now()
	var receipt notify.Receipt
	err := e.contained(func() (err error) {
		receipt, err = job.via.Provider.Send(ctx, job.message)
		return err
	})
	took := time.Since(began)
	if err == nil {
		e.heardProvider(job, nil, took)
		return receipt, took, nil
	}
	failed, ok := errors.AsType[*notify.SendError](err)
	if !ok { // a panic, or an adapter that broke its word: nobody knows what it did
		failed = &notify.SendError{Kind: notify.KindMaybeSent, Code: "error", Err: err}
	}
	if stop.Err() == nil { // else the stop of this node broke it off
		e.heardProvider(job, failed, took)
	}
	return notify.Receipt{}, took, failed
}
