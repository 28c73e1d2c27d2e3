package engine_test

import (
	"context"
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

// A channel that tells and cannot be asked: no time is promised, and a person looks when
// the wait has become long.
func TestAChannelThatCannotBeAskedPromisesNothing(t *testing.T) {
	t.Parallel()
	lacks := channel.Policy{Lacks: []channel.Capability{channel.CanQuery, channel.CanQueryRefund, channel.CanClose}}
	under(t, lacks, engine.ChannelSettings{}, func(t *testing.T, h *house) {
		h.register("A1")
		h.register("A2")
		h.register("A3", func(r *order.Registration) { r.ExpiresAt = order.At(time.Now().Add(10 * time.Minute)) })
		h.claim("A1")
		h.claim("A2")
		if o := h.order("A1"); o.NextAttemptAt != 0 || o.Attempting {
			t.Errorf("promised is %v", o.NextAttemptAt)
		}
		h.pass(4 * time.Minute)
		h.wantCases("A1")
		h.callback(paidNote("A2", "c2"))
		h.pass(3 * time.Minute)
		h.wantPayment("A1", order.Pending, order.StatusConfirming)
		h.wantCases("A1", order.CaseQueryExhausted)
		h.wantCases("A2")
		h.callback(paidNote("A1", "c1"))
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		if k := h.caseRow("A1", order.CaseQueryExhausted); k.ClosedAt == 0 {
			t.Error("the case stays open although its question is answered")
		}
		h.callback(note{OrderNo: "A1", Key: "c3", Evidence: claims(order.ClaimsRefunding)})
		h.pass(40 * 24 * time.Hour)
		h.wantCases("A3")
		for _, orderNo := range []string{"A1", "A2", "A3"} {
			if n := len(h.channel.times(orderNo)); n != 0 {
				t.Errorf("%s was asked about %d times", orderNo, n)
			}
			h.wantTasks(orderNo)
		}
	})
}

// The table of what each error of a callback gets: an answer, and what the engine does.
func TestEachErrorOfACallbackGetsItsAnswer(t *testing.T) {
	t.Parallel()
	wrong := claims(order.ClaimsSucceeded)
	wrong.Amount = &order.Money{Minor: price.Minor + 1, Currency: price.Currency}
	other := claims(order.ClaimsSucceeded)
	other.Merchant = "m2"
	for name, test := range map[string]struct {
		send    func(h *house) int
		status  int
		refused int64
		cases   []order.CaseKind
	}{
		"bad signature": {func(h *house) int { return h.callback(note{OrderNo: "A1", Key: "c1", Forged: true}) }, 400, 1, nil},
		"stale":         {func(h *house) int { return h.callback(note{OrderNo: "A1", Key: "c1", Stale: true}) }, 400, 1, nil},
		"malformed":     {func(h *house) int { return h.raw([]byte("{")) }, 400, 1, nil},
		"too large":     {func(h *house) int { return h.raw(append([]byte(`[]`), make([]byte, 2000)...)) }, 400, 1, nil},
		"unknown order": {func(h *house) int { return h.callback(paidNote("B1", "c1")) }, 200, 0, nil},
		"wrong amount":  {func(h *house) int { return h.callback(note{OrderNo: "A1", Key: "c1", Evidence: wrong}) }, 200, 0, []order.CaseKind{order.CaseAmountMismatch}},
		"wrong account": {func(h *house) int { return h.callback(note{OrderNo: "A1", Key: "c1", Evidence: other}) }, 200, 0, []order.CaseKind{order.CaseMerchantMismatch}},
		"nothing in it": {func(h *house) int { return h.callback() }, 200, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			under(t, channel.Policy{MaxBody: 2000}, engine.ChannelSettings{}, func(t *testing.T, h *house) {
				h.register("A1")
				h.claim("A1")
				if status := test.send(h); status != test.status {
					t.Errorf("answered %d, want %d", status, test.status)
				}
				if got := h.Counts().Rejected; got != test.refused {
					t.Errorf("%d counted as refused, want %d", got, test.refused)
				}
				h.wantPayment("A1", order.Pending, order.StatusConfirming)
				h.wantCases("A1", test.cases...)
				h.pass(5 * time.Second)
				if len(h.channel.times("A1")) == 0 {
					t.Error("the channel is not asked for the truth")
				}
			})
		})
	}
}

// raw brings any bytes as a callback.
func (h *house) raw(body []byte) int {
	h.t.Helper()
	answer, err := h.Receive(context.Background(), pay, channel.Request{Body: body, ReceivedAt: time.Now()})
	if err != nil {
		h.t.Fatal(err)
	}
	return answer.Status
}
