package engine_test

import (
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
)

// under runs f in a house whose channel demands a policy and whose operator wishes
// settings.
func under(t *testing.T, p channel.Policy, s engine.ChannelSettings, f func(t *testing.T, h *house)) {
	t.Helper()
	bubble(t, func(t *testing.T, h *house) {
		h.stopRun()
		p.Merchant = merchant
		h.channel.policy = p
		h.cfg.Channels = map[string]engine.ChannelSettings{pay: s}
		h.start()
		f(t, h)
	})
}

func TestTheChannelsBudgetHoldsUntilTheOperatorSetsAnother(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		policy, setting, want int
	}{
		"policy alone":   {3, 0, 3},
		"setting":        {3, 8, 8},
		"beyond measure": {1 << 30, 0, engine.MaxQPS},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			under(t, channel.Policy{QPS: test.policy}, engine.ChannelSettings{QPS: test.setting}, func(t *testing.T, h *house) {
				h.claimed(20)
				h.pass(5 * time.Second)
				h.wantBudget(test.want)
				if got := h.Channels()[0].QPS; got != test.want {
					t.Errorf("budget is %d, want %d", got, test.want)
				}
			})
		})
	}
}

func TestTheChannelsScheduleIsFollowed(t *testing.T) {
	t.Parallel()
	under(t, channel.Policy{Schedule: []time.Duration{7 * time.Second, time.Minute}}, engine.ChannelSettings{}, func(t *testing.T, h *house) {
		claimed := h.claimed(1)
		h.pass(2 * time.Minute)
		if got := h.channel.times(claimed[0]); len(got) != 2 {
			t.Errorf("asked %d times, want 2", len(got))
		}
		h.wantCases(claimed[0], order.CaseQueryExhausted)
	})
}

// notFoundFor is a channel that stops hoping once the order expired.
func notFoundFor(_ int, q channel.Query) (order.Evidence, error) {
	return order.Evidence{}, channel.NotFound(q, time.Minute, time.Now())
}

func TestNotFoundIsAskedAgainWhileTheOrderCanBePaid(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.answers(notFoundFor)
		expires := order.At(time.Now().Add(10 * time.Minute))
		h.register("A1", func(r *order.Registration) { r.ExpiresAt = expires })
		h.claim("A1")
		h.pass(9 * time.Minute)
		h.wantCases("A1")
		if h.order("A1").NextAttemptAt == 0 {
			t.Error("nothing is promised although the order can be paid")
		}
	})
}

func TestNotFoundAfterExpiryStopsAndAsksAPerson(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.answers(notFoundFor)
		expires := order.At(time.Now().Add(10 * time.Minute))
		h.register("A1", func(r *order.Registration) { r.ExpiresAt = expires })
		h.claim("A1")
		h.pass(2 * time.Hour)
		asked := len(h.channel.times("A1"))
		h.pass(80 * time.Hour)
		if again := len(h.channel.times("A1")); again != asked {
			t.Errorf("asked %d times more after the last answer", again-asked)
		}
		h.wantPayment("A1", order.Pending, order.StatusConfirming)
		h.wantCases("A1", order.CaseQueryExhausted)
		h.wantTasks("A1")
	})
}

func TestNotFoundAfterExpiryOfAnOrderNobodyClaimedNeedsNobody(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.answers(notFoundFor)
		h.register("A1", func(r *order.Registration) { r.ExpiresAt = order.At(time.Now().Add(10 * time.Minute)) })
		h.pass(3 * time.Hour)
		h.wantCases("A1")
		h.wantTasks("A1")
	})
}
