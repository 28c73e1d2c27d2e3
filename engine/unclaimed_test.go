package engine_test

import (
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/order"
)

func expiring(in time.Duration) func(*order.Registration) {
	return func(r *order.Registration) { r.ExpiresAt = order.At(time.Now().Add(in)) }
}

func TestUnclaimedOrder(t *testing.T) {
	t.Parallel()
	t.Run("is asked about sparsely and shows no attempts", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			h.channel.answers(saying(order.ClaimsPending))
			h.register("A1")
			h.pass(10 * time.Minute)
			h.pass(8 * time.Minute)
			if o := h.order("A1"); o.Attempt != 0 || o.Status() != order.StatusAwaiting || o.Facts.Query != order.QueryUnpaid {
				t.Errorf("attempt %d, status %s, query %s", o.Attempt, o.Status(), o.Facts.Query)
			}
			if got := len(h.channel.times("A1")); got != 3 {
				t.Errorf("%d queries within 18 minutes", got)
			}
			h.wantTimeline("A1")
		})
	})
	t.Run("is closed at the channel when it expires", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			h.channel.answers(func(int, channel.Query) (order.Evidence, error) {
				if h.channel.closes() > 0 {
					return claims(order.ClaimsClosed), nil
				}
				return claims(order.ClaimsPending), nil
			})
			h.register("A1", expiring(90*time.Second))
			h.pass(89 * time.Second)
			if h.channel.closes() != 0 {
				t.Fatal("closed before it expired")
			}
			h.pass(2 * time.Second)
			h.wantPayment("A1", order.Closed, order.StatusClosed)
			h.wantTasks("A1")
		})
	})
	t.Run("that close finds paid has succeeded", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			h.channel.onClose = func(channel.Query) error { return channel.ErrAlreadyPaid }
			h.channel.answers(func(int, channel.Query) (order.Evidence, error) {
				if h.channel.closes() > 0 {
					return claims(order.ClaimsSucceeded), nil
				}
				return order.Evidence{}, notFound()
			})
			h.register("A1", expiring(90*time.Second))
			h.pass(91 * time.Second)
			h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		})
	})
	// A channel that cannot be reached at the very moment of expiry must be asked again:
	// the payer may have paid in the last second.
	t.Run("is asked again when the channel is away as it expires", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			back := time.Now().Add(3 * time.Minute)
			h.channel.answers(func(int, channel.Query) (order.Evidence, error) {
				if time.Now().Before(back) {
					return order.Evidence{}, unreachable()
				}
				return claims(order.ClaimsSucceeded), nil
			})
			h.register("A1", expiring(90*time.Second))
			h.pass(2 * time.Minute)
			h.pass(10 * time.Minute)
			h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		})
	})
	t.Run("is closed later when closing fails at first", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			shut := false
			h.channel.onClose = func(channel.Query) error {
				if h.channel.closes() < 3 {
					return unreachable()
				}
				shut = true
				return nil
			}
			h.channel.answers(func(int, channel.Query) (order.Evidence, error) {
				if shut {
					return claims(order.ClaimsClosed), nil
				}
				return claims(order.ClaimsPending), nil
			})
			h.register("A1", expiring(90*time.Second))
			h.pass(2 * time.Minute)
			for range 4 {
				h.pass(6 * time.Minute)
			}
			h.wantPayment("A1", order.Closed, order.StatusClosed)
		})
	})
	t.Run("that the channel never tells about ends in a case, not in silence", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			h.channel.answers(failing(unreachable()))
			h.register("A1", expiring(2*time.Hour))
			h.exhaust("A1")
			h.wantPayment("A1", order.Pending, order.StatusAwaiting)
			h.wantCases("A1", order.CaseQueryExhausted)
		})
	})
	t.Run("that was never paid ends without troubling anyone", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			h.channel.onClose = func(channel.Query) error { return channel.ErrUnsupported }
			h.channel.answers(saying(order.ClaimsPending))
			h.register("A1", expiring(2*time.Hour))
			h.exhaust("A1")
			h.wantPayment("A1", order.Pending, order.StatusAwaiting)
			h.wantCases("A1")
		})
	})
}

// exhaust lets all queries of an unclaimed order come and go: their times are not in
// its state, so the time passes in steps.
func (h *house) exhaust(orderNo string) {
	h.t.Helper()
	for quiet, last := 0, 0; quiet < 30; quiet++ {
		h.pass(time.Hour)
		if n := len(h.channel.times(orderNo)); n != last {
			quiet, last = 0, n
		}
	}
	h.wantTasks(orderNo)
}
