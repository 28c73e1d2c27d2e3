package hub

import "testing"

// TestFewPingsAreDueAtOnce: an update must not wait for a burst of them. And who has just
// come is not pinged yet.
func TestFewPingsAreDueAtOnce(t *testing.T) {
	t.Parallel()
	const sessions, few, position = 10_000, 20, 300
	w := newWheel()
	w.visit(position)
	for range sessions {
		w.add(&session{})
	}
	total := 0
	for i := range wheelSlots {
		n := len(w.visit(position + 1 + i))
		if total += n; n > few {
			t.Errorf("%d of %d sessions at once", n, sessions)
		}
		if i < wheelSlots/2-1 && n > 0 {
			t.Errorf("%d sessions %d slots after they came", n, i+1)
		}
	}
	if total != sessions {
		t.Errorf("%d of %d sessions have a seat", total, sessions)
	}
}
