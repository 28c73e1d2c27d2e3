package chaos

import (
	"context"
	"maps"
	"slices"
	"time"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
	"anxin/engine/store"
)

// judgeMessages holds what payers were told against what was true, by what the server
// wrote down and by what the providers were really given:
//
//   - each message says what was true when it was decided on, and none is sent long after
//     something else is (not true, stale);
//   - by one channel nothing comes that contradicts what came before (contradiction), and a
//     cause is named only when it was found (cause not found);
//   - a payer gets one SMS and one mail of each notice, whatever carriers answer and
//     whenever the server dies (told twice); a push that is repeated replaces itself;
//   - who has seen it on the page, or has the page open, is told by no provider (had seen
//     it, was watching); who unsubscribed gets nothing that is not part of the payment;
//   - the bounds hold on an order, a payer's day and all mails of a day (cap);
//   - each call to a provider stands in the records, and what these say became of it
//     agrees with what the provider did and reported (record, report);
//   - every payer was told the truth at last (settleMessages), and the inbox tells each
//     notice once.
func (w *world) judgeMessages(ctx context.Context, s *store.Store, tasks []engine.Task) {
	j := &judgement{w: w, byPayer: make(map[string]int), looks: make(map[engine.TaskKey]bool)}
	for _, t := range tasks {
		j.looks[t.TaskKey] = true
	}
	for _, f := range w.fates {
		events, err := s.Events(ctx, f.no, 0, manyEvents)
		if err != nil {
			w.t.Fatal(err)
		}
		records, err := s.MessagesOf(ctx, f.no)
		if err != nil {
			w.t.Fatal(err)
		}
		c := &correspondence{j: j, w: w, f: f, events: events, records: records, letters: w.post.of(f.no), sight: w.payers.sight(f)}
		c.judge()
	}
	for payer, n := range j.byPayer {
		if n > capPayerDay {
			w.wrongs.add("cap of a payer", "%s got %d SMS", payer, n)
		}
	}
	if j.mails > capMails() {
		w.wrongs.add("cap of all mails", "%d were sent", j.mails)
	}
	for _, p := range w.people {
		w.judgeInbox(ctx, s, p)
	}
	w.messages = j
}

// manyEvents is more than a timeline of the world has.
const manyEvents = 10_000

// judgement is what is counted over all orders.
type judgement struct {
	w        *world
	looks    map[engine.TaskKey]bool // that are yet to come
	byPayer  map[string]int          // SMS that arrived
	mails    int
	parts    int // that arrived of refunds of a part
	calls    map[notify.Channel]int
	arrived  map[notify.Channel]int
	crossed  int           // came after news that was written while they were on their way
	crossing time.Duration // the longest of these
}

// correspondence is all that was said about one order.
type correspondence struct {
	j       *judgement
	w       *world
	f       *fate
	events  []order.Event
	records []notify.Record
	letters []letter
	sight   sight
}

func (c *correspondence) judge() {
	for i, ev := range c.events {
		if ev.Type == order.EventMessage {
			c.judgeTelling(i, ev)
		}
	}
	for _, l := range c.letters {
		c.judgeLetter(l)
	}
	c.judgeTaken()
	c.judgeRecords()
}

// judgeTelling looks at the event by which a message was decided on. Events are numbered
// in the order in which they became durable, so that nothing is left to clocks here.
func (c *correspondence) judgeTelling(i int, ev order.Event) {
	if i == 0 {
		c.w.wrongs.add("message not true", "%s: at seq 1", c.f.no)
		return
	}
	said, state := notify.Notice(ev.Detail.Notice), c.events[i-1]
	if !holds(said, state.Status, state.Stage) {
		c.w.wrongs.add("message not true", "%s: told %s by %s at seq %d, when it was %s", c.f.no, said, ev.Detail.Via, ev.Seq, state.Status)
	}
	if said.Part() && c.booked(i, ev.Detail.RefundID) == 0 {
		c.w.wrongs.add("message not true", "%s: told %s of a refund %q that nobody knows", c.f.no, said, ev.Detail.RefundID)
	}
	if c.disputed(i) && statusOf(said).Final() {
		c.w.wrongs.add("disputed result told", "%s: told %s by %s at seq %d", c.f.no, said, ev.Detail.Via, ev.Seq)
	}
	via := notify.Channel(ev.Detail.Via)
	if at, out := c.f.payer.outSince(via); out && ev.At.Std().After(at) && (said == notify.NoticeProlonged || c.f.payer.asks) {
		c.w.wrongs.add("told after unsubscribing", "%s: told %s by %s %v later", c.f.no, said, via, ev.At.Std().Sub(at))
	}
	if via != notify.Inbox {
		c.judgeSeen(i, ev)
	}
}

// booked returns the seq of the newest event before a place that told of a refund, 0 for none.
func (c *correspondence) booked(i int, refund string) (seq int64) {
	for _, ev := range c.events[:i] {
		if ev.Type == order.EventStatus && ev.Detail.RefundID == refund {
			seq = ev.Seq
		}
	}
	return seq
}

// disputed reports whether people were looking into what a result rests on.
func (c *correspondence) disputed(i int) bool {
	open := make(map[order.CaseKind]bool)
	for _, ev := range c.events[:i] {
		switch ev.Type { //nolint:exhaustive // no other is about cases
		case order.EventCaseOpened:
			open[ev.Detail.Case] = true
		case order.EventCaseClosed:
			delete(open, ev.Detail.Case)
		}
	}
	return open[order.CaseConflict] || open[order.CaseAmountMismatch] || open[order.CaseMerchantMismatch] || open[order.CaseRefundFailed]
}

const (
	// flushed is within which time a sighting is durable: one that is younger when the
	// server dies may be lost, which costs a message too many.
	flushed = 3 * time.Second
	// noted is within what time a report that overtook its message is.
	noted = 5 * time.Second
	// leaving is how much sooner the server may know that a page is gone than the page.
	leaving = time.Second
)

// judgeSeen finds messages that tell a payer what the server knew him to have seen.
func (c *correspondence) judgeSeen(i int, ev order.Event) {
	turn := c.events[i-1]
	for ; i > 0 && c.events[i-1].Status == turn.Status && c.events[i-1].Stage == turn.Stage; i-- {
		turn = c.events[i-1]
	}
	at, from := ev.At.Std(), turn.Seq
	if notify.Notice(ev.Detail.Notice).Part() {
		from = c.booked(int(ev.Seq)-1, ev.Detail.RefundID)
	}
	for _, s := range c.sight.seen {
		if s.seq >= from && at.After(s.at) && c.w.server.backBy(s.at, s.at.Add(flushed)).IsZero() {
			c.w.wrongs.add("had seen it", "%s: told %s by %s at seq %d, %v after seq %d was reported seen", c.f.no, ev.Detail.Notice, ev.Detail.Via, ev.Seq, at.Sub(s.at), s.seq)
		}
	}
	for _, s := range c.sight.watched {
		if at.After(s.from) && at.Before(s.to.Add(-leaving)) {
			c.w.wrongs.add("was watching", "%s: told %s by %s at seq %d, %v after the page was opened", c.f.no, ev.Detail.Notice, ev.Detail.Via, ev.Seq, at.Sub(s.from))
		}
	}
}

// staleAfter is within what time a message must leave that was decided on: a call is given
// up after that.
const staleAfter = 15 * time.Second

// judgeLetter looks at one call to a provider: it follows from a telling.
func (c *correspondence) judgeLetter(l letter) {
	c.j.count(l)
	at := order.At(l.at)
	from := -1
	for i, ev := range c.events {
		if ev.Detail.Via == string(l.via) && ev.Detail.Notice == string(l.notice) && ev.At <= at {
			from = i
		}
	}
	if from < 0 {
		c.w.wrongs.add("message from nowhere", "%s: %s by %s has no event before it", c.f.no, l.notice, l.by)
		return
	}
	if l.located && !c.events[from].Detail.Diagnosis.Located() {
		c.w.wrongs.add("cause not found", "%s: %s by %s says so, and it is %s", c.f.no, l.notice, l.by, c.events[from].Detail.Diagnosis)
	}
	for _, ev := range c.events[from:] {
		if holds(l.notice, ev.Status, ev.Stage) {
			continue
		}
		if late := l.at.Sub(ev.At.Std()); late > 0 {
			c.j.crossed++
			c.j.crossing = max(c.j.crossing, late)
			if late > staleAfter {
				c.w.wrongs.add("stale message", "%s: %s by %s was sent %v after seq %d", c.f.no, l.notice, l.by, late, ev.Seq)
			}
		}
		return
	}
}

func (j *judgement) count(l letter) {
	if j.calls == nil {
		j.calls, j.arrived = make(map[notify.Channel]int), make(map[notify.Channel]int)
	}
	j.calls[l.via]++
	if l.taken && l.notice.Part() {
		j.parts++
	}
	if l.taken {
		j.arrived[l.via]++
	}
}

// judgeTaken looks at what arrived, as the payer does.
func (c *correspondence) judgeTaken() {
	last := make(map[notify.Channel]letter)
	messages := make(map[notify.Channel]map[notify.Notice]letter)
	for _, l := range c.letters {
		if !l.taken {
			continue
		}
		if before, ok := last[l.via]; ok && !mayTell(c.f.kind, before.notice, l.notice) {
			c.w.wrongs.add("contradiction", "%s (%s): %s by %s after %s", c.f.no, c.f.kind, l.notice, l.via, before.notice)
		}
		last[l.via] = l
		if messages[l.via] == nil {
			messages[l.via] = make(map[notify.Notice]letter)
		}
		before, again := messages[l.via][l.notice]
		messages[l.via][l.notice] = l
		switch {
		case again && l.via != notify.Push:
			c.w.wrongs.add("told twice", "%s: %s by %s %v after %s", c.f.no, l.notice, l.by, l.at.Sub(before.at), before.by)
		case again && (l.id != before.id || l.key != before.key):
			c.w.wrongs.add("told twice", "%s: %s by %s as another message", c.f.no, l.notice, l.by)
		}
	}
	for _, l := range messages[notify.Push] {
		if !l.notice.Part() && !last[notify.Push].notice.Part() && l.key != last[notify.Push].key {
			c.w.wrongs.add("collapse key", "%s: %s and %s do not replace each other", c.f.no, l.notice, last[notify.Push].notice)
		}
	}
	parts := 0 // which have a bound of their own
	for n := range messages[notify.SMS] {
		if n.Part() {
			parts++
		}
	}
	if n := len(messages[notify.SMS]) - parts; n > capOrder {
		c.w.wrongs.add("cap of an order", "%s got %d SMS", c.f.no, n)
	}
	c.j.byPayer[c.f.payer.id] += len(messages[notify.SMS])
	c.j.mails += len(messages[notify.Email])
}

// mayTell is what a payer may be told one after the other.
func mayTell(k kind, before, after notify.Notice) bool {
	switch {
	case before == after:
		return true
	case before.Part() || after.Part():
		return k == partRefunded && (after.Part() || after.Result()) && (before != notify.NoticePartRefunded || after != notify.NoticePartRefunding)
	case before == notify.NoticeProlonged && after == notify.NoticeDelayed, before.Result() && !after.Result():
		return false
	}
	return mayFollow(k, statusOf(before), statusOf(after))
}

// judgeRecords holds the server's own book against what happened.
func (c *correspondence) judgeRecords() {
	now := order.At(time.Now())
	current := c.events[len(c.events)-1]
	of := func(l letter) int {
		return slices.IndexFunc(c.records, func(r notify.Record) bool { return r.Channel == l.via && r.Notice == l.notice })
	}
	for _, l := range c.letters {
		i := of(l)
		if i < 0 {
			c.w.wrongs.add("record", "%s: %s by %s has none", c.f.no, l.notice, l.by)
			continue
		}
		r := c.records[i]
		if l.id != "" && l.id != r.ID {
			c.w.wrongs.add("record", "%s: %s by %s has another id", c.f.no, l.notice, l.by)
		}
		if l.taken && l.via != notify.Push && (r.Status == notify.StatusWaiting || r.Status == notify.StatusDropped) {
			c.w.wrongs.add("record", "%s: %s by %s arrived and is %s", c.f.no, l.notice, l.by, r.Status)
		}
		if l.heard != "" && r.Provider == l.by && r.Status != l.heard && c.w.server.backBy(l.heardAt, l.heardAt.Add(noted)).IsZero() {
			c.w.wrongs.add("report", "%s: %s by %s was reported %s and is %s", c.f.no, l.notice, l.by, l.heard, r.Status)
		}
	}
	for _, r := range c.records {
		switch {
		case r.Status == notify.StatusSending && now > r.UpdatedAt.Add(stuckAfter):
			c.w.wrongs.add("record", "%s: %s by %s is being sent for ever: %v", c.f.no, r.Notice, r.Channel, r.History)
		case r.Status != notify.StatusWaiting:
		case !c.j.looks[lookAt(r)]:
			c.w.wrongs.add("record", "%s: %s by %s waits to be sent, at seq %d, and nobody will look at it: %v", c.f.no, r.Notice, r.Channel, current.Seq, r.History)
		case now > c.overSince(r).Add(lookedAt):
			c.w.wrongs.add("record", "%s: %s by %s waits to be sent and is over since %v, now at seq %d: %v", c.f.no, r.Notice, r.Channel, c.overSince(r), current.Seq, r.History)
		}
	}
}

// lookAt is the task that looks at what waits.
func lookAt(r notify.Record) engine.TaskKey {
	target := string(r.Channel)
	if r.Notice.Part() {
		target += "/refund"
	}
	return engine.TaskKey{OrderNo: r.OrderNo, Kind: engine.TaskNotify, Target: target}
}

// overSince returns since when there is something else to tell than what a record does, at
// the latest since it was written: a call that was on its way then comes to its end first.
// It is now while the message is true.
func (c *correspondence) overSince(r notify.Record) order.Time {
	since := order.At(time.Now())
	for _, ev := range slices.Backward(c.events) {
		if holds(r.Notice, ev.Status, ev.Stage) {
			break
		}
		since = ev.At
	}
	return max(since, r.UpdatedAt)
}

// lookedAt is when a message that is over must have been looked at, with a machine that is
// busy and a start in between.
const lookedAt = 20 * time.Second

// stuckAfter is when the message of a process that died must have been looked after.
const stuckAfter = 2 * time.Minute

// judgeInbox reads a message centre as its payer does.
func (w *world) judgeInbox(ctx context.Context, s *store.Store, p *person) {
	in, err := s.Inbox(ctx, p.inboxOf(), 0, manyEvents)
	if err != nil {
		w.t.Fatal(err)
	}
	last, told := make(map[string]notify.Notice), make(map[string]bool)
	for _, item := range slices.Backward(in.Items) {
		f := w.byNo[item.OrderNo]
		if f == nil || f.payer != p {
			w.wrongs.add("inbox", "%s has a message about %s", p.id, item.OrderNo)
			continue
		}
		if before, ok := last[f.no]; ok && !mayTell(f.kind, before, item.Notice) {
			w.wrongs.add("contradiction", "%s (%s): %s in the inbox after %s", f.no, f.kind, item.Notice, before)
		}
		last[f.no] = item.Notice
		if key := f.no + string(item.Notice); told[key] {
			w.wrongs.add("told twice", "%s: %s in the inbox", f.no, item.Notice)
		} else {
			told[key] = true
		}
	}
}

// reportMessages says what the messages of a run consisted of.
func (w *world) reportMessages() {
	j := w.messages
	w.t.Logf("messages: %d calls to providers %v, arrived %v, %d of refunds of a part", sum(j.calls), j.calls, j.arrived, j.parts)
	w.t.Logf("%d were overtaken by news on their way, by %v at worst", j.crossed, j.crossing.Round(time.Millisecond))
}

func sum(counts map[notify.Channel]int) (n int) {
	for c := range maps.Values(counts) {
		n += c
	}
	return n
}
