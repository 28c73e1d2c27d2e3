package engine

import (
	"context"
	"slices"
	"time"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// leftUnderWay looks for a message of the channel that is with a provider, as far as the
// records tell, and decides what becomes of the task meanwhile. A message that a process
// left behind, is still true and may be repeated is returned, and nothing decided.
func (e *Engine) leftUnderWay(ctx context.Context, d *decision, key TaskKey, list []matter, f notify.Facts) (left notify.Record, found bool, err error) {
	channel, refunds := key.tells()
	for _, r := range f.Records {
		if r.Channel != channel || r.Status != notify.StatusSending || (!refunds && r.Notice.Part()) {
			continue
		}
		orphan, err := e.orphaned(ctx, r, f.Now)
		switch own := r.Notice.Part() == refunds; {
		case err != nil:
			return r, false, err
		case !orphan:
			d.with.addTask(key, f.Now.Add(underWayLook))
			return r, false, nil
		case !own: // the order's own task looks after it
		case !slices.ContainsFunc(list, func(m matter) bool { return m.covers(r) }) || !e.repeatable(r.Provider):
			// The process that sent it ended before it knew: nobody knows now.
			d.with.addTask(key, f.Now)
			d.messages().Records = []notify.Record{r.Move(notify.StatusMaybeSent, codeInterrupted, f.Now)}
			return r, false, nil
		default:
			left, found = r, true
		}
	}
	return left, found, nil
}

// givenUp returns the messages of a task that had yet to be sent and will not be, unless
// they come true again: those about what is over, and those that turned out to be needless,
// since nobody may look at them again.
func givenUp(records []notify.Record, key TaskKey, list []matter, now order.Time) []notify.Record {
	channel, refunds := key.tells()
	var over []notify.Record
	for _, r := range records {
		if r.Channel != channel || r.Status != notify.StatusWaiting || r.Notice == notify.NoticeCode || r.Notice.Part() != refunds {
			continue
		}
		at := slices.IndexFunc(list, func(m matter) bool { return m.covers(r) })
		switch {
		case at < 0:
			over = append(over, r.Move(notify.StatusDropped, notify.CodeSuperseded, now))
		case list[at].verdict.Action == notify.ActionSkip:
			over = append(over, r.Move(notify.StatusDropped, string(list[at].verdict.Reason), now))
		}
	}
	return over
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
