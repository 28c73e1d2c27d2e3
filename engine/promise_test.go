package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

func (h *house) ledger(orderNo string) []engine.Promise {
	h.t.Helper()
	list, err := h.store.Promises(context.Background(), orderNo)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

// outcomes tells the promises of a kind in the order in which they were shown.
func (h *house) outcomes(orderNo string, kind engine.PromiseKind) string {
	h.t.Helper()
	var list []string
	for _, p := range h.ledger(orderNo) {
		if p.Kind == kind {
			list = append(list, string(p.Outcome))
		}
	}
	return strings.Join(list, " ")
}

// wantLedger holds the ledger against what was published: each time that was shown is in
// it once, an attempt that counts as kept did begin then, and nothing stays open once
// the order is settled.
func (h *house) wantLedger(orderNo string, settled bool) {
	h.t.Helper()
	h.listener.mu.Lock()
	told := slices.Clone(h.listener.told[orderNo])
	h.listener.mu.Unlock()
	slices.SortFunc(told, func(a, b order.Progress) int { return int(a.Seq - b.Seq) })
	shown := make(map[engine.Promise]bool)
	before := order.Progress{Expected: &order.Expected{}}
	for _, p := range told {
		if p.NextAttemptAt != 0 && p.NextAttemptAt != before.NextAttemptAt {
			shown[engine.Promise{Kind: engine.PromiseAttempt, Seq: p.Seq, PromisedAt: p.NextAttemptAt}] = true
		}
		if p.Expected == nil {
			p.Expected = before.Expected // what was shown once is not promised again
		}
		if *p.Expected != *before.Expected {
			shown[engine.Promise{Kind: engine.PromiseTypical, Seq: p.Seq, PromisedAt: p.Expected.TypicalBy}] = true
			shown[engine.Promise{Kind: engine.PromiseLate, Seq: p.Seq, PromisedAt: p.Expected.LateBy}] = true
		}
		before = p
	}
	begun := make(map[order.Time]bool)
	for _, ev := range h.events(orderNo) {
		begun[ev.At] = begun[ev.At] || ev.Type == order.EventStarted
	}
	rows := h.ledger(orderNo)
	for _, p := range rows {
		if !shown[engine.Promise{Kind: p.Kind, Seq: p.Seq, PromisedAt: p.PromisedAt}] {
			h.t.Errorf("%s: %+v was never shown", orderNo, p)
		}
		if settled && p.Outcome == engine.PromiseOpen {
			h.t.Errorf("%s: %+v has no outcome", orderNo, p)
		}
		if late := p.HappenedAt - p.PromisedAt; p.Kind == engine.PromiseAttempt && p.Outcome == engine.PromiseKept && (late < 0 || late > 1000 || !begun[p.HappenedAt]) {
			h.t.Errorf("%s: %+v counts as kept, and nothing began then", orderNo, p)
		}
	}
	if len(rows) != len(shown) {
		h.t.Errorf("%s: %d promises shown, %d in the ledger", orderNo, len(shown), len(rows))
	}
}

func TestPromisesAreScoredByWhatHappened(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		happens                func(h *house)
		attempt, typical, late string
	}{
		"attempts in time, then the result": {func(h *house) {
			h.pass(9 * time.Second)
			h.callback(note{OrderNo: "A1", Key: "k", Evidence: claims(order.ClaimsSucceeded)})
		}, "kept kept void", "kept", "kept"},
		"the node was down when the time came": {func(h *house) {
			h.stopRun()
			<-time.After(7 * time.Second)
			h.start()
			h.pass(time.Second)
		}, "late ", "", ""},
		"a check replaces what was announced": {func(h *house) {
			h.pass(16 * time.Second)
			_, err := h.CheckNow(context.Background(), "A1")
			fatal(h.t, err)
			synctest.Wait()
		}, "kept kept kept replaced kept ", "", ""},
		"known after the usual time": {func(h *house) {
			h.pass(100 * time.Second)
			h.callback(note{OrderNo: "A1", Key: "k", Evidence: claims(order.ClaimsFailed)})
		}, "kept kept kept kept kept kept void", "late", "kept"},
		"not known in all the time that was told": {func(h *house) { h.pass(6 * time.Minute) }, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, h *house) {
				h.register("A1")
				h.claim("A1")
				tc.happens(h)
				h.wantLedger("A1", false)
				if got := h.outcomes("A1", engine.PromiseAttempt); tc.attempt != "" && got != tc.attempt {
					t.Errorf("attempts: %q, want %q", got, tc.attempt)
				}
				if got := h.outcomes("A1", engine.PromiseTypical); got != tc.typical {
					t.Errorf("typical: %q, want %q", got, tc.typical)
				}
				if got := h.outcomes("A1", engine.PromiseLate); got != tc.late {
					t.Errorf("late: %q, want %q", got, tc.late)
				}
			})
		})
	}
}

func TestAPushedAttemptBeforeItsTimeIsEarly(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", pushed)
		push := func(key string, u order.Update) {
			_, err := h.Update(t.Context(), "A1", key, key, u)
			fatal(t, err)
		}
		push("1", order.Update{Type: order.PushRetrying, NextAttemptAt: order.At(time.Now().Add(time.Minute))})
		h.pass(time.Second)
		push("2", order.Update{Type: order.PushRetrying})
		h.wantLedger("A1", false)
		if got := h.outcomes("A1", engine.PromiseAttempt); got != "early" {
			t.Errorf("attempts: %q", got)
		}
	})
}

func TestTheLedgerForgetsAfterNinetyDays(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", pushed)
		h.claim("A1")
		h.pass(89 * 24 * time.Hour)
		if got := len(h.ledger("A1")); got != 2 {
			t.Errorf("%d promises after 89 days", got)
		}
		h.pass(2 * 24 * time.Hour)
		if got := len(h.ledger("A1")); got != 0 {
			t.Errorf("%d promises after 91 days", got)
		}
	})
}
