package chaos

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"anxin/engine/order"
)

// view is an order as its backend reads it.
type view struct {
	order.Order
	Status   order.Status  `json:"status"`
	Timeline []order.Event `json:"timeline"`
	read     time.Time
}

// settle waits until every order is where its fate leads, pressing the button for those
// that are not, as their payers would. What is late here is said by judge.
func (w *world) settle(deadline time.Time) {
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	left := slices.Clone(w.fates)
	for ; len(left) > 0 && time.Now().Before(deadline); <-again.C {
		left = w.unsettled(left)
	}
	for _, f := range left {
		w.wrongs.add("not settled", "%s (%s, pushed %v, claimed %v): %s", f.no, f.kind, f.pushed, f.claimed, w.missing(f, f.view))
	}
}

// atOnce is how many orders are read at the same time.
const atOnce = 32

func (w *world) unsettled(fates []*fate) []*fate {
	return w.without(fates, func(f *fate) bool {
		f.view = w.read(f)
		if w.missing(f, f.view) == "" {
			return true
		}
		w.checkNow(f)
		return false
	})
}

// without returns the fates that are not done.
func (w *world) without(fates []*fate, done func(f *fate) bool) []*fate {
	var (
		mu   sync.Mutex
		left []*fate
	)
	w.each(fates, func(f *fate) {
		if done(f) {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		left = append(left, f)
	})
	return left
}

// each does something for all fates, some at the same time.
func (w *world) each(fates []*fate, do func(f *fate)) {
	turns := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for _, f := range fates {
		turns <- struct{}{}
		all.Go(func() { do(f); <-turns })
	}
	all.Wait()
}

func (w *world) read(f *fate) view {
	asked := time.Now() // what the answer lacks may have happened since
	status, answer := w.insist(f, http.MethodGet, "/v1/orders/"+f.no, asBackend, nil)
	if status != http.StatusOK {
		w.wrongs.add("lost order", "%s: %d %s", f.no, status, answer)
		return view{}
	}
	v := decode[view](w, f, answer)
	v.read = asked
	return v
}

// missing says what has still to happen to an order, "" when nothing has.
func (w *world) missing(f *fate, v view) string {
	switch {
	case v.Payment != f.end():
		return "payment is " + string(v.Payment) + " and not " + string(f.end())
	case v.Payment != order.Pending && v.Fulfilment == order.FulfilmentPending:
		return "the backend has not taken it in"
	case f.kind == partRefunded && (len(v.Refunds) == 0 || v.Refunds[0].CreditedAt == 0):
		return "a refund is not credited"
	case f.kind == refundFails && (len(v.Refunds) == 0 || v.Refunds[0].FailedAt == 0):
		return "a refund has not failed"
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for k := range f.must {
		if !slices.ContainsFunc(v.Cases, func(c order.Case) bool { return c.Kind == k }) {
			return "there is no case " + string(k)
		}
	}
	heard := w.backend.of(f.no)
	owed, accepted := 0, 0
	for _, ev := range v.Timeline {
		if tellsAcceptance(ev) {
			accepted++
		}
		want := webhookOf(f, ev)
		if want == "" {
			continue
		}
		owed++
		if !slices.ContainsFunc(heard, func(t told) bool { return t.seq == ev.Seq && t.kind == want }) {
			return "the backend was not told " + want
		}
	}
	if accepted < owed { // the backend has said yes, and the server is about to write it down
		return "an acceptance is not written"
	}
	return ""
}

// tellsAcceptance reports whether an event is of a webhook that the backend took.
func tellsAcceptance(ev order.Event) bool {
	return ev.Type == order.EventDelivered || ev.Type == order.EventStatus && ev.Detail.Work == order.WorkDeliver
}

// webhookOf is what the backend has to be told of an event: its results, and that a
// person was called.
func webhookOf(f *fate, ev order.Event) string {
	switch {
	case ev.Type == order.EventCaseOpened:
		return "order.case_opened"
	case f.pushed || ev.Type != order.EventStatus || ev.Detail.Work == order.WorkDeliver || ev.Detail.Payment == order.Pending:
		return ""
	case ev.Detail.Code == order.CodeRefundFailed:
		return ""
	case ev.Detail.Code == order.CodeRefund && ev.Detail.Payment == order.Succeeded:
		return "order.refunding"
	}
	return "order." + string(ev.Detail.Payment)
}
