package hub

import (
	"context"
	"sync"
	"time"
)

// wheelSlots spreads the pings over the period, so that neither the node nor
// the radio of phones behind one mast has them all at once.
const wheelSlots = 64

// wheel seats every session in one of its slots and visits one slot after the
// other. It takes the place of a timer per connection, and lists the sessions.
type wheel struct {
	mu    sync.Mutex // guards what follows and the seats of the sessions
	slots [wheelSlots][]*session
	next  int
}

// seat is a session's place in the wheel.
type seat struct {
	slot, at int
	taken    bool
}

func newWheel() *wheel { return &wheel{} }

func (w *wheel) add(s *session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next = (w.next + 1) % wheelSlots
	s.seat = seat{slot: w.next, at: len(w.slots[w.next]), taken: true}
	w.slots[w.next] = append(w.slots[w.next], s)
}

func (w *wheel) remove(s *session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !s.seat.taken {
		return
	}
	slot := w.slots[s.seat.slot]
	last := len(slot) - 1
	moved := slot[last]
	slot[s.seat.at], moved.seat.at = moved, s.seat.at
	slot[last] = nil
	w.slots[s.seat.slot] = slot[:last]
	s.seat.taken = false
}

func (w *wheel) slot(i int) []*session {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*session(nil), w.slots[i%wheelSlots]...)
}

// each calls f for every session, without holding the wheel.
func (w *wheel) each(f func(*session)) {
	for i := range wheelSlots {
		for _, s := range w.slot(i) {
			f(s)
		}
	}
}

// heartbeat visits every session once in PingEvery: it pings the living and
// closes those that were silent for too long.
func (h *Hub) heartbeat(ctx context.Context) {
	tick := time.NewTicker(h.cfg.PingEvery / wheelSlots)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, s := range h.wheel.slot(i) {
				s.beat(now)
			}
		}
	}
}

func (s *session) beat(now time.Time) {
	if s.heard.Load() < now.Add(-s.wire.silence(s.hub.cfg.PingEvery)).UnixMilli() {
		s.shut(CloseDead)
		return
	}
	s.expire(now)
	s.note(s.wire.ping())
}
