package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

func TestRegisterAgain(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		first := h.register("A1")
		h.claim("A1")
		again, created, err := h.Register(t.Context(), registration("A1"))
		if err != nil || created || again.CreatedAt != first.CreatedAt || again.Seq <= first.Seq {
			t.Errorf("the same again: created %v, seq %d, %v", created, again.Seq, err)
		}
		other := registration("A1")
		other.Amount.Minor++
		if _, _, err := h.Register(t.Context(), other); !errors.Is(err, order.ErrExists) {
			t.Errorf("another amount: %v", err)
		}
		if got := h.order("A1").Amount; got != price {
			t.Errorf("the amount became %v", got)
		}
	})
}

func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		r := registration("A1")
		r.Channel = "nosuch"
		if _, _, err := h.Register(t.Context(), r); !errors.Is(err, engine.ErrUnknownChannel) {
			t.Errorf("unknown channel: %v", err)
		}
		r = registration("A 1")
		var field *order.FieldError
		if _, _, err := h.Register(t.Context(), r); !errors.As(err, &field) || field.Field != "order_no" {
			t.Errorf("bad number: %v", err)
		}
		if _, err := h.Order(t.Context(), "A1"); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("a refused order is there: %v", err)
		}
	})
}

func TestSameRegistrationAtTheSameMomentCreatesOneOrder(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		var mu sync.Mutex
		made := 0
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				_, created, err := h.Register(context.Background(), registration("A1"))
				if err != nil {
					t.Error(err)
				}
				if created {
					mu.Lock()
					made++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if made != 1 {
			t.Errorf("%d requests created the order", made)
		}
		h.wantTimeline("A1")
	})
}

func TestClaimIsIdempotentAndPromisesTheFirstQuery(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		o := h.claim("A1")
		if wait := o.NextAttemptAt.Sub(o.ClaimedAt); wait < 3*time.Second || wait > 3300*time.Millisecond {
			t.Errorf("first query after %v", wait)
		}
		h.pass(time.Second)
		if again := h.claim("A1"); again.Seq != o.Seq || again.ClaimedAt != o.ClaimedAt {
			t.Errorf("claimed again: seq %d after %d", again.Seq, o.Seq)
		}
		h.wantTasks("A1", engine.TaskQuery, engine.TaskStage)
	})
}

func TestClaimOfAPaidOrderAsksNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.callback(paidNote("A1", "c1"))
		o := h.order("A1")
		if again := h.claim("A1"); again.Seq != o.Seq {
			t.Error("claiming a result changed it")
		}
		h.wantTasks("A1")
	})
}

func TestNewRefusesWhatCannotRun(t *testing.T) {
	t.Parallel()
	if _, err := engine.New(engine.Config{}, engine.Deps{}); err == nil {
		t.Error("an engine without a store was built")
	}
	bubble(t, func(t *testing.T, h *house) {
		for _, limits := range []order.StageLimits{{Delayed: time.Minute}, {Delayed: 2, Prolonged: 1}, {Delayed: -1, Prolonged: 1}} {
			deps := engine.Deps{Store: h.store, Sender: h.backend, Listener: h.listener, Log: h.log}
			if _, err := engine.New(engine.Config{Stages: limits}, deps); err == nil {
				t.Errorf("stage limits %v were accepted", limits)
			}
		}
	})
}
