package engine_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
)

func TestRestartGoesOnWithEverythingThatWasPending(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.backend.does(func(int, engine.Webhook) error { return refusing("connection") })
		h.register("waits")
		h.claim("waits")
		h.paid("undelivered")
		h.callback(paidNote("early", "e1"))
		h.register("unclaimed", expiring(65*time.Second))
		h.pass(12 * time.Second)
		h.restart()

		h.backend.does(nil)
		h.channel.answers(func(_ int, q channel.Query) (order.Evidence, error) {
			if q.OrderNo == "unclaimed" {
				return claims(order.ClaimsClosed), nil
			}
			return claims(order.ClaimsSucceeded), nil
		})
		h.register("early")
		h.pass(70 * time.Second)
		h.wantPayment("waits", order.Succeeded, order.StatusSucceeded)
		h.wantPayment("undelivered", order.Succeeded, order.StatusSucceeded)
		h.wantPayment("early", order.Succeeded, order.StatusSucceeded)
		h.wantPayment("unclaimed", order.Closed, order.StatusClosed)
		if got := h.backend.types("undelivered"); !slices.Equal(got, []string{"order.succeeded"}) {
			t.Errorf("the backend was told %v", got)
		}
		for _, no := range []string{"waits", "undelivered", "early", "unclaimed"} {
			h.wantTimeline(no)
			h.wantTasks(no)
		}
	})
}

func TestRestartInTheMiddleOfAnAttemptBeginsTheNext(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.latency = 5 * time.Second
		h.register("A1")
		h.claim("A1")
		h.pass(4 * time.Second)
		if !h.order("A1").Attempting {
			t.Fatal("no attempt is running")
		}
		h.channel.answers(saying(order.ClaimsSucceeded))
		h.channel.latency = 0
		h.restart()
		h.pass(time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		if got := h.order("A1").Attempt; got != 2 {
			t.Errorf("%d attempts, want 2", got)
		}
		h.wantTimeline("A1")
	})
}

func TestRestartInTheMiddleOfADeliverySendsTheSameWebhookAgain(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.backend.latency = 5 * time.Second
		h.paid("A1")
		h.pass(time.Second)
		h.restart()
		synctest.Wait()
		h.pass(6 * time.Second)
		sent := h.backend.sendings()
		if len(sent) != 2 || sent[0].ID != sent[1].ID {
			t.Errorf("sent %v", sent)
		}
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		h.wantTasks("A1")
	})
}

func TestTimePassedWhileDownIsMadeUpForAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.claim("A1")
		h.pass(time.Second)
		h.stop()
		<-time.After(10 * time.Minute)
		h.channel.answers(saying(order.ClaimsSucceeded))
		h.open()
		h.pass(time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
	})
}

// While the store cannot write, nothing can be settled; once it can, everything goes on.
func TestStoreThatFailsForAWhileDelaysAndLosesNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.paid("A1")
		h.register("A2")
		h.claim("A2")
		h.pass(time.Second)
		broken := time.Now().Add(20 * time.Second)
		h.through(func(s engine.Store) engine.Store {
			return &failingCommits{s, func(engine.Commit) bool { return time.Now().Before(broken) }}
		})
		h.channel.answers(saying(order.ClaimsSucceeded))
		h.pass(19 * time.Second)
		h.wantPayment("A2", order.Pending, order.StatusConfirming)
		h.pass(2 * time.Minute)
		h.wantPayment("A2", order.Succeeded, order.StatusSucceeded)
		h.wantTasks("A2")
	})
}
