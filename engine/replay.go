package engine

import (
	"context"
	"errors"
	"fmt"

	"anxin/engine/channel"
)

// Replay is an operator's wish that callbacks be looked at again.
type Replay struct {
	IDs         []string       // which ones
	Select      CallbackFilter // without IDs: one page of what this selects
	AcceptStale bool           // rejected ones may have been too old when they came
	Actor       string
	Reason      string
}

// Replayed says what became of a Replay.
type Replayed struct {
	Accepted   int
	Skipped    []SkippedReplay
	NextCursor string // of a selection: where it goes on, "" = the end
}

// SkippedReplay is a callback that was left as it is.
type SkippedReplay struct {
	ID     string
	Reason string // "not_found", "unknown_order", "unknown_channel", "duplicate", or why it is refused again
}

// Callbacks lists callbacks, newest first, with the cursor of the next page.
func (e *Engine) Callbacks(ctx context.Context, f CallbackFilter) ([]CallbackRecord, string, error) {
	return e.deps.Store.CallbackRecords(ctx, f)
}

// Callback returns one callback with its contents, or ErrNotFound.
func (e *Engine) Callback(ctx context.Context, id string) (CallbackRecord, error) {
	return e.deps.Store.CallbackRecord(ctx, id)
}

// ReplayCallbacks lets callbacks go through the ordinary processing again. A stored one
// becomes pending, and the task that weighs it is committed with that; weighing the same
// evidence twice changes nothing. A rejected one is verified anew, against the time at
// which it came and today's keys, and is stored like any other when it holds. Each is
// committed with its audit entry. An error leaves some replayed and the rest as they
// were: the same call again is safe.
func (e *Engine) ReplayCallbacks(ctx context.Context, r Replay) (Replayed, error) {
	var done Replayed
	ids := r.IDs
	if len(ids) == 0 {
		list, next, err := e.deps.Store.CallbackRecords(ctx, r.Select)
		if err != nil {
			return done, fmt.Errorf("select callbacks: %w", err)
		}
		done.NextCursor = next
		for _, rec := range list {
			ids = append(ids, rec.ID)
		}
	}
	for _, id := range ids {
		skipped, err := e.replay(ctx, id, r)
		switch {
		case err != nil:
			return done, fmt.Errorf("replay callback: %w", err)
		case skipped != "":
			done.Skipped = append(done.Skipped, SkippedReplay{id, skipped})
		default:
			done.Accepted++
		}
	}
	return done, nil
}

// replay looks at one callback again, or says why not.
func (e *Engine) replay(ctx context.Context, id string, r Replay) (skipped string, err error) {
	rec, err := e.deps.Store.CallbackRecord(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return "not_found", nil
	case err != nil:
		return "", err
	case rec.State == CallbackRejected:
		return e.replayRejected(ctx, rec, r)
	}
	known, err := e.knows(ctx, rec.OrderNo)
	if err != nil || !known {
		return ReasonUnknownOrder, err
	}
	c := Commit{Reopened: []CallbackKey{{rec.Channel, rec.DedupeKey}}, Audit: r.audit(id)}
	c.addTask(processTask(rec.OrderNo, rec.Channel), now())
	return "", e.commit(ctx, c)
}

func (r Replay) audit(id string) *Audit {
	return &Audit{At: now(), Actor: r.Actor, Action: "callbacks.replay", Target: id, Reason: r.Reason}
}

func (e *Engine) knows(ctx context.Context, orderNo string) (bool, error) {
	_, err := e.deps.Store.Order(ctx, orderNo)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// replayRejected verifies a rejected callback again and stores what is in it.
func (e *Engine) replayRejected(ctx context.Context, rec CallbackRecord, r Replay) (skipped string, err error) {
	ch, ok := e.deps.Channels[rec.Channel]
	if !ok {
		return "unknown_channel", nil
	}
	rec.Raw.AnyAge = r.AcceptStale
	notes, err := e.verify(ctx, ch, rec.Raw)
	if err != nil {
		return rejectionCode(err), nil
	}
	rec.Raw.AnyAge = false
	stored := 0
	for _, n := range notes {
		switch err := e.readmit(ctx, n, rec, r); {
		case err == nil:
			stored++
		case !errors.Is(err, ErrDuplicate): // redelivered and stored meanwhile
			return "", err
		}
	}
	if stored == 0 {
		return "duplicate", nil
	}
	return "", e.deps.Store.Commit(ctx, Commit{Readmits: rec.ID})
}

// readmit stores one notification of a rejected callback, with the task that weighs it.
func (e *Engine) readmit(ctx context.Context, n channel.Notification, rec CallbackRecord, r Replay) error {
	known, err := e.knows(ctx, n.OrderNo)
	if err != nil {
		return err
	}
	callback := Callback{
		CallbackKey: CallbackKey{rec.Channel, n.DedupeKey}, OrderNo: n.OrderNo,
		State: CallbackPending, Notification: n, Raw: rec.Raw,
	}
	at := now()
	if !known {
		callback.State, at = CallbackQuarantined, at.Add(quarantineLooks[0])
	}
	c := Commit{Callbacks: []Callback{callback}, Audit: r.audit(rec.ID)}
	c.addTask(processTask(n.OrderNo, rec.Channel), at)
	return e.commit(ctx, c)
}

// verify calls the adapter; should it panic, the callback is refused and not lost. One
// that is larger than any of the channel is not read at all.
func (e *Engine) verify(ctx context.Context, ch channel.Channel, r channel.Request) (notes []channel.Notification, err error) {
	if len(r.Body) > orDefault(ch.Policy().MaxBody, channel.DefaultMaxBody) {
		return nil, channel.ErrMalformed
	}
	err = e.contained(func() (err error) {
		notes, err = ch.Verify(ctx, r)
		return err
	})
	return notes, err
}
