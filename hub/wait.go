package hub

import (
	"context"
	"time"
)

// waiter is the watcher behind one long poll. Its channel holds the newest
// state beyond the one that the caller has.
type waiter struct {
	after int64
	found chan *state // capacity 1; only offer sends, with the topic locked
}

var _ sink = (*waiter)(nil)

func (w *waiter) offer(s *state) (claimed *session) {
	if s.Seq <= w.after {
		return nil
	}
	select {
	case old := <-w.found:
		if old.Seq > s.Seq {
			s = old
		}
	default:
	}
	w.found <- s
	return nil
}

// Wait returns the newest state of one of the visit's topics as soon as it is not the one
// that the visitor has: at once if it is newer, or older than a seq that never was
// here. It registers first and then reads the Source, so that no state falls in
// between. Besides the errors of the Source and of ctx it returns a
// [*RefusalError] when a limit is reached, and ErrDraining when the hub ends the
// wait or takes no more.
func (h *Hub) Wait(ctx context.Context, v Visit) (Message, error) {
	if !h.admit() {
		return Message{}, ErrDraining
	}
	defer h.sessions.Done()
	from := addressOf(v.Remote)
	if refusal := h.door.enterWait(from, v.Remote != ""); refusal != nil {
		return Message{}, refusal
	}
	defer h.door.leaveWait(from, v.Remote != "")
	key := h.door.key(v.Token)
	if !h.door.enterToken(key) {
		return Message{}, errToken
	}
	defer h.door.leaveToken(key)

	visits := v.topics()
	waiters := [2]waiter{} // a second one that waits for nothing never finds anything
	for i, v := range visits {
		waiters[i] = waiter{after: v.After, found: make(chan *state, 1)}
		w := &watch{sink: &waiters[i], audience: v.Audience}
		h.topics.join(v.Topic, w)
		defer h.topics.leave(w)

		m, err := h.source.Snapshot(ctx, v.Topic)
		if err != nil {
			return Message{}, err
		}
		w.topic.read(m.Seq)
		if m.Seq != v.After {
			m.Event = ""
			return m, nil
		}
	}
	select {
	case s := <-waiters[0].found:
		return s.Message, nil
	case s := <-waiters[1].found:
		return s.Message, nil
	case <-ctx.Done():
		return Message{}, ctx.Err()
	case <-h.quit:
		return Message{}, ErrDraining
	}
}

// Frame encodes a state for a visitor as the live connections do: as "current" if
// it is what the visitor has, else as an update or, without an event, a snapshot.
func Frame(m Message, after int64, now time.Time) []byte {
	st := &state{Message: m}
	kind := kindUpdate
	switch {
	case m.Seq == after:
		kind = kindCurrent
	case m.Event == "":
		kind = kindSnapshot
	}
	return st.appendJSON(make([]byte, 0, st.size()), kind, now)
}
