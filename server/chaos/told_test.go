package chaos

import (
	"net/http"
	"slices"
	"time"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// settleMessages waits until every payer was told what is true at last, by each channel
// that reaches him.
func (w *world) settleMessages(deadline time.Time) {
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	left := slices.Clone(w.fates)
	for ; len(left) > 0 && time.Now().Before(deadline); <-again.C {
		left = w.without(left, func(f *fate) bool {
			f.view = w.read(f)
			return w.untold(f) == ""
		})
	}
	for _, f := range left {
		w.wrongs.add("payer not told", "%s (%s): %s", f.no, f.kind, w.untold(f))
	}
}

// untold says what a payer has still to be told, "" for nothing. Who saw it on the page,
// or had the page open, is told by no other channel.
func (w *world) untold(f *fate) string {
	n := notify.Current(f.view.Order)
	for _, c := range channelsOf(n) {
		tried := slices.ContainsFunc(f.view.Timeline, func(ev order.Event) bool { return ev.Detail.Via == string(c) && ev.Detail.Notice == string(n) })
		if w.needless(f, n, c) || (tried && c == notify.Inbox) {
			continue
		}
		if status := w.recordOf(f, n, c); !status.Final() {
			return string(n) + " by " + string(c) + " is " + string(status)
		}
	}
	return untoldPart(f)
}

// untoldPart says which refund of a part the message centre has still to tell.
func untoldPart(f *fate) string {
	for _, r := range f.view.PartRefunds() {
		told := func(ev order.Event) bool {
			return ev.Detail.Via == string(notify.Inbox) && ev.Detail.RefundID == r.ID && ev.Detail.Notice == string(notify.PartNotice(r))
		}
		if len(notify.Parts(f.view.Order, order.At(time.Now()))) > 0 && !slices.ContainsFunc(f.view.Timeline, told) {
			return string(notify.PartNotice(r)) + " in the inbox is not there"
		}
	}
	return ""
}

// needless reports whether a channel need not tell the newest state of an order.
func (w *world) needless(f *fate, n notify.Notice, c notify.Channel) bool {
	turn := f.view.TurnAt.Std()
	since, ok := f.payer.reachedSince(c)
	if !ok || since.After(turn) {
		return true
	}
	if _, out := f.payer.outSince(c); out && (n == notify.NoticeProlonged || f.payer.asks) {
		return true
	}
	if c == notify.Inbox {
		return false
	}
	tellings := 0
	last := notify.Notice("")
	for _, ev := range f.view.Timeline {
		if ev.Type == order.EventMessage && ev.Detail.Via == string(notify.SMS) && ev.Detail.Notice != string(last) && !notify.Notice(ev.Detail.Notice).Part() {
			tellings, last = tellings+1, notify.Notice(ev.Detail.Notice)
		}
		if !n.Result() && notify.Notice(ev.Detail.Notice).Result() {
			return true // who knows a result is not told that it is being confirmed
		}
	}
	s := w.payers.sight(f)
	return c == notify.SMS && tellings >= capOrder ||
		slices.ContainsFunc(s.seen, func(x sighting) bool { return x.seq >= f.view.TurnSeq }) ||
		!s.since.IsZero() || slices.ContainsFunc(s.watched, func(x span) bool { return x.to.After(turn) })
}

// recordOf asks the server what became of a message.
func (w *world) recordOf(f *fate, n notify.Notice, c notify.Channel) notify.Status {
	_, answer := w.insist(f, http.MethodGet, "/v1/ops/messages?order_no="+f.no+"&channel="+string(c)+"&notice="+string(n), asOperator, nil)
	list := decode[struct {
		Items []struct {
			Status notify.Status `json:"status"`
		} `json:"items"`
	}](w, f, answer).Items
	if len(list) == 0 {
		return "not there"
	}
	return list[0].Status
}
