package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

func gone(int, engine.Webhook) error { return refusing("http_410") }

func (h *house) endpoint() engine.EndpointState {
	h.t.Helper()
	list, err := h.Endpoints(context.Background(), "", 10)
	if err != nil || len(list) != 1 || list[0].Backend != shop {
		h.t.Fatalf("endpoints %+v, %v", list, err)
	}
	return list[0]
}

func (h *house) webhooks(orderNo string) []engine.WebhookRecord {
	h.t.Helper()
	list, _, err := h.Webhooks(context.Background(), orderNo, "", 100)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func TestFirst410IsAWarning(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.backend.does(gone)
		h.paid("A1")
		h.pass(time.Second)
		if ep := h.endpoint(); ep.GoneAt == 0 || ep.DisabledAt != 0 || ep.Breaker != engine.BreakerClosed {
			t.Errorf("endpoint %+v", ep)
		}
		if next := h.order("A1").NextAttemptAt; next.Sub(order.At(time.Now())) < 59*time.Minute {
			t.Errorf("tried again at %v", next)
		}
		// Other orders are tried, and being refused within the hour disables nothing.
		h.pass(10 * time.Minute)
		h.paid("A2")
		h.pass(time.Second)
		if ep := h.endpoint(); ep.DisabledAt != 0 {
			t.Errorf("disabled after ten minutes: %+v", ep)
		}
		h.backend.does(nil)
		h.paid("A3")
		h.pass(time.Second)
		if ep := h.endpoint(); ep.GoneAt != 0 {
			t.Errorf("an accepted webhook leaves the warning: %+v", ep)
		}
		h.pass(time.Hour + 10*time.Minute)
		for _, orderNo := range []string{"A1", "A2", "A3"} {
			h.wantPayment(orderNo, order.Succeeded, order.StatusSucceeded)
			h.wantTasks(orderNo)
		}
	})
}

func TestSecond410DisablesUntilAnOperatorEnables(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.backend.does(gone)
		h.paid("A1")
		h.pass(time.Second)
		h.pass(time.Hour + time.Second)
		if ep := h.endpoint(); ep.DisabledAt == 0 {
			t.Fatalf("endpoint %+v", ep)
		}
		if o := h.order("A1"); o.NextAttemptAt != 0 || o.Attempting || o.Diagnosis() != order.DiagnosisProcessingFailed {
			t.Errorf("promised at %v, attempting %v, diagnosis %s", o.NextAttemptAt, o.Attempting, o.Diagnosis())
		}
		sent := len(h.backend.sendings())
		h.paid("A2") // its first delivery waits too
		refunded := claims(order.ClaimsRefunded)
		refunded.Refund = &order.RefundEvidence{ID: "r1"}
		h.callback(note{OrderNo: "A2", Key: "A2-refunded", Evidence: refunded})
		h.restart()
		h.pass(3 * 24 * time.Hour)
		if got := len(h.backend.sendings()); got != sent {
			t.Errorf("%d webhooks were sent to a disabled endpoint", got-sent)
		}
		if o := h.order("A2"); o.Attempt != 0 || o.NextAttemptAt != 0 {
			t.Errorf("attempt %d, promised at %v", o.Attempt, o.NextAttemptAt)
		}

		h.backend.does(nil)
		h.pass(time.Second)
		if _, err := h.EnableEndpoint(context.Background(), shop, "wang", "moved back"); err != nil {
			t.Fatal(err)
		}
		h.pass(time.Second)
		for orderNo, want := range map[string][]string{"A1": {"order.succeeded"}, "A2": {"order.succeeded", "order.refunded"}} {
			if got := h.backend.types(orderNo); !slices.Equal(got, want) {
				t.Errorf("%s was told %v, want %v", orderNo, got, want)
			}
			h.wantTimeline(orderNo)
			h.wantTasks(orderNo)
		}
		h.wantCases("A1")
		if _, err := h.EnableEndpoint(context.Background(), "nobody", "wang", "x"); !errors.Is(err, engine.ErrUnknownBackend) {
			t.Errorf("unknown backend: %v", err)
		}
		audits, err := h.Audits(context.Background(), 0, 10)
		if err != nil || len(audits) != 1 || audits[0].Target != shop || audits[0].Actor != "wang" {
			t.Errorf("audit %+v, %v", audits, err)
		}
	})
}

// The process ends between enabling and waking: the next one finishes it.
func TestEnablingThatWasCutOffIsFinished(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		fatal(t, h.store.Commit(t.Context(), engine.Commit{Endpoint: &engine.Endpoint{Backend: shop, GoneAt: 1, DisabledAt: 2}}))
		for n := range 3 {
			h.paid(fmt.Sprint("A", n))
		}
		h.pass(time.Second)
		fatal(t, h.store.Commit(t.Context(), engine.Commit{Endpoint: &engine.Endpoint{Backend: shop}}))
		h.restart()
		h.pass(time.Second)
		for n := range 3 {
			h.wantPayment(fmt.Sprint("A", n), order.Succeeded, order.StatusSucceeded)
		}
	})
}

func TestDeadBackendIsNotHammeredByEveryOrder(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		const orders = 60
		h.backend.does(func(int, engine.Webhook) error { return refusing("connection") })
		for n := range orders {
			h.paid(numbered(n))
			h.pass(250 * time.Millisecond)
		}
		if ep := h.endpoint(); ep.Breaker == engine.BreakerClosed || ep.NextProbe == 0 {
			t.Errorf("breaker %s after %d failures", ep.Breaker, len(h.backend.sendings()))
		}
		h.pass(time.Minute)
		if got := len(h.backend.sendings()); got > 12 {
			t.Errorf("sent %d times in 75 s to a backend that is down", got)
		}
		for n := range orders {
			o := h.order(numbered(n))
			if now := order.At(time.Now()); o.NextAttemptAt < now || o.NextAttemptAt > now.Add(6*time.Minute) || o.Attempt > 3 {
				t.Errorf("%s: attempt %d, next at %v", o.OrderNo, o.Attempt, o.NextAttemptAt)
			}
		}
		h.backend.does(nil)
		h.pass(8 * time.Minute)
		for n := range orders {
			h.wantPayment(numbered(n), order.Succeeded, order.StatusSucceeded)
			h.wantTimeline(numbered(n))
			h.wantTasks(numbered(n))
		}
	})
}

func numbered(n int) string { return fmt.Sprintf("N%03d", n) }

// A backend that refuses webhooks is not sick: it answers, and each order keeps its own
// schedule.
func TestRefusalsDoNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.backend.does(func(int, engine.Webhook) error { return refusing("http_422") })
		for n := range 20 {
			h.paid(numbered(n))
		}
		h.pass(time.Second)
		if ep := h.endpoint(); ep.Breaker != engine.BreakerClosed || len(h.backend.sendings()) != 20 {
			t.Errorf("breaker %s, %d sent", ep.Breaker, len(h.backend.sendings()))
		}
	})
}

func TestEachTryIsLogged(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.backend.latency = 40 * time.Millisecond
		h.backend.does(func(n int, _ engine.Webhook) error {
			if n < 3 {
				return refusing("http_503")
			}
			return nil
		})
		h.paid("A1")
		h.pass(time.Minute)
		list := h.webhooks("A1")
		if len(list) != 1 || list[0].AcceptedAt == 0 || len(list[0].Tries) != 3 {
			t.Fatalf("webhooks %+v", list)
		}
		for i, d := range list[0].Tries {
			want := engine.Delivery{WebhookID: list[0].ID, At: d.At, Took: 40 * time.Millisecond, Code: "http_503", Reply: engine.Reply{Body: "no"}}
			if i == 2 {
				want.Code, want.Reply = "http_200", engine.Reply{Status: 200, Body: "ok"}
			}
			if d != want || d.At != order.At(h.backend.sendings()[i].at) {
				t.Errorf("try %d: %+v, want %+v", i+1, d, want)
			}
		}
		h.pass(31 * 24 * time.Hour)
		if left := h.webhooks("A1"); len(left) != 0 {
			t.Errorf("after a month: %+v", left)
		}
	})
}

// However a backend behaves, each order's webhooks are accepted in order of seq, under
// one id each, and none is missing in the end.
func TestNoWebhookIsEverOvertaken(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 1))
		codes := []string{"http_500", "timeout", "http_429", "http_410", "http_404", "tls"}
		var mu sync.Mutex // guards random
		draw := func(n int) int {
			mu.Lock()
			defer mu.Unlock()
			return random.IntN(n)
		}
		h.backend.does(func(int, engine.Webhook) error {
			switch n := draw(10); {
			case n < len(codes):
				return &engine.DeliveryError{Code: codes[n], RetryAfter: time.Duration(draw(20)) * time.Second}
			default:
				return nil
			}
		})
		const orders = 12
		for n := range orders {
			h.paid(numbered(n))
			h.pass(time.Duration(draw(30)) * time.Second)
			accepted := claims(order.ClaimsRefunding)
			accepted.Refund = &order.RefundEvidence{ID: "r1"}
			h.callback(note{OrderNo: numbered(n), Key: numbered(n) + "-2", Evidence: accepted})
			credited := claims(order.ClaimsRefunded)
			credited.Refund = &order.RefundEvidence{ID: "r1"}
			h.callback(note{OrderNo: numbered(n), Key: numbered(n) + "-3", Evidence: credited})
		}
		h.pass(11 * time.Minute)
		h.backend.does(nil)
		_, err := h.EnableEndpoint(context.Background(), shop, "wang", "well again")
		fatal(t, err)
		h.pass(3 * time.Hour)
		h.pass(3 * time.Hour)
		synctest.Wait()
		for n := range orders {
			want := []string{"order.succeeded", "order.refunding", "order.refunded"}
			if got := h.backend.types(numbered(n)); !slices.Equal(got, want) {
				t.Errorf("seed %d: %s was told %v", seed, numbered(n), got)
			}
			h.wantTimeline(numbered(n))
			h.wantTasks(numbered(n))
		}
	})
}
