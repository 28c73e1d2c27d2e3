package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// runNotify tells one payer, by one channel, what is true of an order now. It is a look at
// the state and not an errand: a task that comes late, twice or after the news has changed
// tells what is to be told then, or nothing.
func (e *Engine) runNotify(ctx context.Context, t Task) {
	if e.messages == nil {
		e.logTask(ctx, t, e.tellNobody(ctx, t))
		return
	}
	e.logTask(ctx, t, e.tell(ctx, t))
}

// tellNobody ends a task that was owed before messages were switched off.
func (e *Engine) tellNobody(ctx context.Context, t Task) error {
	_, err := e.decide(ctx, t.OrderNo, func(o order.Order, now order.Time) (decision, error) {
		d := decision{Change: order.Change{Order: o}, with: Commit{Fence: &Fence{t.TaskKey, t.Token}}}
		d.with.dropTask(t.TaskKey)
		records, err := e.deps.Store.MessagesOf(ctx, t.OrderNo)
		list := mattersOf(t.TaskKey, notify.Facts{Order: o, Now: now})
		for i := range list {
			list[i].verdict = notify.Decision{Action: notify.ActionSkip, Reason: notify.ReasonNoSender}
		}
		if waits := givenUp(records, t.TaskKey, list, now); len(waits) > 0 {
			d.with.Messages = &MessageWrites{Records: waits}
		}
		return d, err
	})
	return err
}

// errand is one message on its way, between two commits.
type errand struct {
	via     *sender
	key     TaskKey // by which the provider's pacer knows it
	flight  func()  // ends that its record is known to be this process's; nil = it has none
	message notify.Message
	record  notify.Record
	inbox   string // changed by the commit
}

// tell decides, commits what was decided, and only then calls a provider: a crash at any
// point leaves a record that says at least as much as was done.
func (e *Engine) tell(ctx context.Context, t Task) error {
	var job errand
	capped := ""
	for {
		next := errand{}
		_, err := e.decide(ctx, t.OrderNo, func(o order.Order, now order.Time) (decision, error) {
			next.release()
			next = errand{}
			return e.decideMessage(ctx, t, o, now, capped, &next)
		})
		if full, ok := errors.AsType[*CappedError](err); ok && capped == "" {
			next.release()
			capped = full.Name
			continue
		}
		if err != nil {
			next.release()
			return err
		}
		job = next
		break
	}
	if job.inbox != "" && e.messages.deps.Inbox != nil {
		e.messages.deps.Inbox.InboxChanged(ctx, job.inbox)
	}
	if job.via == nil {
		return nil
	}
	return e.hand(ctx, t, job)
}

// decideMessage is one reading of the order: what follows from it is in the decision, and
// in job when a provider is to be called once that is committed.
func (e *Engine) decideMessage(ctx context.Context, t Task, o order.Order, now order.Time, capped string, job *errand) (decision, error) {
	d := decision{Change: order.Change{Order: o}, with: Commit{Fence: &Fence{t.TaskKey, t.Token}}}
	facts, err := e.messageFacts(ctx, o, now)
	if err != nil {
		return decision{}, err
	}
	list, err := e.weighMatters(ctx, t.TaskKey, facts)
	if err != nil {
		return decision{}, err
	}
	left, interrupted, err := e.leftUnderWay(ctx, &d, t.TaskKey, list, facts)
	if err != nil || len(d.with.Tasks) > 0 {
		return d, err
	}
	if over := givenUp(facts.Records, t.TaskKey, list, now); len(over) > 0 {
		d.messages().Records = over
	}
	next := nextOf(list)
	verdict := next.verdict
	switch verdict.Action {
	case notify.ActionSkip:
		e.messages.counts.skip(verdict.Channel, verdict.Reason)
		d.with.dropTask(t.TaskKey)
		if interrupted { // nobody needs it again
			writes := d.messages()
			writes.Records = append(writes.Records, left.Move(notify.StatusMaybeSent, codeInterrupted, now))
		}
		return d, nil
	case notify.ActionWait:
		d.with.addTask(t.TaskKey, verdict.At)
		return d, nil
	case notify.ActionSend:
	}
	contact := verdict.To[0]
	record, known := recordOf(next.facts, contact)
	if capped != "" {
		e.messages.counts.skip(verdict.Channel, "cap")
		writes := d.messages()
		writes.Records = append(writes.Records, record.Move(notify.StatusDropped, notify.CodeCapped, now))
		d.with.addTask(t.TaskKey, now)
		return d, nil
	}
	return e.prepare(d, t, next, contact, record, known, job)
}

// messages returns what the decision writes of messages.
func (d *decision) messages() *MessageWrites {
	if d.with.Messages == nil {
		d.with.Messages = &MessageWrites{}
	}
	return d.with.Messages
}

// prepare writes the text and the record, and puts the message on the timeline. That last
// is an event of the order, so the commit is refused if the order has changed since it was
// read: no message goes out about a state that is over.
func (e *Engine) prepare(d decision, t Task, m matter, to notify.Contact, r notify.Record, known bool, job *errand) (decision, error) {
	f := m.facts
	frame := e.frame(f)
	text, err := e.messages.catalogue.Load().Render(r.Notice, to.Channel, d.Order, frame)
	if err != nil {
		return decision{}, fmt.Errorf("message %s: %w", r.Notice, err)
	}
	r.Language, r.Template, r.Version = text.Language, text.Template, text.Version
	writes := d.messages()
	if !known {
		writes.Counts = countsFor(e.messages.plan.Load(), to, d.Order, r.Notice, f.Now)
	}
	if to.Channel == notify.Inbox {
		job.inbox = InboxID(d.Order.Backend, d.Order.Payer.ID)
		writes.Records = append(writes.Records, r.Move(notify.StatusDelivered, "", f.Now))
		writes.Item = &InboxItem{
			InboxID: job.inbox, ID: r.ID, OrderNo: r.OrderNo, Notice: r.Notice, Language: r.Language,
			Title: text.Title, Body: text.Body, At: f.Now,
		}
		if f.Refund == nil {
			d.with.dropTask(t.TaskKey)
		} else {
			d.with.addTask(t.TaskKey, f.Now) // there may be more of them
		}
		d.Change = m.note(r)
		e.messages.counts.sent(to.Channel)
		return d, nil
	}
	via, at := e.choose(t, to, text, r, f.Now)
	if via == nil {
		return e.unsendable(d, t, r, text, at, f.Now), nil
	}
	r.Provider = via.Name
	r = r.Move(notify.StatusSending, "", f.Now)
	writes.Records = append(writes.Records, r)
	d.Change = m.note(r)
	*job = errand{via: via, key: via.task(t), flight: e.messages.flying.begin(r.ID), record: r, message: e.compose(r, to, text, m, frame)}
	return d, nil
}

// unsendable has a message wait for a provider, or gives it up when none will take it.
func (e *Engine) unsendable(d decision, t Task, r notify.Record, text notify.Texted, at, now order.Time) decision {
	writes := d.messages()
	writes.Counts = nil
	if at == 0 {
		writes.Records = append(writes.Records, r.Move(notify.StatusFailed, e.whyNone(r, text), now))
		d.with.addTask(t.TaskKey, now) // for the payer's other addresses
		return d
	}
	d.with.addTask(t.TaskKey, max(at, now.Add(minGap)))
	return d
}

// whyNone tells why no provider takes a message.
func (e *Engine) whyNone(r notify.Record, text notify.Texted) string {
	for _, m := range slices.Backward(r.History) {
		if m.Code != "" {
			return m.Code
		}
	}
	if slices.ContainsFunc(e.messages.providers[r.Channel], func(s *sender) bool { return !s.says(text) }) {
		return codeNotApproved
	}
	return "no_provider"
}

// codeNotApproved is the code of a message that no provider has an approved template for.
const codeNotApproved = "template_not_approved"

func (e *Engine) frame(f notify.Facts) notify.Frame {
	m := e.messages
	plan := m.plan.Load()
	brand, support := "", ""
	if m.deps.Brand != nil {
		brand, support = m.deps.Brand(f.Order.Backend)
	}
	return notify.Frame{
		Brand: brand, Support: support, Link: m.deps.Links.Page(f.Order), Refund: f.Refund, Zone: plan.ZoneOf(f.Order),
		Language: m.catalogue.Load().Language(f.Order.Payer.Locale), Records: f.Records, Delayed: plan.Delayed, Now: f.Now,
	}
}

// How long providers may keep trying. What is being confirmed is old news soon.
const (
	waitingTTL = 15 * time.Minute
	resultTTL  = 3 * 24 * time.Hour
)

// compose makes the message that a provider gets.
func (e *Engine) compose(r notify.Record, to notify.Contact, text notify.Texted, about matter, f notify.Frame) notify.Message {
	o := about.facts.Order
	m := notify.Message{
		ID: r.ID, OrderNo: r.OrderNo, Notice: r.Notice, Channel: r.Channel, To: to.To,
		Language: r.Language, Template: r.Template, Version: r.Version,
		SMS:         text.Providers[r.Provider],
		CollapseKey: about.facts.CollapseKey(), Link: f.Link, TTL: waitingTTL,
	}
	if r.Notice.Result() || r.Notice.Part() {
		m.TTL = resultTTL
	}
	if about.verdict.Rule.Optional || to.OptedIn {
		m.Unsubscribe = e.messages.deps.Links.Unsubscribe(InboxID(o.Backend, o.Payer.ID), r.Channel)
	}
	if to.OptedIn && firstTo(about.facts.Records, r) {
		text = text.Explained(r.Channel, m.Unsubscribe, e.messages.byName[r.Provider].traits.Stops)
	}
	m.Text = e.textFor(r.Channel, text, o.Backend, f, m.Unsubscribe)
	return m
}

// firstTo reports whether a message is the first about its order that an address gets.
func firstTo(records []notify.Record, r notify.Record) bool {
	return !slices.ContainsFunc(records, func(other notify.Record) bool {
		return other.ID != r.ID && other.Fingerprint == r.Fingerprint && other.Status != notify.StatusWaiting && other.Status != notify.StatusDropped
	})
}

// textFor returns what a channel carries of a text.
func (e *Engine) textFor(c notify.Channel, text notify.Texted, backend string, f notify.Frame, unsubscribe string) notify.Text {
	if c != notify.Email {
		return text.For(c)
	}
	look := notify.Look{}
	if e.messages.deps.Look != nil {
		look = e.messages.deps.Look(backend)
	}
	look.Brand = f.Brand
	link := f.Link
	if name, _, _ := strings.Cut(text.Template, "/"); name == string(notify.NoticeCode) {
		link = "" // the page that asks for the code is open
	}
	mail, err := text.Mail(look, link, unsubscribe)
	if err != nil { // plain text is a mail too
		e.deps.Log.WithError(err).Error("write mail")
		return text.For(c)
	}
	return mail
}

// countsFor are the bounds that a new message counts against.
func countsFor(p *notify.Plan, to notify.Contact, o order.Order, n notify.Notice, now order.Time) []Count {
	c := to.Channel
	caps := p.Caps[c]
	day := now.Std().In(p.Zone).Format(time.DateOnly)
	end := now.Add(48 * time.Hour)
	var list []Count
	if caps.Order > 0 {
		of := "order:"
		if n.Part() {
			of = "refunds:" // neither uses up the bound of the other
		}
		list = append(list, Count{of + string(c) + ":" + o.OrderNo, caps.Order, now.Add(resultTTL * 10)})
	}
	if caps.PayerDay > 0 {
		list = append(list, Count{"payer:" + string(c) + ":" + day + ":" + InboxID(o.Backend, o.Payer.ID), caps.PayerDay, end})
	}
	if caps.AddressDay > 0 && to.OptedIn {
		list = append(list, Count{"address:" + string(c) + ":" + day + ":" + to.Fingerprint, caps.AddressDay, end})
	}
	if caps.Day > 0 {
		list = append(list, dayCount(p, c, caps.Day, now))
	}
	return list
}

// dayCount is the bound on a channel's messages of a day.
func dayCount(p *notify.Plan, c notify.Channel, limit int, now order.Time) Count {
	return Count{"all:" + string(c) + ":" + now.Std().In(p.Zone).Format(time.DateOnly), limit, now.Add(48 * time.Hour)}
}
