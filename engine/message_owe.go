package engine

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"sync/atomic"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// messages is what the engine needs to tell payers; nil when it tells nobody.
type messages struct {
	deps      MessageDeps
	plan      atomic.Pointer[notify.Plan]
	catalogue atomic.Pointer[notify.Catalogue] // in force: what the configuration says, and over it what people wrote
	wording   wording
	providers map[notify.Channel][]*sender
	byName    map[string]*sender
	counts    messageCounts
	codes     chan code
	early     earlyReports
	flying    flights
}

func newMessages(deps *MessageDeps) (*messages, error) {
	if deps == nil {
		return nil, nil //nolint:nilnil // none is a value: nobody is told anything
	}
	if err := deps.validate(); err != nil {
		return nil, err
	}
	m := &messages{deps: *deps, providers: make(map[notify.Channel][]*sender), byName: make(map[string]*sender), codes: make(chan code, codeQueue)}
	m.plan.Store(deps.Plan)
	m.catalogue.Store(deps.Catalogue)
	m.wording.base = deps.Catalogue
	for _, p := range deps.Providers {
		s := &sender{MessageProvider: p, traits: p.Provider.Traits()}
		m.providers[s.traits.Channel] = append(m.providers[s.traits.Channel], s)
		m.byName[p.Name] = s
	}
	for _, list := range m.providers {
		for _, s := range list {
			s.slots = make(chan struct{}, workersOf(len(list)))
		}
	}
	return m, nil
}

// sendable reports whether a channel has somebody to send its messages.
func (m *messages) sendable(c notify.Channel) bool {
	return c == notify.Inbox || len(m.providers[c]) > 0
}

// oweMessages owes a look at each channel of the plan once something else is to be told,
// and at those that told what is over, where something may wait to be sent. What a channel
// had yet to tell is replaced: whoever runs the task tells what is true then.
func (m *messages) oweMessages(c *Commit, before, after order.Order) {
	if m == nil {
		return
	}
	m.oweRefunds(c, before, after)
	was, notice := notify.Current(before), notify.Current(after)
	if notice == was && before.TurnSeq == after.TurnSeq {
		return
	}
	plan := m.plan.Load()
	rule, _ := plan.Rule(notice, after)
	for _, step := range rule.Steps {
		if m.sendable(step.Channel) {
			c.addTask(notifyTask(after.OrderNo, step.Channel), after.UpdatedAt.Add(step.After))
		}
	}
	past, _ := plan.Rule(was, before)
	for _, step := range past.Steps {
		if step.Channel != notify.Inbox && m.sendable(step.Channel) {
			c.addTask(notifyTask(after.OrderNo, step.Channel), after.UpdatedAt)
		}
	}
}

// oweRefunds owes a look at each channel by which refunds of a part are told, once one
// comes or changes, or when they are told no more.
func (m *messages) oweRefunds(c *Commit, before, after order.Order) {
	told, tells := notify.Parts(before, after.UpdatedAt), notify.Parts(after, after.UpdatedAt)
	if slices.Equal(told, tells) {
		return
	}
	plan := m.plan.Load()
	for _, n := range []notify.Notice{notify.NoticePartRefunding, notify.NoticePartRefunded} {
		rule, _ := plan.Rule(n, after)
		for _, step := range rule.Steps {
			if m.sendable(step.Channel) {
				c.addTask(refundTask(after.OrderNo, step.Channel), after.UpdatedAt)
			}
		}
	}
}

// facts gathers what a decision about an order's messages rests on.
func (e *Engine) messageFacts(ctx context.Context, o order.Order, now order.Time) (notify.Facts, error) {
	m := e.messages
	f := notify.Facts{Order: o, Now: now, OptedOut: make(map[notify.Channel]bool), Sendable: make(map[notify.Channel]bool)}
	for _, c := range notify.Channels {
		f.Sendable[c] = m.sendable(c)
	}
	var err error
	if f.Records, err = e.deps.Store.MessagesOf(ctx, o.OrderNo); err != nil {
		return f, err
	}
	if err := e.addContacts(ctx, &f); err != nil {
		return f, err
	}
	if _, f.Seen, err = e.SeenAt(ctx, o.OrderNo, max(o.TurnSeq, 1)); err != nil {
		return f, fmt.Errorf("load what was seen: %w", err)
	}
	f.Watching = e.Watching(ctx, o.OrderNo)
	return f, nil
}

// addContacts reads all addresses of the order's payer: those that the backend gave and
// those that he gave himself.
func (e *Engine) addContacts(ctx context.Context, f *notify.Facts) error {
	o := f.Order
	f.Contacts = e.messages.deps.Key.ContactsOf(o)
	ins, outs, err := e.deps.Store.OptIns(ctx, InboxID(o.Backend, o.Payer.ID))
	if err != nil {
		return err
	}
	for _, in := range ins {
		asked := o.AskedAt != 0 // where else the payer asked since then is as good
		known := slices.IndexFunc(f.Contacts, func(c notify.Contact) bool { return c.Channel == in.Channel && c.Fingerprint == in.Fingerprint })
		if known >= 0 {
			f.Contacts[known].Asked = asked
			continue
		}
		f.Contacts = append(f.Contacts, notify.Contact{Channel: in.Channel, To: in.To, Fingerprint: in.Fingerprint, OptedIn: true, Asked: asked})
	}
	for _, c := range outs {
		f.OptedOut[c] = true
	}
	fingerprints := make([]string, len(f.Contacts))
	for i, c := range f.Contacts {
		fingerprints[i] = c.Fingerprint
	}
	dead, err := e.deps.Store.DeadAddresses(ctx, fingerprints)
	if err != nil {
		return err
	}
	for i, c := range f.Contacts {
		f.Contacts[i].Dead = dead[c.Fingerprint]
	}
	return nil
}

// InboxID names a payer's inbox. Backends name their payers as they like, and none may
// read what belongs to another's.
func InboxID(backend, payerID string) string {
	sum := sha256.Sum256([]byte("inbox\x00" + backend + "\x00" + payerID))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}
