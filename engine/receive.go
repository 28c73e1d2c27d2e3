package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine/channel"
	"anxin/engine/crash"
	"anxin/engine/order"
)

// quarantineLooks are the waits after which a callback for an unknown order is looked at
// again. A registration finds what was stored before it; these find the order whose
// registration had looked already, and was still being committed, however slowly.
var quarantineLooks = []time.Duration{2 * time.Second, 30 * time.Second, 5 * time.Minute}

// maxReplay bounds how many stored callbacks of one order are processed at a time.
const maxReplay = 100

// Receive takes in a callback and returns the answer for the channel: a success only
// when every notification in it is durable. ErrUnknownChannel means that there is no
// such channel to answer for.
func (e *Engine) Receive(ctx context.Context, name string, r channel.Request) (channel.Answer, error) {
	ch, ok := e.deps.Channels[name]
	if !ok {
		return channel.Answer{}, ErrUnknownChannel
	}
	e.counts.callbacks.Add(1)
	e.backlog.begin()
	notes, err := e.verify(ctx, ch, r)
	if err != nil {
		e.backlog.end()
		e.reject(ctx, name, r, err)
		return ch.Acknowledge(err), nil
	}
	if err := e.take(ctx, entriesOf(name, notes, r)); err != nil {
		e.deps.Log.WithError(err).WithField("channel", name).Error("callback not stored, the channel will send it again")
		return ch.Acknowledge(channel.ErrStore), nil
	}
	crash.At(crash.BeforeAnswer)
	return ch.Acknowledge(nil), nil
}

func entriesOf(name string, notes []channel.Notification, r channel.Request) []Entry {
	list := make([]Entry, len(notes))
	for i, n := range notes {
		list[i] = Entry{Key: CallbackKey{Channel: name, DedupeKey: n.DedupeKey}, OrderNo: n.OrderNo, Notification: n, Raw: r}
	}
	return list
}

// take makes the notifications of one callback durable: each together with everything that
// it changes, or, while many come at once or that takes long, in the journal, to be weighed
// behind. Only a store that cannot write is an error: evidence that moves nothing is stored
// all the same.
func (e *Engine) take(ctx context.Context, list []Entry) error {
	if len(list) == 0 {
		e.backlog.end()
		return nil
	}
	if e.backlog.takes(list) {
		defer e.backlog.end()
		return e.storeFirst(ctx, list)
	}
	weighed := make(chan error, 1)
	go func() { // it is not broken off: the answer may not wait for it
		defer e.backlog.end()
		weighed <- e.contained(func() error { return e.weighFirst(context.WithoutCancel(ctx), list) })
	}()
	patience := time.NewTimer(e.cfg.WeighWithin)
	defer patience.Stop()
	select {
	case err := <-weighed:
		return err
	case <-patience.C:
		return e.storeBeside(ctx, list, weighed)
	}
}

// storeFirst puts notifications into the journal, which is all that their acknowledgement
// needs, and leaves the weighing to weighBacklog. Whether they came before is found then.
func (e *Engine) storeFirst(ctx context.Context, list []Entry) error {
	ids, err := e.addEntries(ctx, list)
	if err != nil {
		e.backlog.drop(list)
		return err
	}
	e.backlog.add(list, ids)
	return nil
}

// storeBeside puts notifications that are being weighed into the journal, until they have
// been. Should that fail, those of them that were not are orphans of the journal.
func (e *Engine) storeBeside(ctx context.Context, list []Entry, weighed <-chan error) error {
	ids, err := e.addEntries(ctx, list)
	if err != nil { // being weighed makes it durable too
		e.deps.Log.WithError(err).Warn("callback not stored in the journal, its answer waits for the database")
		return <-weighed
	}
	go func() {
		err := <-weighed
		if err == nil {
			err = e.deps.Store.DropEntries(context.WithoutCancel(ctx), ids)
		}
		if err != nil {
			e.logWeighing(list[0].OrderNo, err)
		}
	}()
	return nil
}

func (e *Engine) addEntries(ctx context.Context, list []Entry) ([]EntryID, error) {
	crash.At(crash.BeforeJournal)
	ids, err := e.deps.Store.AddEntries(ctx, list)
	if err != nil {
		return nil, fmt.Errorf("store in the journal: %w", err)
	}
	crash.At(crash.AfterJournal)
	e.counts.storedFirst.Add(int64(len(list)))
	return ids, nil
}

// weighFirst commits notifications, each with what it changes.
func (e *Engine) weighFirst(ctx context.Context, list []Entry) error {
	for _, n := range list {
		if err := e.weighOne(ctx, n.callback(CallbackProcessed)); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) weighOne(ctx context.Context, c Callback) error {
	_, err := e.decide(ctx, c.OrderNo, func(o order.Order, now order.Time) (decision, error) {
		return decision{Change: weigh(o, c.Channel, c.Notification, now), with: Commit{Callbacks: []Callback{c}}}, nil
	})
	switch {
	case errors.Is(err, ErrNotFound):
		e.counts.quarantined.Add(1)
		err = e.keep(ctx, c, CallbackQuarantined, quarantineLooks[0])
	case errors.Is(err, ErrBusy):
		err = e.keep(ctx, c, CallbackPending, 0)
	}
	if errors.Is(err, ErrDuplicate) {
		e.counts.duplicates.Add(1)
		return nil
	}
	return err
}

// weigh applies a notification to its order. One that came through another channel
// than the order's is about somebody else's payment.
func weigh(o order.Order, name string, n channel.Notification, now order.Time) order.Change {
	if o.Channel != name {
		return o.OpenCase(order.CaseMerchantMismatch, now, order.Detail{Source: order.FromCallback})
	}
	return o.Apply(n.Evidence, now)
}

// keep stores a callback for later, together with the task that will see to it.
func (e *Engine) keep(ctx context.Context, c Callback, state CallbackState, in time.Duration) error {
	c.State = state
	commit := Commit{Callbacks: []Callback{c}}
	commit.addTask(processTask(c.OrderNo, c.Channel), now().Add(in))
	if err := e.commit(ctx, commit); err != nil {
		return fmt.Errorf("store callback: %w", err)
	}
	return nil
}

func processTask(orderNo, channel string) TaskKey {
	return TaskKey{orderNo, TaskProcess, channel}
}

// runProcess weighs the stored callbacks of an order that were not weighed when they
// came. When the order stays unknown they stay where they are: registering it owes this
// task again.
func (e *Engine) runProcess(ctx context.Context, t Task) {
	_, err := e.decide(ctx, t.OrderNo, func(o order.Order, now order.Time) (decision, error) {
		return e.weighStored(ctx, o, t, now)
	})
	if errors.Is(err, ErrNotFound) {
		err = e.commit(ctx, lookAgain(t, now()))
	}
	e.logTask(ctx, t, err)
}

func lookAgain(t Task, now order.Time) Commit {
	c := Commit{Fence: &Fence{t.TaskKey, t.Token}}
	if t.Tries++; t.Tries < len(quarantineLooks) {
		c.Tasks = []TaskWrite{{Task: Task{TaskKey: t.TaskKey, DueAt: now.Add(quarantineLooks[t.Tries]), Tries: t.Tries}}}
		return c
	}
	c.dropTask(t.TaskKey)
	return c
}

// weighStored weighs what is stored, up to maxReplay; the task stays while there may be
// more.
func (e *Engine) weighStored(ctx context.Context, o order.Order, t Task, now order.Time) (decision, error) {
	d := decision{Change: order.Change{Order: o}, with: Commit{Fence: &Fence{t.TaskKey, t.Token}}}
	for _, state := range []CallbackState{CallbackQuarantined, CallbackPending} {
		stored, err := e.deps.Store.Callbacks(ctx, o.OrderNo, state, maxReplay)
		if err != nil {
			return decision{}, fmt.Errorf("load callbacks: %w", err)
		}
		for _, c := range stored {
			d.Change = d.Change.Then(weigh(d.Order, c.Channel, c.Notification, now))
			d.with.Processed = append(d.with.Processed, c.CallbackKey)
		}
		if len(stored) == maxReplay {
			d.with.addTask(t.TaskKey, now)
		}
	}
	d.with.dropTask(t.TaskKey)
	return d, nil
}

// logTask logs what kept a task from committing. Being fenced is no error: whoever
// took the task over does its work.
func (e *Engine) logTask(ctx context.Context, t Task, err error) {
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrFenced) {
		e.deps.Log.WithError(err).WithFields(logrus.Fields{"order_no": t.OrderNo, "kind": t.Kind}).Error("task did not finish")
	}
}
