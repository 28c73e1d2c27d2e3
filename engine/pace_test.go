package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
)

// paced runs f in a house whose channel has these settings.
func paced(t *testing.T, s engine.ChannelSettings, f func(t *testing.T, h *house)) {
	t.Helper()
	bubble(t, func(t *testing.T, h *house) {
		h.stopRun()
		h.cfg.Channels = map[string]engine.ChannelSettings{pay: s}
		h.start()
		f(t, h)
	})
}

// all returns when the channel was asked, in order.
func (s *scripted) all() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []time.Time
	for _, times := range s.asked {
		all = append(all, times...)
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

func (h *house) claimed(n int) []string {
	h.t.Helper()
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("A%03d", i)
		h.register(names[i])
		h.claim(names[i])
	}
	return names
}

// wantBudget holds that no second held more than qps queries.
func (h *house) wantBudget(qps int) {
	h.t.Helper()
	all := h.channel.all()
	for i := qps; i < len(all); i++ {
		if gap := all[i].Sub(all[i-qps]); gap < time.Second {
			h.t.Fatalf("%d queries within %v", qps+1, gap)
		}
	}
}

// wantPromises holds that each time that a page was shown was kept within a second or
// replaced before that second was over, and that attempts are numbered without a gap.
func (h *house) wantPromises(orderNo string) {
	h.t.Helper()
	promised := order.Time(0)
	for _, ev := range h.wantGapless(orderNo) {
		if promised != 0 && ev.At > promised.Add(time.Second) {
			h.t.Errorf("%s: promised %v, nothing came before seq %d (%s) at %v", orderNo, promised, ev.Seq, ev.Type, ev.At)
		}
		if ev.Type == order.EventStarted && promised != 0 && ev.At < promised {
			h.t.Errorf("%s: an attempt that was promised for %v began at %v", orderNo, promised, ev.At)
		}
		promised = ev.NextAttemptAt
	}
}

func TestBudget(t *testing.T) {
	t.Parallel()
	t.Run("spreads what comes due together and tells each page its turn", func(t *testing.T) {
		t.Parallel()
		paced(t, engine.ChannelSettings{QPS: 5}, func(t *testing.T, h *house) {
			names := h.claimed(40) // all due at 3 s
			h.pass(4 * time.Second)
			shown := make(map[order.Time]bool)
			for _, no := range names {
				o := h.order(no)
				if o.Attempt > 0 {
					continue
				}
				if o.NextAttemptAt <= order.At(time.Now()) || shown[o.NextAttemptAt] {
					t.Errorf("%s waits for its first query and shows %v", no, o.NextAttemptAt)
				}
				shown[o.NextAttemptAt] = true
			}
			if len(shown) < 20 {
				t.Errorf("only %d orders wait for their turn", len(shown))
			}
			h.pass(time.Minute)
			h.wantBudget(5)
			for _, no := range names {
				if len(h.channel.times(no)) == 0 {
					t.Errorf("%s was never asked about", no)
				}
				h.wantPromises(no)
			}
		})
	})
	t.Run("gives the turn of what is settled to the next", func(t *testing.T) {
		t.Parallel()
		paced(t, engine.ChannelSettings{QPS: 1}, func(t *testing.T, h *house) {
			names := h.claimed(30)
			h.pass(4 * time.Second)
			for _, no := range names[1:] {
				if o := h.order(no); o.Attempt == 0 {
					h.callback(note{OrderNo: no, Key: no, Evidence: claims(order.ClaimsSucceeded)})
				}
			}
			h.register("new")
			h.claim("new")
			h.pass(7 * time.Second)
			if len(h.channel.times("new")) == 0 {
				t.Errorf("it waits until %v for the turns of orders that are settled", h.order("new").NextAttemptAt)
			}
			h.wantBudget(1)
		})
	})
	t.Run("puts off what finds all workers taken", func(t *testing.T) {
		t.Parallel()
		paced(t, engine.ChannelSettings{QPS: 50}, func(t *testing.T, h *house) {
			h.channel.latency = 9 * time.Second // 16 workers are 2 queries a second
			names := h.claimed(100)
			h.pass(time.Minute)
			for _, no := range names {
				h.wantPromises(no)
			}
		})
	})
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	settings := engine.ChannelSettings{QPS: 20, Breaker: engine.BreakerLimits{Failures: 5, Cooldown: 30 * time.Second}}

	t.Run("leaves a sick channel alone but for a probe, and tells the pages", func(t *testing.T) {
		t.Parallel()
		paced(t, settings, func(t *testing.T, h *house) {
			h.channel.answers(failing(unreachable()))
			names := h.claimed(100)
			h.pass(3500 * time.Millisecond)
			state := h.Channels()[0]
			if state.Breaker != engine.BreakerOpen || state.NextProbe == 0 {
				t.Fatalf("after failures in a row it is %+v", state)
			}
			asked := len(h.channel.all())
			h.pass(time.Until(state.NextProbe.Std()) - time.Second)
			if got := len(h.channel.all()); got != asked {
				t.Errorf("%d queries while the breaker was open", got-asked)
			}
			h.pass(10 * time.Second)
			if got := len(h.channel.all()); got != asked+1 {
				t.Errorf("%d queries at the probe's time, want 1", got-asked)
			}
			h.pass(12 * time.Minute)
			if got := len(h.channel.all()) - asked; got > 6 {
				t.Errorf("%d probes in 12 minutes", got)
			}
			for _, no := range names {
				h.wantPromises(no)
			}
		})
	})
	t.Run("goes on within the budget once the probe succeeds", func(t *testing.T) {
		t.Parallel()
		paced(t, settings, func(t *testing.T, h *house) {
			h.channel.answers(failing(unreachable()))
			names := h.claimed(60)
			h.pass(4 * time.Second)
			probe := h.Channels()[0].NextProbe
			h.channel.answers(saying(order.ClaimsSucceeded))
			h.pass(time.Until(probe.Std()) + 10*time.Second)
			for _, no := range names {
				h.wantPayment(no, order.Succeeded, order.StatusSucceeded)
				h.wantPromises(no)
			}
			h.wantBudget(20)
			if state := h.Channels()[0]; state.Breaker != engine.BreakerClosed || state.Failures != 0 {
				t.Errorf("after it recovered: %+v", state)
			}
		})
	})
	t.Run("does not open for a channel that answers that it does not know", func(t *testing.T) {
		t.Parallel()
		paced(t, settings, func(t *testing.T, h *house) {
			h.claimed(30)
			h.pass(time.Minute)
			if state := h.Channels()[0]; state.Breaker != engine.BreakerClosed {
				t.Errorf("%+v", state)
			}
		})
	})
	t.Run("answers a check-now with the time of the probe", func(t *testing.T) {
		t.Parallel()
		paced(t, settings, func(t *testing.T, h *house) {
			h.channel.answers(failing(unreachable()))
			names := h.claimed(10)
			h.pass(10 * time.Second)
			probe, asked, seq := h.Channels()[0].NextProbe, len(h.channel.all()), int64(0)
			for range 3 {
				for _, no := range names {
					o, err := h.CheckNow(context.Background(), no)
					if err != nil || o.NextAttemptAt < probe || o.NextAttemptAt > probe.Add(5*time.Second) {
						t.Errorf("%s shows %v, the probe is at %v (%v)", no, o.NextAttemptAt, probe, err)
					}
				}
				if o := h.order(names[0]); seq != 0 && o.Seq != seq {
					t.Error("asking again changed something")
				} else {
					seq = o.Seq
				}
			}
			synctest.Wait()
			if got := len(h.channel.all()); got != asked {
				t.Errorf("%d queries", got-asked)
			}
		})
	})
	t.Run("of a channel that stays away ends in a case, not in a verdict", func(t *testing.T) {
		t.Parallel()
		paced(t, settings, func(t *testing.T, h *house) {
			h.channel.answers(failing(unreachable()))
			h.register("A1")
			h.claim("A1")
			for o := h.order("A1"); o.NextAttemptAt != 0; o = h.order("A1") {
				h.pass(time.Until(o.NextAttemptAt.Std()) + 20*time.Millisecond)
			}
			h.wantPayment("A1", order.Pending, order.StatusConfirming)
			h.wantCases("A1", order.CaseQueryExhausted)
			h.wantTasks("A1")
		})
	})
}

// Whatever the channel does, the budget and all promises hold.
func TestPaceHoldsForARandomChannel(t *testing.T) {
	t.Parallel()
	for range 2 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			const qps = 8
			paced(t, engine.ChannelSettings{QPS: qps, Breaker: engine.BreakerLimits{Failures: 4, Cooldown: 10 * time.Second}}, func(t *testing.T, h *house) {
				dice := rand.New(rand.NewPCG(seed, 1)) // #nosec G404 -- a test's script
				h.channel.latency = time.Duration(dice.IntN(3000)) * time.Millisecond
				h.channel.answers(moody(seed))
				names := h.claimed(60)
				for range 40 {
					h.pass(time.Duration(1+dice.IntN(8000)) * time.Millisecond)
					_, _ = h.CheckNow(context.Background(), names[dice.IntN(len(names))]) // too soon, or not
				}
				synctest.Wait() // for what the last one set going
				h.wantBudget(qps)
				for _, no := range names {
					h.wantPromises(no)
				}
			})
		})
	}
}

// moody is a channel that fails for stretches of time.
func moody(seed uint64) func(int, channel.Query) (order.Evidence, error) {
	return func(int, channel.Query) (order.Evidence, error) {
		switch stretch := uint64(time.Now().Unix()) / 20; (stretch*2654435761 + seed) % 3 {
		case 0:
			return order.Evidence{}, unreachable()
		case 1:
			return claims(order.ClaimsProcessing), nil
		}
		if time.Now().UnixMilli()%5 == 0 {
			return claims(order.ClaimsSucceeded), nil
		}
		return order.Evidence{}, notFound()
	}
}
