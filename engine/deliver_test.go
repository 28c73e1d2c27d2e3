package engine_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

// paid registers, claims and pays an order whose backend has a webhook.
func (h *house) paid(orderNo string) {
	h.t.Helper()
	h.register(orderNo, withWebhook)
	h.claim(orderNo)
	h.callback(paidNote(orderNo, orderNo+"-paid"))
}

func TestResultIsDeliveredAtOnceAndFulfilsTheOrder(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.paid("A1")
		synctest.Wait()
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		if got := h.backend.types("A1"); !slices.Equal(got, []string{"order.succeeded"}) {
			t.Errorf("the backend was told %v", got)
		}
		if o := h.order("A1"); o.Fulfilment != order.FulfilmentDone || o.Attempt != 0 {
			t.Errorf("fulfilment %s, %d attempts shown", o.Fulfilment, o.Attempt)
		}
		h.wantTasks("A1")
	})
}

func TestFailedDeliveriesAreShownAsRetriesUntilOneIsAccepted(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.backend.does(func(n int, _ engine.Webhook) error {
			if n <= 3 {
				return refusing("http_500")
			}
			return nil
		})
		h.paid("A1")
		h.pass(time.Second)
		o := h.order("A1")
		if p := o.Progress(); p.Status != order.StatusConfirming || p.Step != order.StepReceived || p.NextAttemptAt == 0 {
			t.Errorf("the payer sees %+v", p)
		}
		if got := o.Diagnosis(); got != order.DiagnosisProcessingFailed {
			t.Errorf("diagnosis %s", got)
		}
		h.pass(time.Minute)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		if got := h.count("A1", order.EventStarted); got != 3 {
			t.Errorf("%d retries shown, want 3", got)
		}
		ids := make(map[string]bool)
		for _, s := range h.backend.sendings() {
			ids[s.ID] = true
		}
		if len(ids) != 1 {
			t.Errorf("one webhook was sent under the ids %v", ids)
		}
		h.wantTimeline("A1")
		h.wantTasks("A1")
	})
}

func TestBackendNamesWhenToSendAgain(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.backend.does(func(n int, _ engine.Webhook) error {
			if n == 1 {
				return &engine.DeliveryError{Code: "http_503", RetryAfter: 5 * time.Minute}
			}
			return nil
		})
		h.paid("A1")
		h.pass(time.Second)
		// A newer webhook must not knock earlier than the backend asked for.
		conflicting := claims(order.ClaimsFailed)
		h.callback(note{OrderNo: "A1", Key: "c2", Evidence: conflicting})
		h.wantCases("A1", order.CaseConflict)
		h.pass(298 * time.Second)
		if got := len(h.backend.sendings()); got != 1 {
			t.Errorf("%d webhooks were sent before the named time", got)
		}
		h.pass(4 * time.Second)
		if got := h.backend.types("A1"); !slices.Equal(got, []string{"order.succeeded", "order.case_opened"}) {
			t.Errorf("the backend was told %v", got)
		}
		h.wantTimeline("A1")
	})
}

func TestWebhooksOfAnOrderArriveInOrderOfSeq(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.backend.latency = 2 * time.Second
		h.backend.does(func(n int, _ engine.Webhook) error {
			if n%2 == 1 {
				return refusing("http_502")
			}
			return nil
		})
		h.paid("A1")
		accepted := claims(order.ClaimsRefunding)
		accepted.Refund = &order.RefundEvidence{ID: "r1"}
		h.callback(note{OrderNo: "A1", Key: "c2", Evidence: accepted})
		credited := claims(order.ClaimsRefunded)
		credited.Refund = &order.RefundEvidence{ID: "r1"}
		h.callback(note{OrderNo: "A1", Key: "c3", Evidence: credited})
		h.pass(5 * time.Minute)
		want := []string{"order.succeeded", "order.refunding", "order.refunded"}
		if got := h.backend.types("A1"); !slices.Equal(got, want) {
			t.Errorf("the backend was told %v, want %v", got, want)
		}
		h.wantTimeline("A1")
		h.wantTasks("A1")
	})
}

// A refund that is the first news of a payment says that it was paid, too.
func TestRefundOfAnUnknownPaymentTellsTheBackendOfTheSuccessFirst(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", withWebhook)
		credited := claims(order.ClaimsRefunded)
		credited.Refund = &order.RefundEvidence{ID: "r1"}
		h.callback(note{OrderNo: "A1", Key: "c1", Evidence: credited})
		h.pass(time.Minute)
		want := []string{"order.succeeded", "order.refunded"}
		if got := h.backend.types("A1"); !slices.Equal(got, want) {
			t.Errorf("the backend was told %v, want %v", got, want)
		}
	})
}

func TestExhaustedDeliveryIsACaseAndCheckNowTriesAgain(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.backend.does(func(int, engine.Webhook) error { return refusing("http_500") })
		h.paid("A1")
		synctest.Wait()
		for o := h.order("A1"); o.NextAttemptAt != 0; o = h.order("A1") {
			h.pass(time.Until(o.NextAttemptAt.Std()) + 20*time.Millisecond)
			if h.order("A1").Attempt != o.Attempt+1 {
				t.Fatalf("attempt %d was promised for %v and did not begin", o.Attempt+1, o.NextAttemptAt)
			}
		}
		h.wantCases("A1", order.CaseDeliveryFailed)
		h.wantPayment("A1", order.Succeeded, order.StatusConfirming)
		if got := len(h.backend.sendings()); got != 15 {
			t.Errorf("sent %d times, want 15", got)
		}
		h.wantTasks("A1")

		h.pass(time.Minute)
		h.backend.does(nil)
		_, err := h.CheckNow(t.Context(), "A1")
		fatal(t, err)
		h.pass(time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		if got := h.backend.types("A1"); !slices.Equal(got, []string{"order.succeeded", "order.case_opened"}) {
			t.Errorf("the backend was told %v", got)
		}
		h.wantTimeline("A1")
		h.wantTasks("A1")
	})
}

func TestCheckNowOfADelivery(t *testing.T) {
	t.Parallel()
	check := func(h *house) error { _, err := h.CheckNow(context.Background(), "A1"); return err }
	t.Run("begins a shown attempt, and not too often", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			h.backend.does(func(int, engine.Webhook) error { return refusing("connection") })
			h.paid("A1")
			h.pass(25 * time.Second) // two retries are over
			attempts, sent := h.order("A1").Attempt, len(h.backend.sendings())
			fatal(t, check(h))
			synctest.Wait()
			if o := h.order("A1"); o.Attempt != attempts+1 || len(h.backend.sendings()) != sent+1 {
				t.Errorf("attempt %d after %d, %d webhooks sent", o.Attempt, attempts, len(h.backend.sendings())-sent)
			}
			var soon *engine.TooSoonError
			if err := check(h); !errors.As(err, &soon) {
				t.Errorf("second check-now: %v", err)
			}
			h.wantTimeline("A1")
		})
	})
	t.Run("does not use the schedule up", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			h.backend.does(func(int, engine.Webhook) error { return refusing("connection") })
			h.paid("A1")
			for range 30 {
				h.pass(6 * time.Second)
				var soon *engine.TooSoonError
				if err := check(h); err != nil && !errors.As(err, &soon) {
					t.Fatal(err)
				}
			}
			h.pass(time.Second)
			h.wantCases("A1")
			if next := h.order("A1").NextAttemptAt; next == 0 || next.Sub(order.At(time.Now())) > time.Minute {
				t.Errorf("after many check-nows the next try is at %v", next)
			}
			h.wantTimeline("A1")
		})
	})
	t.Run("does not repeat a first delivery that is under way", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			h.backend.latency = 5 * time.Second
			h.paid("A1")
			h.pass(time.Second)
			fatal(t, check(h))
			h.pass(10 * time.Second)
			if got := len(h.backend.sendings()); got != 1 {
				t.Errorf("sent %d times", got)
			}
			h.wantTimeline("A1")
		})
	})
}

func TestBackendThatHangsIsCutOff(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.backend.latency = time.Hour
		h.paid("A1")
		h.pass(16 * time.Second)
		if o := h.order("A1"); o.Facts.DeliveryFailures != 1 || o.NextAttemptAt == 0 {
			t.Errorf("%d failures, next at %v", o.Facts.DeliveryFailures, o.NextAttemptAt)
		}
	})
}

// The delivery of a case that concerns the merchant must not touch what the payer is
// shown of the query.
func TestFailingDeliveryOfACaseLeavesThePromisedQueryAlone(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.backend.does(func(n int, _ engine.Webhook) error {
			if n < 4 {
				return refusing("http_500")
			}
			return nil
		})
		h.register("A1", withWebhook)
		h.claim("A1")
		wrong := claims(order.ClaimsSucceeded)
		wrong.Amount = &order.Money{Minor: 1, Currency: "CNY"}
		h.callback(note{OrderNo: "A1", Key: "c1", Evidence: wrong})
		h.pass(59 * time.Second)
		for _, ev := range h.events("A1") {
			if (ev.Type == order.EventScheduled || ev.Type == order.EventStarted) && ev.Detail.Work != order.WorkQuery {
				t.Errorf("seq %d shows the payer %s of %s", ev.Seq, ev.Type, ev.Detail.Work)
			}
		}
		if got := h.backend.types("A1"); !slices.Equal(got, []string{"order.case_opened"}) {
			t.Errorf("the backend was told %v", got)
		}
		h.wantPayment("A1", order.Pending, order.StatusConfirming)
		h.wantTimeline("A1")
	})
}

func TestLateSuccessIsDeliveredAfterTheFailure(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", withWebhook)
		h.claim("A1")
		h.callback(note{OrderNo: "A1", Key: "c1", Evidence: claims(order.ClaimsFailed)})
		h.pass(time.Second)
		h.backend.does(func(int, engine.Webhook) error { return refusing("http_500") })
		h.pass(2 * time.Minute)
		h.callback(paidNote("A1", "c2"))
		h.pass(time.Second)
		// The payer waits again, and long: the stage says so.
		if p := h.order("A1").Progress(); p.Status != order.StatusConfirming || p.Stage != order.Delayed {
			t.Errorf("shown as %s, stage %s", p.Status, p.Stage)
		}
		h.pass(4 * time.Minute)
		if stage := h.order("A1").Stage; stage != order.Prolonged {
			t.Errorf("stage %s five minutes after the claim", stage)
		}
		h.backend.does(nil)
		h.pass(12 * time.Minute)
		if got := h.backend.types("A1"); !slices.Equal(got, []string{"order.failed", "order.succeeded", "order.case_opened"}) {
			t.Errorf("the backend was told %v", got)
		}
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		h.wantTasks("A1")
	})
}

// A backend that was away for hours is back: a result does not wait for the next try of
// an older message.
func TestResultIsNotHeldUpByTheRetriesOfACase(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.backend.does(func(int, engine.Webhook) error { return refusing("http_500") })
		h.register("A1", withWebhook)
		h.claim("A1")
		wrong := claims(order.ClaimsSucceeded)
		wrong.Amount = &order.Money{Minor: 1, Currency: "CNY"}
		h.callback(note{OrderNo: "A1", Key: "c1", Evidence: wrong})
		for range 10 {
			h.pass(11 * time.Minute)
		}
		h.backend.does(nil)
		h.callback(paidNote("A1", "c2"))
		h.pass(time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		if got := h.backend.types("A1"); !slices.Equal(got, []string{"order.case_opened", "order.succeeded"}) {
			t.Errorf("the backend was told %v", got)
		}
	})
}

func TestOrderOfABackendThatIsGoneIsStillDelivered(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", withWebhook)
		h.claim("A1")
		h.backends = nil
		h.restart()
		h.backend.does(func(int, engine.Webhook) error { return refusing("no_endpoint") })
		h.callback(paidNote("A1", "c1"))
		h.pass(time.Second)
		if o := h.order("A1"); o.NextAttemptAt == 0 || o.Diagnosis() != order.DiagnosisProcessingFailed {
			t.Errorf("next at %v, diagnosis %s: the payer waits for what nobody does", o.NextAttemptAt, o.Diagnosis())
		}
	})
}
