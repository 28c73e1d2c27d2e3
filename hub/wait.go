package hub

import "context"

// waiter is the watcher behind one long poll. Its channel holds the newest
// state beyond the one that the caller has.
type waiter struct {
	after int64
	found chan *state // capacity 1; only offer sends, with the topic locked
}

var _ sink = (*waiter)(nil)

func (w *waiter) offer(s *state) {
	if s.Seq <= w.after {
		return
	}
	select {
	case old := <-w.found:
		if old.Seq > s.Seq {
			s = old
		}
	default:
	}
	w.found <- s
}

// Wait returns the newest state of the topic as soon as its seq is beyond
// after. It registers first and then reads the Source, so that no state falls
// in between. Besides the errors of the Source and of ctx it returns
// ErrDraining when the hub ends the wait or takes no more. The caller has
// authorized the reader.
func (h *Hub) Wait(ctx context.Context, topic string, after int64) (Message, error) {
	if !h.admit() {
		return Message{}, ErrDraining
	}
	defer h.sessions.Done()
	if !h.door.enterWait() {
		return Message{}, ErrBusy
	}
	defer h.door.leaveWait()

	wt := &waiter{after: after, found: make(chan *state, 1)}
	w := &watch{sink: wt}
	h.topics.join(topic, w)
	defer h.topics.leave(w)

	m, err := h.source.Snapshot(ctx, topic)
	if err != nil {
		return Message{}, err
	}
	w.topic.read(m.Seq)
	if m.Seq > after {
		m.Event = ""
		return m, nil
	}
	select {
	case s := <-wt.found:
		return s.Message, nil
	case <-ctx.Done():
		return Message{}, ctx.Err()
	case <-h.quit:
		return Message{}, ErrDraining
	}
}
