package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

func (h *house) pause(kind engine.TaskKind, name string, d time.Duration) order.Time {
	h.t.Helper()
	p, err := h.PauseFor(context.Background(), engine.Pause{
		Kind: kind, Target: name, Until: order.At(time.Now().Add(d)), Actor: "wang", Reason: "maintenance",
	})
	fatal(h.t, err)
	return p.Until
}

func TestPause(t *testing.T) {
	t.Parallel()
	settings := engine.ChannelSettings{QPS: 10}
	t.Run("of a channel puts its queries off and tells the pages", func(t *testing.T) {
		t.Parallel()
		paced(t, settings, func(t *testing.T, h *house) {
			names := h.claimed(30)
			until := h.pause(engine.TaskQuery, pay, 2*time.Minute)
			h.pass(time.Minute)
			if got := len(h.channel.all()); got != 0 {
				t.Errorf("%d queries during the pause", got)
			}
			for _, no := range names {
				if o := h.order(no); o.NextAttemptAt < until || o.NextAttemptAt > until.Add(4*time.Second) || o.Attempt != 0 {
					t.Errorf("%s shows %v after %d attempts, the pause ends at %v", no, o.NextAttemptAt, o.Attempt, until)
				}
			}
			h.pass(70 * time.Second)
			if got := len(h.channel.all()); got < len(names) {
				t.Errorf("%d queries after the pause", got)
			}
			h.wantBudget(10)
			for _, no := range names {
				h.wantPromises(no)
			}
		})
	})
	t.Run("outlives a restart", func(t *testing.T) {
		t.Parallel()
		paced(t, settings, func(t *testing.T, h *house) {
			h.claimed(3)
			h.pause(engine.TaskQuery, pay, time.Minute)
			h.pass(time.Second)
			h.restart()
			h.pass(50 * time.Second)
			if got := len(h.channel.all()); got != 0 {
				t.Errorf("%d queries", got)
			}
			h.pass(15 * time.Second)
			if got := len(h.channel.all()); got < 3 {
				t.Errorf("%d queries after the pause", got)
			}
		})
	})
	t.Run("that is lifted lets everything go on at once, within the budget", func(t *testing.T) {
		t.Parallel()
		paced(t, settings, func(t *testing.T, h *house) {
			names := h.claimed(30)
			h.pause(engine.TaskQuery, pay, 24*time.Hour)
			h.pass(time.Minute)
			fatal(t, h.Resume(context.Background(), engine.TaskQuery, pay, "wang"))
			h.pass(6 * time.Second)
			for _, no := range names {
				if len(h.channel.times(no)) == 0 {
					t.Errorf("%s still waits until %v", no, h.order(no).NextAttemptAt)
				}
			}
			h.wantBudget(10)
			if err := h.Resume(context.Background(), engine.TaskQuery, pay, "wang"); !errors.Is(err, engine.ErrNotPaused) {
				t.Errorf("lifting it again: %v", err)
			}
			audits, err := h.Audits(context.Background(), 0, 10)
			if err != nil || len(audits) != 2 || audits[1].Reason != "maintenance" || audits[0].Action != "pauses.end" {
				t.Errorf("audit %+v, %v", audits, err)
			}
		})
	})
	t.Run("of a backend puts its deliveries off and burns none of their tries", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			until := h.pause(engine.TaskDeliver, shop, time.Minute)
			h.paid("A1")
			h.pass(5 * time.Second)
			if o := h.order("A1"); len(h.backend.sendings()) != 0 || o.NextAttemptAt < until || o.Facts.DeliveryFailures != 0 {
				t.Errorf("%d sent, next at %v, %d failures", len(h.backend.sendings()), o.NextAttemptAt, o.Facts.DeliveryFailures)
			}
			h.pass(time.Minute)
			h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
			h.wantPromises("A1")
		})
	})
	t.Run("is refused when it makes no sense", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, h *house) {
			soon := order.At(time.Now().Add(time.Minute))
			for field, p := range map[string]engine.Pause{
				"kind":   {Kind: engine.TaskStage, Target: pay, Until: soon, Reason: "x"},
				"target": {Kind: engine.TaskQuery, Target: "nowhere", Until: soon, Reason: "x"},
				"until":  {Kind: engine.TaskQuery, Target: pay, Until: soon.Add(engine.MaxPause), Reason: "x"},
				"reason": {Kind: engine.TaskQuery, Target: pay, Until: soon, Reason: strings.Repeat("x", 501)},
			} {
				_, err := h.PauseFor(context.Background(), p)
				if wrong, ok := errors.AsType[*order.FieldError](err); !ok || (wrong.Field != field && field != "kind") {
					t.Errorf("%s: %v", field, err)
				}
			}
		})
	})
}

// What closing an order found is true even where there is no room to ask again at once.
func TestOrderThatCloseFindsPaidIsNotOfferedForPayment(t *testing.T) {
	t.Parallel()
	paced(t, engine.ChannelSettings{QPS: 1}, func(t *testing.T, h *house) {
		h.channel.answers(saying(order.ClaimsPending))
		h.channel.onClose = alreadyPaid
		names := make([]string, 20)
		for i := range names {
			names[i] = fmt.Sprintf("A%02d", i)
			h.register(names[i], expiring(10*time.Second))
		}
		h.pass(15 * time.Second)
		seen := 0
		for _, no := range names {
			if o := h.order(no); o.Facts.Query == order.QueryProcessing {
				seen++
				if !o.Progress().DoNotPayAgain {
					t.Errorf("%s may be paid again", no)
				}
			}
		}
		if seen == 0 {
			t.Error("every order was asked about again at once")
		}
		h.pass(2 * time.Minute)
		h.wantBudget(1)
	})
}

func TestUnclaimedOrderIsAskedAboutWhenItExpiresHoweverSoon(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.answers(saying(order.ClaimsClosed))
		h.register("A1", expiring(10*time.Second))
		h.pass(11 * time.Second)
		h.wantPayment("A1", order.Closed, order.StatusClosed)
	})
}
