package engine_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

func TestCheckNow(t *testing.T) {
	t.Parallel()
	check := func(h *house) error { _, err := h.CheckNow(context.Background(), "A1"); return err }

	t.Run("brings the query forward", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			h.register("A1")
			h.claim("A1")
			h.pass(40 * time.Second) // next at 60 s
			before := len(h.channel.times("A1"))
			h.channel.answers(saying(order.ClaimsSucceeded))
			fatal(t, check(h))
			synctest.Wait()
			if got := len(h.channel.times("A1")); got != before+1 {
				t.Errorf("%d queries after check-now, want 1", got-before)
			}
			h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
			h.wantTimeline("A1")
		})
	})
	t.Run("is served by a query that runs", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			h.channel.latency = 5 * time.Second
			h.register("A1")
			h.claim("A1")
			h.pass(4 * time.Second)
			for range 10 {
				fatal(t, check(h))
			}
			h.pass(500 * time.Millisecond)
			if got := len(h.channel.times("A1")); got != 1 {
				t.Errorf("%d queries, want the running one alone", got)
			}
		})
	})
	t.Run("is refused right after a query", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			h.register("A1")
			h.claim("A1")
			h.pass(17 * time.Second) // the third query is over, the next comes at 20 s
			fatal(t, check(h))
			synctest.Wait()
			var soon *engine.TooSoonError
			if err := check(h); !errors.As(err, &soon) || soon.RetryAfter <= 0 || soon.RetryAfter > 5*time.Second {
				t.Errorf("second check-now: %v", err)
			}
		})
	})
	// An order that nobody claimed shows no attempts, so nothing in its state tells that
	// a query runs. It must be protected all the same: the page can be opened unclaimed.
	t.Run("of an unclaimed order asks the channel once", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			h.channel.latency = 3 * time.Second
			h.register("A1")
			for range 20 {
				fatal(t, check(h))
				h.pass(100 * time.Millisecond)
			}
			h.pass(2 * time.Second)
			if got := len(h.channel.times("A1")); got != 1 {
				t.Errorf("%d queries, want 1", got)
			}
			if got := h.order("A1").Facts.Query; got != order.QueryUnknown {
				t.Errorf("the answer was not taken in: %q", got)
			}
		})
	})
	t.Run("of a settled order does nothing", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			h.register("A1")
			h.callback(note{OrderNo: "A1", Key: "c1", Evidence: claims(order.ClaimsSucceeded)})
			fatal(t, check(h))
			h.pass(time.Second)
			if got := len(h.channel.times("A1")); got != 0 {
				t.Errorf("%d queries", got)
			}
		})
	})
	t.Run("of an unknown order is not found", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			if err := check(h); !errors.Is(err, engine.ErrNotFound) {
				t.Errorf("got %v", err)
			}
		})
	})
}
