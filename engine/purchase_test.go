package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

// by makes orders one payer's, so that they are for the same purchase.
func by(payer string) func(*order.Registration) {
	return func(r *order.Registration) { r.Payer.ID = payer }
}

func (h *house) pays(orderNo string) {
	h.t.Helper()
	h.callback(note{OrderNo: orderNo, Key: "paid " + orderNo, Evidence: claims(order.ClaimsSucceeded)})
}

func TestTheSecondPaymentForAPurchaseOpensACaseThatNamesBoth(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", by("wang"), withWebhook)
		h.register("A2", by("wang"), withWebhook)
		h.pays("A2")
		h.pays("A1")
		synctest.Wait()
		h.wantCases("A2")
		h.wantCases("A1", order.CaseDuplicatePayment)
		if k := h.order("A1").Cases[0]; k.Other != "A2" {
			t.Errorf("the case names %q", k.Other)
		}
		if p := h.order("A1").Progress(); p.Status != order.StatusSucceeded || p.Review != nil {
			t.Errorf("the payer sees %+v", p)
		}
		told := slices.IndexFunc(h.backend.accepted, func(w engine.Webhook) bool { return w.Type == "order.case_opened" })
		if told < 0 {
			t.Fatalf("the backend was told %v", h.backend.types("A1"))
		}
		var body struct {
			Data struct {
				OrderNo string         `json:"order_no"`
				Case    order.CaseKind `json:"case"`
				Other   string         `json:"other_order_no"`
			} `json:"data"`
		}
		fatal(t, json.Unmarshal(h.backend.accepted[told].Body, &body))
		if body.Data.OrderNo != "A1" || body.Data.Other != "A2" || body.Data.Case != order.CaseDuplicatePayment {
			t.Errorf("the backend was told %+v", body.Data)
		}
		h.wantTimeline("A1")
	})
}

func TestWhatIsNoDuplicatePayment(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]func(*order.Registration){
		"another payer":   by("li"),
		"another amount":  func(r *order.Registration) { r.Payer.ID, r.Amount.Minor = "wang", price.Minor+1 },
		"another subject": func(r *order.Registration) { r.Payer.ID, r.Subject = "wang", "coffee" },
		"another backend": func(r *order.Registration) { r.Payer.ID, r.Backend = "wang", "elsewhere" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, h *house) {
				h.register("A1", by("wang"))
				o := h.register("A2", second)
				h.pays("A1")
				ev := claims(order.ClaimsSucceeded)
				ev.Amount = &o.Amount
				h.callback(note{OrderNo: "A2", Key: "k", Evidence: ev})
				h.wantPayment("A2", order.Succeeded, order.StatusSucceeded)
				h.wantCases("A2")
			})
		})
	}
}

func TestAPurchaseThatWasGivenBackOrIsLongAgoMayBePaidAgain(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", by("wang"))
		h.register("A2", by("wang"))
		h.pays("A1")
		ev := claims(order.ClaimsRefunded)
		ev.Refund = &order.RefundEvidence{ID: "r1"}
		h.callback(note{OrderNo: "A1", Key: "r", Evidence: ev})
		h.pays("A2")
		h.wantCases("A2")

		h.pass(24*time.Hour + time.Millisecond)
		h.register("A3", by("wang"))
		h.pays("A3")
		h.wantCases("A3")
	})
}

// TestOfPaymentsAtTheSameMomentAllButOneAreDuplicates lets many orders for one purchase be
// paid at once: whichever is first, each other one has a case.
func TestOfPaymentsAtTheSameMomentAllButOneAreDuplicates(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		const orders = 12
		for i := range orders {
			h.register(fmt.Sprint("A", i), by("wang"))
		}
		var wg sync.WaitGroup
		for i := range orders {
			wg.Go(func() { h.pays(fmt.Sprint("A", i)) })
		}
		wg.Wait()
		first := 0
		for i := range orders {
			no := fmt.Sprint("A", i)
			h.wantPayment(no, order.Succeeded, order.StatusSucceeded)
			h.wantGapless(no)
			switch cases := h.order(no).Cases; {
			case len(cases) == 0:
				first++
			case len(cases) != 1 || cases[0].Kind != order.CaseDuplicatePayment || cases[0].Other == "" || cases[0].Other == no:
				t.Errorf("%s: %+v", no, cases)
			}
		}
		if first != 1 {
			t.Errorf("%d orders without a case, want 1", first)
		}
	})
}

func TestSamePurchaseFindsWhatTheCheckoutMeans(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A0", by("wang"))
		h.pass(24*time.Hour + time.Second)
		h.register("A1", by("wang"))
		h.register("A2", by("wang"), func(r *order.Registration) { r.Subject = "coffee" })
		h.register("A3", by("wang"), func(r *order.Registration) { r.Amount.Minor = 1 })
		h.register("B1", by("li"))
		for want, ask := range map[string]struct {
			subject string
			amount  *order.Money
		}{
			"[A3 A1]": {"tea", nil}, "[A2 A1]": {"", &price}, "[A1]": {"tea", &price}, "[]": {"cake", nil},
		} {
			orders, err := h.SamePurchase(context.Background(), "quiet", "wang", ask.subject, ask.amount)
			fatal(t, err)
			numbers := []string{}
			for _, o := range orders {
				numbers = append(numbers, o.OrderNo)
			}
			slices.Sort(numbers)
			slices.Reverse(numbers)
			if got := fmt.Sprint(numbers); got != want {
				t.Errorf("%+v: %s, want %s", ask, got, want)
			}
		}
	})
}
