package engine_test

import (
	"context"
	"slices"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

// wantPayment checks the channel's truth and the payer's status.
func (h *house) wantPayment(orderNo string, payment order.Payment, status order.Status) {
	h.t.Helper()
	if o := h.order(orderNo); o.Payment != payment || o.Status() != status {
		h.t.Errorf("order %s is %s, shown as %s; want %s, shown as %s", orderNo, o.Payment, o.Status(), payment, status)
	}
}

// wantCases checks the kinds of all cases, open or not.
func (h *house) wantCases(orderNo string, kinds ...order.CaseKind) {
	h.t.Helper()
	var got []order.CaseKind
	for _, k := range h.order(orderNo).Cases {
		got = append(got, k.Kind)
	}
	if !slices.Equal(got, kinds) {
		h.t.Errorf("cases of %s: %v, want %v", orderNo, got, kinds)
	}
}

// wantTasks checks which tasks an order still owes.
func (h *house) wantTasks(orderNo string, kinds ...engine.TaskKind) {
	h.t.Helper()
	var got []engine.TaskKind
	far := order.At(time.Now().Add(10 * 365 * 24 * time.Hour))
	h.stopRun() // or the runner would claim beside us
	tasks, err := h.store.ClaimTasks(context.Background(), engine.Claim{DueBy: far, Now: far, LeaseUntil: 1, Token: 1, Limit: 10_000})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, task := range tasks {
		if task.OrderNo == orderNo {
			got = append(got, task.Kind)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, kinds) {
		h.t.Errorf("%s owes %v, want %v", orderNo, got, kinds)
	}
	h.start()
}

// wantTimeline holds what is true of every timeline, and that an attempt whose time was
// promised begins within a second of it and never before.
func (h *house) wantTimeline(orderNo string) {
	h.t.Helper()
	promised := order.Time(0)
	for _, ev := range h.wantGapless(orderNo) {
		switch ev.Type { //nolint:exhaustive // the others promise nothing
		case order.EventScheduled:
			promised = ev.NextAttemptAt
			if promised != 0 && promised < ev.At { // 0 takes a promise back: nothing is tried for now
				h.t.Errorf("%s: seq %d promises the past: %v", orderNo, ev.Seq, promised)
			}
		case order.EventStarted:
			if promised != 0 && (ev.At < promised || ev.At >= promised.Add(time.Second)) {
				h.t.Errorf("%s: attempt %d was promised for %v and began at %v", orderNo, ev.Attempt, promised, ev.At)
			}
			promised = 0
		case order.EventStatus:
			promised = 0
		}
	}
}

// wantGapless holds what is true of every timeline even when the node is down or its
// store fails: no gap in seq, time never runs back, attempts are numbered without a gap,
// and nothing that was published is taken back.
func (h *house) wantGapless(orderNo string) []order.Event {
	h.t.Helper()
	attempt := 0
	events := h.events(orderNo)
	for i, ev := range events {
		if ev.Seq != int64(i+1) {
			h.t.Errorf("%s: event %d has seq %d", orderNo, i+1, ev.Seq)
		}
		if i > 0 && ev.At < events[i-1].At {
			h.t.Errorf("%s: seq %d at %v is before its predecessor", orderNo, ev.Seq, ev.At)
		}
		if ev.Type == order.EventStarted {
			if attempt++; ev.Attempt != attempt {
				h.t.Errorf("%s: attempt %d is numbered %d", orderNo, attempt, ev.Attempt)
			}
		}
	}
	if o := h.order(orderNo); o.Seq != int64(len(events)) {
		h.t.Errorf("%s is at seq %d with %d events", orderNo, o.Seq, len(events))
	}
	h.wantNoDowngrade(orderNo)
	return events
}

// wantNoDowngrade holds that what was published never went from a result back to
// waiting. A payer who was shown "failed" or "closed" may still learn of a late success.
func (h *house) wantNoDowngrade(orderNo string) {
	h.t.Helper()
	h.listener.mu.Lock()
	told := slices.Clone(h.listener.told[orderNo])
	h.listener.mu.Unlock()
	slices.SortFunc(told, func(a, b order.Progress) int { return int(a.Seq - b.Seq) })
	paid := false
	for _, p := range told {
		switch p.Status {
		case order.StatusSucceeded, order.StatusRefunding, order.StatusRefunded:
			paid = true
		case order.StatusAwaiting, order.StatusConfirming, order.StatusFailed, order.StatusClosed:
			if paid {
				h.t.Errorf("%s: seq %d shows %s after a success", orderNo, p.Seq, p.Status)
			}
		}
	}
}
