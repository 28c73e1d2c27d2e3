package engine

import (
	"context"
	"fmt"
	"strings"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// refundPart ends the target of a task that tells of refunds: an order's own news are told
// by a task of the channel's name, so that neither replaces the other.
const refundPart = "/refund"

func notifyTask(orderNo string, c notify.Channel) TaskKey {
	return TaskKey{orderNo, TaskNotify, string(c)}
}

func refundTask(orderNo string, c notify.Channel) TaskKey {
	return TaskKey{orderNo, TaskNotify, string(c) + refundPart}
}

// tells returns the channel of a task, and whether it tells of refunds.
func (k TaskKey) tells() (c notify.Channel, refunds bool) {
	name, refunds := strings.CutSuffix(k.Target, refundPart)
	return notify.Channel(name), refunds
}

// matter is one thing that a task may tell: what is true of the order, or of a refund that
// leaves it paid.
type matter struct {
	facts   notify.Facts
	verdict notify.Decision
}

// covers reports whether a record is of a message about the matter.
func (m matter) covers(r notify.Record) bool {
	return r.ID == m.facts.MessageID(r.Channel, r.Fingerprint)
}

// note puts a message about the matter on the timeline.
func (m matter) note(r notify.Record) order.Change {
	refund := ""
	if m.facts.Refund != nil {
		refund = m.facts.Refund.ID
	}
	return m.facts.Order.NoteMessage(r.ID, string(r.Notice), string(r.Channel), r.To, refund, m.facts.Now)
}

// mattersOf returns what a task may tell, undecided.
func mattersOf(key TaskKey, f notify.Facts) []matter {
	if _, refunds := key.tells(); !refunds {
		f.Notice = notify.Current(f.Order)
		return []matter{{facts: f}}
	}
	var list []matter
	for _, r := range notify.Parts(f.Order, f.Now) {
		list = append(list, matter{facts: f.About(r, false)})
	}
	return list
}

// weighMatters decides on all that a task may tell.
func (e *Engine) weighMatters(ctx context.Context, key TaskKey, f notify.Facts) ([]matter, error) {
	channel, _ := key.tells()
	plan := e.messages.plan.Load()
	list := mattersOf(key, f)
	for i, m := range list {
		if r := m.facts.Refund; r != nil {
			_, seen, err := e.SeenAt(ctx, f.Order.OrderNo, r.Seq)
			if err != nil {
				return nil, fmt.Errorf("load what was seen: %w", err)
			}
			list[i].facts.Seen = seen
		}
		list[i].verdict = plan.Decide(channel, list[i].facts)
	}
	if len(list) == 0 {
		list = []matter{{facts: f, verdict: notify.Decision{Channel: channel, Action: notify.ActionSkip, Reason: notify.ReasonNoNotice}}}
	}
	return list, nil
}

// nextOf returns the matter that is to be told first: the oldest that is due, else the one
// that is due soonest.
func nextOf(list []matter) matter {
	next := list[0]
	for _, m := range list {
		switch {
		case next.verdict.Action == notify.ActionSend:
			return next
		case m.verdict.Action == notify.ActionSend,
			m.verdict.Action == notify.ActionWait && (next.verdict.Action == notify.ActionSkip || m.verdict.At < next.verdict.At):
			next = m
		}
	}
	return next
}

// recordOf returns the record of the message that is to be sent, or a new one.
func recordOf(f notify.Facts, to notify.Contact) (r notify.Record, known bool) {
	o, id := f.Order, f.MessageID(to.Channel, to.Fingerprint)
	for _, r := range f.Records {
		if r.ID == id {
			return r, true
		}
	}
	return notify.Record{
		ID: id, OrderNo: o.OrderNo, Backend: o.Backend, Notice: f.Notice, Channel: to.Channel,
		Fingerprint: to.Fingerprint, To: to.To.Mask(), CreatedAt: f.Now, UpdatedAt: f.Now,
	}, false
}
