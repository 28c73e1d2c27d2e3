package hub

import (
	"context"
	"sync"
	"time"
)

const (
	// wheelSlots spreads the pings over the period, so that neither the node nor the radio
	// of phones behind one mast has many at once: of 10,000 sessions ten, or twenty of those
	// that came all at once. A ping and its answer cost some thirty microseconds, which an
	// update may have to wait for.
	wheelSlots = 1024
	// wheelTick bounds how often slots are looked for that are due; with a short period
	// they are several at a time.
	wheelTick = time.Millisecond
)

// wheel seats every session in one of its slots and visits one slot after the
// other. It takes the place of a timer per connection, and lists the sessions.
type wheel struct {
	mu    sync.Mutex // guards what follows and the seats of the sessions
	slots [wheelSlots][]*session
	at    int // the slot that was visited last
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
	// In the half of the wheel that is visited later: who has just come needs no ping.
	const half = wheelSlots / 2
	w.next = (w.next + 1) % half
	slot := (w.at + half + w.next) % wheelSlots
	s.seat = seat{slot: slot, at: len(w.slots[slot]), taken: true}
	w.slots[slot] = append(w.slots[slot], s)
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

// visit returns the sessions of the next slot.
func (w *wheel) visit(i int) []*session {
	w.mu.Lock()
	w.at = i % wheelSlots
	w.mu.Unlock()
	return w.slot(i)
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
	step := h.cfg.PingEvery / wheelSlots
	tick := time.NewTicker(max(step, wheelTick))
	defer tick.Stop()
	began := time.Now()
	for visited := 0; ; {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			due := int(now.Sub(began) / step)
			for visited = max(visited, due-wheelSlots); visited < due; visited++ {
				for _, s := range h.wheel.visit(visited) {
					s.beat(now)
				}
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
