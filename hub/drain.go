package hub

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// Drain sends the clients away before this node stops. It refuses new watchers
// and ends long polls at once, tells every client to reconnect after its own
// random part of spread, and closes those that are still there at that time.
// So the other nodes are not overrun. It returns when all are told to close, or
// when ctx ends; Run then closes whoever is left.
func (h *Hub) Drain(ctx context.Context, spread time.Duration) {
	h.refuse()
	type departure struct {
		session *session
		after   time.Duration
	}
	var plan []departure
	h.wheel.each(func(s *session) {
		after := rand.N(max(spread, 1))
		s.note(s.wire.reconnect(after))
		plan = append(plan, departure{s, after})
	})
	slices.SortFunc(plan, func(a, b departure) int { return cmp.Compare(a.after, b.after) })
	start := time.Now()
	for _, d := range plan {
		if wait := d.after - time.Since(start); wait > 0 && !pause(ctx, wait) {
			return
		}
		d.session.shut(CloseRestart)
	}
}
