package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// earlyReports holds what providers report of messages that nobody here knows yet: a
// report may overtake the answer that the message was taken, or the commit of that answer,
// or reach another node. It is lost with the process, which costs no more than its news.
type earlyReports struct {
	mu   sync.Mutex // guards what follows
	list []earlyReport
}

type earlyReport struct {
	via   *sender
	said  notify.StatusUpdate
	looks int        // taken so far
	next  order.Time // the next one is due
}

const (
	// maxEarly bounds the reports that are kept: an account that others use too reports
	// their messages here as well. The oldest go first.
	maxEarly = 1024
	// earlyTick is how often those that are due are looked at.
	earlyTick = 250 * time.Millisecond
)

// earlyLooks are the waits before a report is looked at again. The last look comes after
// the message of a process that died has been given up.
var earlyLooks = []time.Duration{500 * time.Millisecond, 4 * time.Second, 15 * time.Second, 45 * time.Second}

func (r *earlyReports) keep(via *sender, u notify.StatusUpdate, now order.Time) {
	r.add(earlyReport{via: via, said: u, next: now.Add(earlyLooks[0])})
}

func (r *earlyReports) add(e earlyReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, e)
	if over := len(r.list) - maxEarly; over > 0 {
		r.list = slices.Delete(r.list, 0, over)
	}
}

// due takes out the reports to look at, in the order in which they came. At the end
// everything is due.
func (r *earlyReports) due(now order.Time, end bool) []earlyReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list, left []earlyReport
	for _, e := range r.list {
		if end || e.next <= now {
			list = append(list, e)
		} else {
			left = append(left, e)
		}
	}
	r.list = left
	return list
}

// readEarlyReports takes in what came too early, until ctx ends.
func (e *Engine) readEarlyReports(ctx context.Context) {
	if e.messages == nil {
		return
	}
	tick := time.NewTicker(earlyTick)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			e.readEarly(ctx, false)
		}
	}
	e.readEarly(context.WithoutCancel(ctx), true)
}

func (e *Engine) readEarly(ctx context.Context, end bool) {
	for _, early := range e.messages.early.due(now(), end) {
		known, err := e.takeReceipt(ctx, early.via, early.said)
		if err != nil {
			e.deps.Log.WithError(err).WithField("provider", early.via.Name).Error("take in a report of a message")
		}
		early.looks++
		if known || end || early.looks == len(earlyLooks) {
			continue
		}
		early.next = now().Add(earlyLooks[early.looks])
		e.messages.early.add(early)
	}
}
