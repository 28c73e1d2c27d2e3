package engine_test

import (
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
)

func TestLateCallbackEndsTheWait(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.claim("A1")
		h.pass(12 * time.Second)
		h.wantPayment("A1", order.Pending, order.StatusConfirming)
		if got := h.count("A1", order.EventStarted); got != 3 {
			t.Errorf("%d attempts within 12 s, want 3", got)
		}
		if status := h.callback(note{OrderNo: "A1", Key: "c1", Evidence: claims(order.ClaimsSucceeded)}); status != 200 {
			t.Errorf("callback was answered %d", status)
		}
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		seq := h.order("A1").Seq
		h.pass(time.Hour)
		if o := h.order("A1"); o.Seq != seq || o.Attempting || o.NextAttemptAt != 0 {
			t.Errorf("the order went on after its result: %+v", o)
		}
		h.wantTimeline("A1")
		h.wantTasks("A1")
	})
}

func TestLostCallbackIsFoundByQuery(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.answers(func(n int, _ channel.Query) (order.Evidence, error) {
			switch n {
			case 1:
				return order.Evidence{}, notFound()
			case 2:
				return claims(order.ClaimsProcessing), nil
			}
			return claims(order.ClaimsSucceeded), nil
		})
		h.register("A1")
		h.claim("A1")
		h.pass(15 * time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		if o := h.order("A1"); o.Attempt != 3 || o.Fault != order.DiagnosisCallbackMissing {
			t.Errorf("attempt %d, fault %q; want 3, callback_missing", o.Attempt, o.Fault)
		}
		h.wantTimeline("A1")
		h.wantTasks("A1")
	})
}

// The channel knows of no payment for three days. Every time that was shown is kept, and in
// the end the order is still unknown, not failed.
func TestDefaultScheduleIsKeptToItsEndAndFailsNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.answers(failing(notFound()))
		h.register("A1")
		claimed := h.claim("A1").ClaimedAt
		for o := h.order("A1"); o.NextAttemptAt != 0; o = h.order("A1") {
			h.pass(time.Until(o.NextAttemptAt.Std()) + 20*time.Millisecond)
			if again := h.order("A1"); again.Attempt != o.Attempt+1 {
				t.Fatalf("attempt %d was promised for %v and did not begin", o.Attempt+1, o.NextAttemptAt)
			}
		}
		h.wantPayment("A1", order.Pending, order.StatusConfirming)
		h.wantCases("A1", order.CaseQueryExhausted)
		asked := h.channel.times("A1")
		if len(asked) != len(engine.DefaultSchedule) {
			t.Fatalf("asked %d times, the schedule has %d", len(asked), len(engine.DefaultSchedule))
		}
		for i, age := range engine.DefaultSchedule {
			due := claimed.Add(age).Std()
			gap := age
			if i > 0 {
				gap -= engine.DefaultSchedule[i-1]
			}
			if late := asked[i].Sub(due); late < 0 || late > min(gap, time.Minute)/10+50*time.Millisecond {
				t.Errorf("query %d at age %v came %v after its time", i+1, age, late)
			}
		}
		h.wantTimeline("A1")
		h.wantTasks("A1")
	})
}

func TestCallbackDuringARunningQueryWins(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.latency = 2 * time.Second
		h.channel.answers(saying(order.ClaimsPending))
		h.register("A1")
		h.claim("A1")
		h.pass(4 * time.Second)
		if !h.order("A1").Attempting {
			t.Fatal("no query is running")
		}
		h.callback(note{OrderNo: "A1", Key: "c1", Evidence: claims(order.ClaimsSucceeded)})
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		seq := h.order("A1").Seq
		h.pass(10 * time.Second)
		if got := h.order("A1").Seq; got != seq {
			t.Errorf("the query that was overtaken changed the order: seq %d, then %d", seq, got)
		}
		h.wantTimeline("A1")
		h.wantTasks("A1")
	})
}

func TestUnreachableChannelThatComesBackSettlesTheOrder(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.answers(func(n int, _ channel.Query) (order.Evidence, error) {
			if n < 4 {
				return order.Evidence{}, unreachable()
			}
			return claims(order.ClaimsFailed), nil
		})
		h.register("A1")
		h.claim("A1")
		h.pass(11*time.Second + 500*time.Millisecond)
		if got := h.order("A1").Diagnosis(); got != order.DiagnosisChannelUnreachable {
			t.Errorf("diagnosis %s", got)
		}
		h.pass(12 * time.Second)
		h.wantPayment("A1", order.Failed, order.StatusFailed)
		h.wantTimeline("A1")
	})
}

func TestQueryThatIgnoresItsTimeoutIsCutOff(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.latency = time.Hour
		h.register("A1")
		h.claim("A1")
		h.pass(14 * time.Second) // 3.3 s, then the default timeout of 10 s
		if o := h.order("A1"); o.Facts.Query != order.QueryUnreachable || o.NextAttemptAt == 0 {
			t.Errorf("query %s, next at %v", o.Facts.Query, o.NextAttemptAt)
		}
		h.wantTimeline("A1")
	})
}

func TestRefusedQueryOpensACaseAndStopsAsking(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.answers(failing(&channel.QueryError{Outcome: order.QueryRefused, Code: "bad_credentials", Permanent: true}))
		h.register("A1")
		h.claim("A1")
		h.pass(5 * time.Minute)
		h.wantPayment("A1", order.Pending, order.StatusConfirming)
		h.wantCases("A1", order.CaseQueryRefused)
		if got := len(h.channel.times("A1")); got != 1 {
			t.Errorf("asked %d times after a refusal", got)
		}
		h.wantTasks("A1")
	})
}

func TestChannelNamesWhenToAskAgain(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.answers(failing(&channel.QueryError{Outcome: order.QueryUnreachable, Code: "http_429", RetryAfter: 30 * time.Second}))
		h.register("A1")
		h.claim("A1")
		h.pass(4 * time.Second)
		o := h.order("A1")
		if wait := o.NextAttemptAt.Sub(o.Facts.QueryAt); wait < 30*time.Second {
			t.Errorf("the channel asked for 30 s, the next query comes after %v", wait)
		}
	})
}

func TestAcceptedRefundIsFoundCredited(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.callback(note{OrderNo: "A1", Key: "c1", Evidence: claims(order.ClaimsSucceeded)})
		accepted := claims(order.ClaimsRefunding)
		accepted.Refund = &order.RefundEvidence{ID: "r1", AcceptedAt: order.At(time.Now())}
		h.callback(note{OrderNo: "A1", Key: "c2", Evidence: accepted})
		h.wantPayment("A1", order.Refunding, order.StatusRefunding)
		h.channel.answers(func(n int, q channel.Query) (order.Evidence, error) {
			if len(q.RefundIDs) != 1 || q.RefundIDs[0] != "r1" {
				t.Errorf("asked about refunds %q", q.RefundIDs)
			}
			if n < 3 {
				return accepted, nil
			}
			credited := claims(order.ClaimsRefunded)
			credited.Refund = &order.RefundEvidence{ID: "r1", CreditedAt: order.At(time.Now())}
			return credited, nil
		})
		h.pass(70 * time.Second)
		h.pass(5 * time.Second)
		h.wantPayment("A1", order.Refunded, order.StatusRefunded)
		h.wantTimeline("A1")
		h.wantTasks("A1")
	})
}

func TestStagesComeAtOneAndFiveMinutes(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		claimed := h.claim("A1").ClaimedAt
		for range 37 {
			h.pass(9 * time.Second)
		}
		var stages []order.Event
		for _, ev := range h.events("A1") {
			if ev.Type == order.EventStage {
				stages = append(stages, ev)
			}
		}
		if len(stages) != 2 || stages[0].Stage != order.Delayed || stages[1].Stage != order.Prolonged {
			t.Fatalf("stages %+v", stages)
		}
		for i, age := range []time.Duration{time.Minute, 5 * time.Minute} {
			if late := stages[i].At.Sub(claimed.Add(age)); late < 0 || late > 100*time.Millisecond {
				t.Errorf("stage %s came %v after its time", stages[i].Stage, late)
			}
		}
		h.wantTasks("A1", engine.TaskQuery)
	})
}

func TestWrongAmountIsACaseAndQueriesGoOn(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.claim("A1")
		wrong := claims(order.ClaimsSucceeded)
		wrong.Amount = &order.Money{Minor: 1, Currency: "CNY"}
		if status := h.callback(note{OrderNo: "A1", Key: "c1", Evidence: wrong}); status != 200 {
			t.Errorf("a callback that was stored was answered %d", status)
		}
		h.channel.answers(func(int, channel.Query) (order.Evidence, error) { return wrong, nil })
		h.pass(12 * time.Second)
		h.wantPayment("A1", order.Pending, order.StatusConfirming)
		h.wantCases("A1", order.CaseAmountMismatch)
		if got := len(h.channel.times("A1")); got != 3 {
			t.Errorf("asked %d times within 12 s, want 3", got)
		}
		h.wantTimeline("A1")
	})
}

// A channel that was taken out of the configuration leaves its orders to people.
func TestOrderOfAChannelThatIsGoneBecomesACase(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.claim("A1")
		h.stopRun()
		h.withoutChannels()
		h.pass(5 * time.Second)
		h.wantPayment("A1", order.Pending, order.StatusConfirming)
		h.wantCases("A1", order.CaseQueryRefused)
		if h.order("A1").Attempting {
			t.Error("an attempt seems to run")
		}
	})
}

// A bug in an adapter is a query that brought no answer: the schedule goes on, and its
// times are kept.
func TestAdapterThatPanicsDoesNotStopTheSchedule(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.answers(func(n int, _ channel.Query) (order.Evidence, error) {
			if n < 5 {
				panic("a bug in the adapter")
			}
			return claims(order.ClaimsSucceeded), nil
		})
		h.backend.does(func(n int, _ engine.Webhook) error {
			if n == 1 {
				panic("a bug in the sender")
			}
			return nil
		})
		h.register("A1", withWebhook)
		h.claim("A1")
		h.pass(50 * time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		h.wantTimeline("A1")
		h.wantTasks("A1")
	})
}
