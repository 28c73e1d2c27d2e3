package engine

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine/channel"
	"anxin/engine/crash"
	"anxin/engine/order"
)

const (
	// weighAtOnce is the default of Config.WeighAtOnce. As many fill the time of one
	// durable write; what comes on top of them would only wait.
	weighAtOnce = 16
	// maxBacklog bounds the callbacks that are acknowledged and not weighed (some 20 MiB).
	// Beyond it callbacks wait to be weighed before they are acknowledged.
	maxBacklog = 32 << 10
	// yieldFor is how long weighing gives way to acknowledging: a burst is acknowledged
	// before its channel gives up, which takes five seconds or more, and sends all of it
	// again. Weighing each at once would make its pages wait as long, for the store.
	yieldFor = 2 * time.Second
	// calmAfter is how long a rush is believed to go on: the answers of one commit leave
	// together, and the channel's next callbacks are not there yet.
	calmAfter = 50 * time.Millisecond
	// weighGroup is how many orders are weighed in one commit, and weighers how many such
	// commits there are at a time: one is decided while the other is written.
	weighGroup = 128
	weighers   = 2
	// orphanAge is the age from which on a pending callback is believed to be forgotten by
	// the node that stored it, and orphanEvery how often such are looked for.
	orphanAge   = 10 * time.Second
	orphanEvery = 5 * time.Second
)

// backlog holds what this node has acknowledged and not weighed, in the order of receipt
// for each order. It is a hint: the truth are the pending callbacks in the store.
type backlog struct {
	direct    int          // callbacks that are weighed at once
	receiving atomic.Int64 // callbacks
	wake      chan struct{}

	mu     sync.Mutex      // guards what follows
	rushed time.Time       // when there were last too many at a time to weigh them at once
	queue  list.List       // of unweighed
	held   map[string]int  // callbacks by order: being stored, in the queue, being weighed
	size   int             // all of them
	busy   map[string]bool // orders that are being weighed
}

// unweighed is a stored callback without its raw request.
type unweighed struct {
	Callback
	since time.Time
}

func newBacklog(direct int) *backlog {
	return &backlog{direct: direct, wake: make(chan struct{}, 1), held: make(map[string]int), busy: make(map[string]bool)}
}

// begin and end enclose the receipt of a callback.
func (b *backlog) begin() { b.receiving.Add(1) }

func (b *backlog) end() { b.receiving.Add(-1) }

// takes reports whether a callback that is being received is to be weighed later: when
// too many others are being received, or behind those of its order that wait already. One
// that is counts as held, until it is weighed or dropped: before its row can be seen.
func (b *backlog) takes(orderNo string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	receiving, now := b.receiving.Load(), time.Now()
	if receiving > int64(max(b.direct, weighAtOnce)) {
		b.rushed = now
	}
	if b.size >= maxBacklog || (receiving <= int64(b.direct) && b.held[orderNo] == 0 && b.calmLocked(now) <= 0) {
		return false
	}
	b.held[orderNo]++
	b.size++
	return true
}

// add queues a callback that it takes.
func (b *backlog) add(c Callback) {
	c.Raw = channel.Request{}
	now := time.Now()
	b.mu.Lock()
	waits := b.queue.Len() > 0 && b.calmLocked(now) > 0 // then the weighers know already
	b.queue.PushBack(unweighed{c, now})
	b.mu.Unlock()
	if !waits {
		b.nudge()
	}
}

// calmLocked is how long a rush goes on, unless more come.
func (b *backlog) calmLocked(now time.Time) time.Duration { return b.rushed.Add(calmAfter).Sub(now) }

// drop is for one that could not be stored.
func (b *backlog) drop(orderNo string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.releaseLocked(orderNo, 1)
}

func (b *backlog) releaseLocked(orderNo string, n int) {
	b.size -= n
	if b.held[orderNo] -= n; b.held[orderNo] == 0 {
		delete(b.held, orderNo)
	}
}

func (b *backlog) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// next takes callbacks of orders that nobody is weighing, by order, for done. When there
// are none, or it is not yet their turn, it says how long to wait.
func (b *backlog) next(now time.Time) (groups [][]Callback, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	oldest := b.queue.Front()
	if oldest == nil {
		return nil, time.Hour
	}
	waited := now.Sub(oldest.Value.(unweighed).since)
	if calm := b.calmLocked(now); calm > 0 && b.size < maxBacklog/2 && waited < yieldFor {
		return nil, min(calm, yieldFor-waited)
	}
	place := make(map[string]int, weighGroup)
	for at := oldest; at != nil && len(groups) < weighGroup; {
		c, next := at.Value.(unweighed).Callback, at.Next()
		if i, ok := place[c.OrderNo]; ok {
			groups[i] = append(groups[i], c)
			b.queue.Remove(at)
		} else if !b.busy[c.OrderNo] {
			place[c.OrderNo] = len(groups)
			groups = append(groups, []Callback{c})
			b.queue.Remove(at)
		}
		at = next
	}
	for orderNo := range place {
		b.busy[orderNo] = true
	}
	if b.queue.Len() > 0 && len(groups) > 0 {
		b.nudge() // for the other weigher
	}
	return groups, time.Hour
}

func (b *backlog) done(groups [][]Callback) {
	b.mu.Lock()
	for _, g := range groups {
		orderNo := g[0].OrderNo
		delete(b.busy, orderNo)
		b.releaseLocked(orderNo, len(g))
	}
	b.mu.Unlock()
	b.nudge()
}

// others returns those callbacks, by order, whose orders do not wait here.
func (b *backlog) others(list []Callback) (groups [][]Callback) {
	b.mu.Lock()
	defer b.mu.Unlock()
	place := make(map[string]int, len(list))
	for _, c := range list {
		if b.held[c.OrderNo] > 0 {
			continue
		}
		i, ok := place[c.OrderNo]
		if !ok {
			i = len(groups)
			place[c.OrderNo], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], c)
	}
	return groups
}

// state tells how many callbacks wait, and how long the oldest in the queue has.
func (b *backlog) state(now time.Time) (size int, waited time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if oldest := b.queue.Front(); oldest != nil {
		waited = now.Sub(oldest.Value.(unweighed).since)
	}
	return b.size, waited
}

// storeFirst makes a callback durable, which is all that its acknowledgement needs, and
// leaves the weighing to weighBacklog.
func (e *Engine) storeFirst(ctx context.Context, c Callback) error {
	c.State = CallbackPending
	if err := e.commit(ctx, Commit{Callbacks: []Callback{c}}); err != nil {
		e.backlog.drop(c.OrderNo)
		return fmt.Errorf("store callback: %w", err)
	}
	e.counts.storedFirst.Add(1)
	e.backlog.add(c)
	return nil
}

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

// weighOrphans weighs the pending callbacks that no process remembers: at the start all
// that there are, later those that have grown old.
func (e *Engine) weighOrphans(ctx context.Context) {
	tick := time.NewTicker(orphanEvery)
	defer tick.Stop()
	for before := Parked; ; before = now().Add(-orphanAge) {
		if err := e.weighPending(ctx, before); err != nil && ctx.Err() == nil {
			e.deps.Log.WithError(err).Error("look for callbacks that were not weighed")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (e *Engine) weighPending(ctx context.Context, before order.Time) error {
	for after := (CallbackPlace{}); ctx.Err() == nil; {
		page, next, err := e.deps.Store.PendingCallbacks(ctx, before, after, weighGroup)
		if err != nil || len(page) == 0 {
			return err
		}
		e.weighEach(ctx, e.backlog.others(page))
		after = next
	}
	return nil
}

// weighEach weighs stored callbacks, those of an order together. What fails stays pending
// and is an orphan.
func (e *Engine) weighEach(ctx context.Context, groups [][]Callback) {
	if len(groups) == 0 {
		return
	}
	choices := make([]choice, len(groups))
	for i, g := range groups {
		choices[i] = choice{g[0].OrderNo, func(o order.Order, now order.Time) (decision, error) {
			d := decision{Change: order.Change{Order: o}}
			for _, c := range g {
				d.Change = d.Change.Then(weigh(d.Order, c.Channel, c.Notification, now))
				d.with.Processed = append(d.with.Processed, c.CallbackKey)
			}
			return d, nil
		}}
	}
	crash.At(crash.BeforeWeighing)
	for i, err := range e.decideEach(ctx, choices) {
		if errors.Is(err, ErrNotFound) {
			err = e.setAside(ctx, groups[i])
		}
		if err != nil && ctx.Err() == nil {
			e.deps.Log.WithError(err).WithFields(logrus.Fields{"order_no": choices[i].orderNo}).Error("callback not weighed, it is looked at again")
		}
	}
}

// setAside has callbacks wait for their order as if they had been weighed on receipt.
func (e *Engine) setAside(ctx context.Context, group []Callback) error {
	e.counts.quarantined.Add(int64(len(group)))
	var c Commit
	for _, waits := range group {
		c.Unknown = append(c.Unknown, waits.CallbackKey)
		c.addTask(processTask(waits.OrderNo, waits.Channel), now().Add(quarantineLooks[0]))
	}
	return e.commit(ctx, c)
}
