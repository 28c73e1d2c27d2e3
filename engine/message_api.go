package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"anxin/engine/channel"
	"anxin/engine/notify"
	"anxin/engine/order"
)

// Errors of calls about messages.
var (
	ErrNoMessages = errors.New("no messages are sent by this server")
	ErrNoProvider = errors.New("no such provider is configured")
)

// SetPlan has another plan hold from now on. What is owed already is decided by it too.
func (e *Engine) SetPlan(p *notify.Plan) error {
	if e.messages == nil {
		return ErrNoMessages
	}
	if err := p.Validate(); err != nil {
		return fmt.Errorf("notification plan: %w", err)
	}
	e.messages.plan.Store(p)
	return nil
}

// SetCatalogue has other templates of the configuration hold from now on. What people wrote
// stays over them. It fails with a *notify.TemplateError.
func (e *Engine) SetCatalogue(c *notify.Catalogue) error {
	if e.messages == nil {
		return ErrNoMessages
	}
	return e.messages.rebase(c)
}

// Messages lists what payers were told, newest first, with the cursor of the next page.
func (e *Engine) Messages(ctx context.Context, f MessageFilter) ([]notify.Record, string, error) {
	return e.deps.Store.Messages(ctx, f)
}

// Preview is one line of what a plan would do.
type Preview struct {
	Notice  notify.Notice
	Refund  string // that it is about, "" = it is about the order
	Current bool   // it is what the payer would be told now; else what it would be if that came to pass
	notify.Decision
	To    string // masked; "" = nobody
	Title string
	Body  string
	Size  notify.Size // of an SMS
}

// previewed are the notices of a preview besides the current one, as far as they may yet
// come to pass.
var previewed = []notify.Notice{notify.NoticeDelayed, notify.NoticeProlonged, notify.NoticeSucceeded, notify.NoticeFailed, notify.NoticeRefunding, notify.NoticeRefunded, notify.NoticePartRefunding, notify.NoticePartRefunded}

// PreviewMessages tells what would be sent about an order now, and what it would be at each
// notice that may come: to whom, when, by which channel, and why or why not. It sends
// nothing.
func (e *Engine) PreviewMessages(ctx context.Context, orderNo string) ([]Preview, error) {
	m := e.messages
	if m == nil {
		return nil, ErrNoMessages
	}
	o, err := e.deps.Store.Order(ctx, orderNo)
	if err != nil {
		return nil, err
	}
	at := now()
	facts, err := e.messageFacts(ctx, o, at)
	if err != nil {
		return nil, err
	}
	var list []Preview
	if n := notify.Current(o); n != "" {
		list = append(list, e.previewOf(facts, n, true)...)
	}
	parts, err := e.weighMatters(ctx, refundTask(orderNo, notify.Inbox), facts)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if p.facts.Refund != nil {
			list = append(list, e.previewOf(p.facts, p.facts.Notice, true)...)
		}
	}
	for _, n := range previewed {
		if mayCome(o, n) {
			list = append(list, e.previewOf(m.imagined(facts, n), n, false)...)
		}
	}
	return list, nil
}

// mayCome reports whether something else than now may yet be told of an order.
func mayCome(o order.Order, n notify.Notice) bool {
	switch {
	case n == notify.Current(o):
		return false
	case n.Part():
		return !o.Status().Final() || o.Status() == order.StatusSucceeded
	}
	return !o.Status().Final() || n.Result()
}

// imagined are the facts as they would be when a notice came true now.
func (m *messages) imagined(f notify.Facts, n notify.Notice) notify.Facts {
	f.Order = m.imagine(f.Order, n, f.Now)
	f.Notice, f.Since, f.Seen = n, f.Now, false
	if n.Part() {
		f.Refund = &f.Order.Refunds[len(f.Order.Refunds)-1]
	}
	return f
}

// imagine returns the order as it would be when a notice came true now.
func (m *messages) imagine(o order.Order, n notify.Notice, at order.Time) order.Order {
	if o.ClaimedAt == 0 {
		o.ClaimedAt = at.Add(-2 * m.plan.Load().Delayed)
	}
	o.TurnSeq, o.TurnAt, o.ResolvedAt = o.Seq+1, at, at
	refund := order.Refund{ID: "preview", Minor: o.Amount.Minor, AcceptedAt: at}
	switch n {
	case notify.NoticeDelayed:
		o.Stage, o.ResolvedAt = order.Delayed, 0
	case notify.NoticeProlonged:
		o.Stage, o.ResolvedAt = order.Prolonged, 0
	case notify.NoticeSucceeded:
		o.Payment, o.Fulfilment, o.Withheld, o.Stage = order.Succeeded, order.FulfilmentNone, "", order.Resolved
	case notify.NoticeFailed:
		o.Payment, o.Stage = order.Failed, order.Resolved
	case notify.NoticeClosed:
		o.Payment, o.Stage = order.Closed, order.Resolved
	case notify.NoticeRefunding:
		o.Payment, o.Stage, o.Refunds = order.Refunding, order.Resolved, []order.Refund{refund}
	case notify.NoticeRefunded:
		refund.CreditedAt = at
		o.Payment, o.Stage, o.Refunds = order.Refunded, order.Resolved, []order.Refund{refund}
	case notify.NoticePartRefunding, notify.NoticePartRefunded:
		refund.Minor = (o.Amount.Minor + 1) / 2
		if n == notify.NoticePartRefunded {
			refund.CreditedAt = at
		}
		o.Payment, o.Fulfilment, o.Withheld, o.Stage = order.Succeeded, order.FulfilmentNone, "", order.Resolved
		o.Refunds = append(slices.Clone(o.Refunds), refund)
	case notify.NoticeCode, notify.NoticeTest, notify.NoticeAlert:
	}
	return o
}

func (e *Engine) previewOf(f notify.Facts, n notify.Notice, current bool) []Preview {
	plan, catalogue := e.messages.plan.Load(), e.messages.catalogue.Load()
	var list []Preview
	for _, c := range notify.Channels {
		if c == notify.Robot {
			continue
		}
		p := Preview{Notice: n, Current: current, Decision: plan.Decide(c, f)}
		if f.Refund != nil {
			p.Refund = f.Refund.ID
		}
		to := p.Decision.To
		if len(to) == 0 {
			to = slices.DeleteFunc(slices.Clone(f.Contacts), func(k notify.Contact) bool { return k.Channel != c })
		}
		if len(to) > 0 {
			p.To = to[0].To.Mask()
		}
		if text, err := catalogue.Render(n, c, f.Order, e.frame(f)); err == nil {
			said := e.textFor(c, text, f.Order.Backend, e.frame(f), "")
			p.Title, p.Body = said.Title, said.Body
			if c == notify.SMS {
				p.Size = notify.SizeOf(said.Body)
			}
		}
		list = append(list, p)
	}
	return list
}

// ReceiveReceipts takes in what a provider reports of messages, and returns what it is to
// be answered. It fails with ErrNoProvider when there is nothing of the name that reports.
func (e *Engine) ReceiveReceipts(ctx context.Context, provider string, r channel.Request) (channel.Answer, error) {
	s, ok := e.sender(provider)
	if !ok {
		return channel.Answer{}, ErrNoProvider
	}
	parser, ok := s.Provider.(notify.ReceiptParser)
	if !ok {
		return channel.Answer{}, ErrNoProvider
	}
	var updates []notify.StatusUpdate
	err := e.contained(func() (err error) {
		updates, err = parser.ParseReceipts(ctx, r)
		return err
	})
	if err == nil {
		err = e.takeReceipts(ctx, s, updates)
	}
	var answer channel.Answer
	if panicked := e.contained(func() error { answer = parser.AnswerReceipts(err); return nil }); panicked != nil {
		return channel.Answer{}, panicked
	}
	return answer, nil
}

func (e *Engine) sender(name string) (*sender, bool) {
	if e.messages == nil {
		return nil, false
	}
	s, ok := e.messages.byName[name]
	return s, ok
}

// takeReceipts moves the records. What is not known yet is looked at again: sent again, it
// might come as early.
func (e *Engine) takeReceipts(ctx context.Context, s *sender, updates []notify.StatusUpdate) error {
	for _, u := range updates {
		known, err := e.takeReceipt(ctx, s, u)
		if err != nil {
			return errors.Join(channel.ErrStore, err)
		}
		if !known {
			e.messages.early.keep(s, u, now())
		}
	}
	return nil
}

// takeReceipt moves one record. It reports false while there is none, and while the
// message is with its provider: what becomes of that call is written down first.
func (e *Engine) takeReceipt(ctx context.Context, s *sender, u notify.StatusUpdate) (known bool, err error) {
	r, err := e.deps.Store.MessageOf(ctx, s.Name, u.ProviderID, u.MessageID)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && r.Status == notify.StatusSending:
		return false, nil
	case err != nil:
		return false, err
	case !moves(r.Status, u.Status):
		return true, nil
	}
	if u.ProviderID != "" {
		r.ProviderID = u.ProviderID
	}
	if u.Segments > 0 {
		r.Segments = u.Segments
	}
	if u.Cost != (notify.Cost{}) {
		r.Cost = u.Cost
	}
	writes := &MessageWrites{Records: []notify.Record{r.Move(u.Status, u.Code, now())}}
	if u.DropAddress {
		writes.Dead = &DeadAddress{Channel: r.Channel, Fingerprint: r.Fingerprint, Provider: s.Name, Code: u.Code, At: now()}
	}
	if err := e.commit(ctx, Commit{Messages: writes}); err != nil {
		return false, err
	}
	s.stats.reported(u.Status)
	return true, nil
}

// moves reports whether a report tells more than is known. Reports come in any order and
// more than once; delivered stays delivered, unless the mailbox sends it back later.
func moves(known, reported notify.Status) bool {
	switch known {
	case notify.StatusDelivered:
		return reported == notify.StatusBounced
	case notify.StatusFailed, notify.StatusBounced, notify.StatusDropped:
		return false
	case notify.StatusWaiting, notify.StatusSending, notify.StatusAccepted, notify.StatusMaybeSent:
		return true
	}
	return false
}

// ProviderState is what this node knows of one provider.
type ProviderState struct {
	Name    string
	Channel notify.Channel
	PaceState
	Calls     int64
	Took      float64 // seconds, of all calls
	Errors    map[notify.ErrorKind]int64
	Delivered int64 // reported
	Failed    int64 // reported
}

// Providers tells the state of each provider, by channel in the order in which they are
// tried.
func (e *Engine) Providers() []ProviderState {
	if e.messages == nil {
		return nil
	}
	var list []ProviderState
	for _, c := range notify.Channels {
		for _, s := range e.messages.providers[c] {
			p := ProviderState{Name: s.Name, Channel: c, PaceState: s.pacer.stateAt(now())}
			s.stats.fill(&p)
			list = append(list, p)
		}
	}
	return list
}

// Skipped tells how often a channel told nothing, and why, since the start.
func (e *Engine) Skipped() map[SkipKey]int64 {
	if e.messages == nil {
		return nil
	}
	return e.messages.counts.skips()
}
