package engine

import (
	"context"
	"time"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// underWay returns the message of a channel that is with a provider, as far as its record
// tells.
func underWay(records []notify.Record, c notify.Channel) (notify.Record, bool) {
	for _, r := range records {
		if r.Channel == c && r.Status == notify.StatusSending {
			return r, true
		}
	}
	return notify.Record{}, false
}

// givenUp returns the messages of a channel that had yet to be sent and will not be, unless
// they come true again: those that are over, and with the task that ends all others, since
// nobody would look at them again.
func givenUp(records []notify.Record, current notify.Notice, v notify.Decision, now order.Time) []notify.Record {
	var list []notify.Record
	for _, r := range records {
		switch {
		case r.Channel != v.Channel || r.Status != notify.StatusWaiting || r.Notice == notify.NoticeCode:
		case r.Notice != current:
			list = append(list, r.Move(notify.StatusDropped, notify.CodeSuperseded, now))
		case v.Action == notify.ActionSkip:
			list = append(list, r.Move(notify.StatusDropped, string(v.Reason), now))
		}
	}
	return list
}

// codeInterrupted marks a message whose process ended before it knew what became of it.
const codeInterrupted = "interrupted"

// underWayLook is how soon a message looks again that waits for the one before it: two of
// one order must not overtake one another on their way to the provider.
const underWayLook = 2 * time.Second

// orphaned reports whether nobody will write down any more what became of a message that
// is being sent. Where this is the only process that is so at once, and elsewhere when
// every call has ended that its sender could have made.
func (e *Engine) orphaned(ctx context.Context, r notify.Record, now order.Time) (bool, error) {
	s, ok := e.deps.Store.(soleStore)
	if !ok || !s.Sole() {
		return now >= r.UpdatedAt.Add(maxRun), nil
	}
	if e.messages.flying.has(r.ID) {
		return false, nil
	}
	r, err := e.deps.Store.MessageOf(ctx, "", "", r.ID) // it may have landed since it was read
	return r.Status == notify.StatusSending, err
}

// soleStore is a store that may know of no other process.
type soleStore interface {
	// Sole reports whether no other process writes to the store while it is open.
	Sole() bool
}
