package engine

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine/crash"
	"anxin/engine/order"
)

const (
	// weighers is how many groups are weighed at a time: one is decided while the other is
	// written.
	weighers = 2
	// orphanAge is the age from which on an entry of the journal is believed to be forgotten
	// by the node that stored it, and orphanEvery how often such are looked for.
	orphanAge   = 10 * time.Second
	orphanEvery = 5 * time.Second
)

// weighBacklog weighs what was stored first until ctx ends; what is left then is found by
// the next start. It also finds what others have left.
func (e *Engine) weighBacklog(ctx context.Context) {
	var work sync.WaitGroup
	for range weighers {
		work.Go(func() { e.weighNext(ctx) })
	}
	work.Go(func() { e.weighOrphans(ctx) })
	work.Wait()
}

func (e *Engine) weighNext(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		groups, wait := e.backlog.next(time.Now())
		if len(groups) > 0 {
			e.weighEach(ctx, groups)
			e.backlog.done(groups)
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-e.backlog.wake:
		case <-timer.C:
		}
	}
}

// weighOrphans weighs the entries of the journal that no process remembers: at the start
// all that there are, later those that have grown old.
func (e *Engine) weighOrphans(ctx context.Context) {
	tick := time.NewTicker(orphanEvery)
	defer tick.Stop()
	for before := EntryID(math.MaxInt64); ; before = EntryID(time.Now().Add(-orphanAge).UnixNano()) {
		if err := e.weighJournal(ctx, before); err != nil && ctx.Err() == nil {
			e.deps.Log.WithError(err).Error("look for callbacks that were not weighed")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (e *Engine) weighJournal(ctx context.Context, before EntryID) error {
	for after := EntryID(0); ctx.Err() == nil; {
		page, err := e.deps.Store.Journal(ctx, after, before, manyWeighed)
		if err != nil || len(page) == 0 {
			return err
		}
		e.weighEach(ctx, e.backlog.others(page))
		after = page[len(page)-1].ID
	}
	return nil
}

// weighEach weighs entries of the journal, those of an order together. What fails stays
// where it is and is an orphan.
func (e *Engine) weighEach(ctx context.Context, groups [][]*Entry) {
	if len(groups) == 0 {
		return
	}
	choices := make([]choice, len(groups))
	for i, g := range groups {
		choices[i] = weighing(g)
	}
	crash.At(crash.BeforeWeighing)
	for i, err := range e.decideEach(ctx, choices) {
		if err = e.concludeWeighing(ctx, groups[i], err); err != nil && ctx.Err() == nil {
			e.deps.Log.WithError(err).WithFields(logrus.Fields{"order_no": choices[i].orderNo}).Error("callback not weighed, it is looked at again")
		}
	}
}

// weighing is what there is to decide about entries of one order. Of those that repeat one
// of the others only the first counts.
func weighing(group []*Entry) choice {
	return choice{group[0].OrderNo, func(o order.Order, now order.Time) (decision, error) {
		first, with := sortOut(group, CallbackProcessed)
		d := decision{Change: order.Change{Order: o}, with: with}
		for _, c := range first {
			d.Change = d.Change.Then(weigh(d.Order, c.Key.Channel, c.Notification, now))
		}
		return d, nil
	}}
}

// sortOut returns the entries without those that repeat another, and what moves all of
// them out of the journal.
func sortOut(group []*Entry, state CallbackState) (first []*Entry, c Commit) {
	seen := make(map[CallbackKey]bool, len(group))
	for _, entry := range group {
		if seen[entry.Key] {
			c.Repeated = append(c.Repeated, entry.ID)
			continue
		}
		seen[entry.Key] = true
		first = append(first, entry)
		c.Weighed = append(c.Weighed, Weighed{entry.ID, entry.Key, state})
	}
	return first, c
}

// concludeWeighing sees to what a decision about entries of one order could not do. When
// one of them came before, by whichever way, they are weighed one by one.
func (e *Engine) concludeWeighing(ctx context.Context, group []*Entry, err error) error {
	if errors.Is(err, ErrNotFound) {
		err = e.setAside(ctx, group)
	}
	switch {
	case err == nil:
		_, c := sortOut(group, "")
		e.counts.duplicates.Add(int64(len(c.Repeated)))
		return nil
	case !errors.Is(err, ErrDuplicate):
		return err
	case len(group) > 1:
		return e.weighSingly(ctx, group)
	}
	if err := e.commit(ctx, Commit{Repeated: []EntryID{group[0].ID}}); err != nil {
		return err
	}
	e.counts.duplicates.Add(1)
	return nil
}

// weighSingly ends with the first that cannot be weighed: the others are to come behind it.
func (e *Engine) weighSingly(ctx context.Context, group []*Entry) error {
	for i := range group {
		alone := group[i : i+1]
		_, err := e.decide(ctx, alone[0].OrderNo, weighing(alone).decide)
		if err = e.concludeWeighing(ctx, alone, err); err != nil {
			return err
		}
	}
	return nil
}

// setAside has callbacks wait for their order as if they had been weighed on receipt.
func (e *Engine) setAside(ctx context.Context, group []*Entry) error {
	first, c := sortOut(group, CallbackQuarantined)
	for _, waits := range first {
		c.addTask(processTask(waits.OrderNo, waits.Key.Channel), now().Add(quarantineLooks[0]))
	}
	if err := e.commit(ctx, c); err != nil {
		return err
	}
	e.counts.quarantined.Add(int64(len(first)))
	return nil
}
