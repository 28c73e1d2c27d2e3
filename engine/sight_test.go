package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"anxin/engine"
)

func (h *house) wantSeen(orderNo string, seq int64, want bool) (at int64) {
	h.t.Helper()
	when, seen, err := h.SeenAt(h.t.Context(), orderNo, seq)
	if err != nil || seen != want || seen != (when != 0) {
		h.t.Errorf("seen %s at seq %d: %v, %v, %v; want %v", orderNo, seq, seen, when, err, want)
	}
	return int64(when)
}

func TestWhatAPayerHasSeenIsKnownAtOnceAndOutlivesARestart(t *testing.T) {
	t.Parallel()
	bubble(t, func(_ *testing.T, h *house) {
		h.wantSeen("A1", 1, false)
		h.Seen("A1", 3)
		first := h.wantSeen("A1", 3, true)
		h.pass(time.Minute)
		h.Seen("A1", 3) // again
		h.Seen("A1", 2) // of a page that lags behind
		h.wantSeen("A1", 4, false)
		h.wantSeen("A2", 1, false)
		h.Seen("A1", 5)
		h.restart()
		if at := h.wantSeen("A1", 4, true); at != first+time.Minute.Milliseconds() {
			h.t.Errorf("seen %d ms after the first", at-first)
		}
	})
}

func TestSightingsAreForgottenAfterASeason(t *testing.T) {
	t.Parallel()
	bubble(t, func(_ *testing.T, h *house) {
		h.Seen("A1", 1)
		h.pass(89 * 24 * time.Hour)
		h.wantSeen("A1", 1, true)
		h.pass(2 * 24 * time.Hour)
		h.wantSeen("A1", 1, false)
	})
}

func TestAStoreThatCannotSayIsNoProofOfAbsence(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.through(func(s engine.Store) engine.Store { return blindStore{s} })
		if _, _, err := h.SeenAt(t.Context(), "A1", 1); !errors.Is(err, errDisk) {
			t.Errorf("got %v", err)
		}
		if h.Watching(t.Context(), "A1") {
			t.Error("somebody watches although nobody tells")
		}
	})
}

// blindStore cannot read sightings.
type blindStore struct{ engine.Store }

func (blindStore) Sighting(context.Context, string) (engine.Sighting, error) {
	return engine.Sighting{}, errDisk
}
