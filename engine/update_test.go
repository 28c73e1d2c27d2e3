package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

func TestPushedOrderFollowsItsBackend(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", pushed)
		push := func(key string, u order.Update) order.Order {
			t.Helper()
			o, err := h.Update(t.Context(), "A1", key, "hash of "+key, u)
			fatal(t, err)
			return o
		}
		if o := push("k1", order.Update{Type: order.PushConfirming}); o.Status() != order.StatusConfirming {
			t.Errorf("confirming: %s", o.Status())
		}
		next := order.At(time.Now().Add(30 * time.Second))
		if o := push("k2", order.Update{Type: order.PushRetrying, Attempt: 1, NextAttemptAt: next}); o.Attempt != 1 || o.NextAttemptAt != next {
			t.Errorf("retrying: attempt %d, next %v", o.Attempt, o.NextAttemptAt)
		}
		if o := push("k3", order.Update{Type: order.PushRetrying, Attempt: 2}); !o.Attempting || o.Attempt != 2 {
			t.Errorf("retrying now: %+v", o)
		}
		if o := push("k4", order.Update{Type: order.PushSucceeded}); o.Status() != order.StatusSucceeded {
			t.Errorf("succeeded: %s", o.Status())
		}
		if o := push("k5", order.Update{Type: order.PushRefunding, Refund: &order.RefundEvidence{ID: "r1"}}); o.Status() != order.StatusRefunding {
			t.Errorf("refunding: %s", o.Status())
		}
		if o := push("k6", order.Update{Type: order.PushRefunded, Refund: &order.RefundEvidence{ID: "r1"}}); o.Status() != order.StatusRefunded {
			t.Errorf("refunded: %s", o.Status())
		}
		h.pass(time.Minute)
		if got := len(h.channel.times("A1")); got != 0 {
			t.Errorf("the channel was asked %d times about a pushed order", got)
		}
		h.wantTasks("A1")
	})
}

func TestPushedOrderEndsAsItsBackendSays(t *testing.T) {
	t.Parallel()
	for kind, want := range map[order.UpdateType]order.Status{
		order.PushFailed: order.StatusFailed, order.PushClosed: order.StatusClosed, order.PushRefunded: order.StatusRefunded,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, h *house) {
				h.register("A1", pushed)
				h.claim("A1")
				o, err := h.Update(t.Context(), "A1", "k", "h", order.Update{Type: kind, Reason: "declined"})
				if err != nil || o.Status() != want {
					t.Errorf("%s, %v; want %s", o.Status(), err, want)
				}
				h.wantTasks("A1")
			})
		})
	}
}

func TestPushedOrderGetsItsStages(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", pushed)
		_, err := h.Update(t.Context(), "A1", "k", "h", order.Update{Type: order.PushConfirming})
		fatal(t, err)
		h.pass(61 * time.Second)
		if got := h.order("A1").Stage; got != order.Delayed {
			t.Errorf("stage %s", got)
		}
	})
}

func TestUpdateTwiceUnderOneKeyChangesNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", pushed)
		retry := order.Update{Type: order.PushRetrying}
		first, err := h.Update(t.Context(), "A1", "k", "h", retry)
		fatal(t, err)
		again, err := h.Update(t.Context(), "A1", "k", "h", retry)
		if err != nil || again.Seq != first.Seq || again.Attempt != 1 {
			t.Errorf("seq %d after %d, attempt %d, %v", again.Seq, first.Seq, again.Attempt, err)
		}
		if _, err := h.Update(t.Context(), "A1", "k", "other", retry); !errors.Is(err, engine.ErrKeyReused) {
			t.Errorf("the key for another request: %v", err)
		}
		h.register("A2", pushed)
		if o, err := h.Update(t.Context(), "A2", "k", "other", retry); err != nil || o.Attempt != 1 {
			t.Errorf("the key of another order: attempt %d, %v", o.Attempt, err)
		}
	})
}

func TestSameUpdateAtTheSameMomentIsTakenOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", pushed)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := h.Update(context.Background(), "A1", "k", "h", order.Update{Type: order.PushRetrying}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := h.order("A1").Attempt; got != 1 {
			t.Errorf("one update counted as %d attempts", got)
		}
		h.wantTimeline("A1")
	})
}

func TestUpdatesAtTheSameMomentAreAllTaken(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", pushed)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if _, err := h.Update(context.Background(), "A1", fmt.Sprint("k", i), "h", order.Update{Type: order.PushRetrying}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := h.order("A1").Attempt; got != 20 {
			t.Errorf("%d attempts, want 20", got)
		}
		h.wantTimeline("A1")
	})
}

func TestUpdateRefuses(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		if _, err := h.Update(t.Context(), "A1", "k", "h", order.Update{Type: order.PushSucceeded}); !errors.Is(err, engine.ErrNotPushed) {
			t.Errorf("managed order: %v", err)
		}
		if _, err := h.Update(t.Context(), "A9", "k", "h", order.Update{Type: order.PushSucceeded}); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("unknown order: %v", err)
		}
		var field *order.FieldError
		if _, err := h.Update(t.Context(), "A1", "k", "h", order.Update{Type: "paid"}); !errors.As(err, &field) {
			t.Errorf("unknown type: %v", err)
		}
		h.wantPayment("A1", order.Pending, order.StatusAwaiting)
	})
}
