package engine

import (
	"context"
	"errors"
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
	// orphanEvery is how often entries of the journal are looked for that were forgotten: by
	// a process that died, or because they could not be weighed. As long they are left to
	// whoever stored them.
	orphanEvery = 10 * time.Second
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
		waiting, wait := e.backlog.next(time.Now())
		if len(waiting) > 0 {
			e.weighWaiting(ctx, waiting)
			e.backlog.done(waiting)
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

func (e *Engine) weighWaiting(ctx context.Context, waiting []unweighed) {
	ids := make([]EntryID, len(waiting))
	for i, w := range waiting {
		ids[i] = w.id
	}
	list, err := e.deps.Store.Entries(ctx, ids)
	if err != nil {
		e.logWeighing(waiting[0].orderNo, err)
	}
	e.weighEach(ctx, byOrder(list))
}

// weighOrphans weighs the entries of the journal that no process remembers: at the start
// all that there are, later those that have grown old.
func (e *Engine) weighOrphans(ctx context.Context) {
	tick := time.NewTicker(orphanEvery)
	defer tick.Stop()
	for before, next := e.inherited, EntryID(0); ; before, next = max(before, next), e.journalEnd(ctx) {
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

// journalEnd is 0 when it cannot be told.
func (e *Engine) journalEnd(ctx context.Context) EntryID {
	end, err := e.deps.Store.JournalEnd(ctx)
	if err != nil && ctx.Err() == nil {
		e.deps.Log.WithError(err).Error("look for the end of the journal")
	}
	return end
}

func (e *Engine) weighJournal(ctx context.Context, before EntryID) (failed error) {
	for after := EntryID(0); ctx.Err() == nil; {
		page, err := e.deps.Store.EntriesBetween(ctx, after, before, manyWeighed)
		if failed = errors.Join(failed, err); len(page) == 0 {
			break
		}
		after = page[len(page)-1].ID
		e.weighEach(ctx, byOrder(e.backlog.others(page)))
	}
	return failed
}

// weighEach weighs entries of the journal, those of an order together. What fails stays
// where it is and is an orphan.
func (e *Engine) weighEach(ctx context.Context, groups [][]Entry) {
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
			e.logWeighing(choices[i].orderNo, err)
		}
	}
}

func (e *Engine) logWeighing(orderNo string, err error) {
	e.deps.Log.WithError(err).WithFields(logrus.Fields{"order_no": orderNo}).Error("callback not weighed, it is looked at again")
}

// weighing is what there is to decide about entries of one order. Of those that repeat one
// of the others only the first counts.
func weighing(group []Entry) choice {
	return choice{group[0].OrderNo, func(o order.Order, now order.Time) (decision, error) {
		d := decision{Change: order.Change{Order: o}}
		for _, n := range firsts(group) {
			d.Change = d.Change.Then(weigh(d.Order, n.Key.Channel, n.Notification, now))
			d.with.Callbacks = append(d.with.Callbacks, n.callback(CallbackProcessed))
		}
		return d, nil
	}}
}

// firsts returns the entries without those that repeat another.
func firsts(group []Entry) []Entry {
	seen := make(map[CallbackKey]bool, len(group))
	var first []Entry
	for _, n := range group {
		if !seen[n.Key] {
			first = append(first, n)
		}
		seen[n.Key] = true
	}
	return first
}

// concludeWeighing sees to what a decision about entries of one order could not do. When
// one of them came before, by whichever way, they are weighed one by one. What is stored
// leaves the journal.
func (e *Engine) concludeWeighing(ctx context.Context, group []Entry, err error) error {
	if errors.Is(err, ErrNotFound) {
		err = e.setAside(ctx, group)
	}
	repeated := len(group) - len(firsts(group))
	switch {
	case err == nil:
	case !errors.Is(err, ErrDuplicate):
		return err
	case len(group) > 1:
		return e.weighSingly(ctx, group)
	default:
		repeated = 1
	}
	e.counts.duplicates.Add(int64(repeated))
	return e.deps.Store.DropEntries(ctx, idsOf(group))
}

// weighSingly ends with the first that cannot be weighed: the others are to come behind it.
func (e *Engine) weighSingly(ctx context.Context, group []Entry) error {
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
func (e *Engine) setAside(ctx context.Context, group []Entry) error {
	var c Commit
	first := firsts(group)
	for _, n := range first {
		c.Callbacks = append(c.Callbacks, n.callback(CallbackQuarantined))
		c.addTask(processTask(n.OrderNo, n.Key.Channel), now().Add(quarantineLooks[0]))
	}
	if err := e.commit(ctx, c); err != nil {
		return err
	}
	e.counts.quarantined.Add(int64(len(first)))
	return nil
}
