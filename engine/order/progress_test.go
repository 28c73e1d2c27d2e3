package order_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"anxin/engine/order"
)

var update = flag.Bool("update", false, "write the golden files of Progress anew")

// screens are the states that a payer can be shown, by the name of their golden file.
func screens(t *testing.T) map[string]order.Order {
	t.Helper()
	by := func(o order.Order, claims order.Claimed, edits ...func(*order.Evidence)) order.Order {
		ev := evidence(order.FromCallback, claims)
		for _, edit := range edits {
			edit(&ev)
		}
		return o.Apply(ev, after(90*time.Second)).Order
	}
	declined := func(ev *order.Evidence) { ev.Reason = "declined" }
	wrong := func(ev *order.Evidence) { ev.Amount = &order.Money{Minor: 8799, Currency: "CNY"} }
	refundOf := func(id string, minor int64) func(*order.Evidence) {
		return func(ev *order.Evidence) {
			ev.Refund = &order.RefundEvidence{ID: id, Amount: &order.Money{Minor: minor, Currency: "CNY"}, AcceptedAt: after(95 * time.Second)}
			if ev.Claims == order.ClaimsRefunded {
				ev.Refund.CreditedAt = after(3600*time.Second + 5*time.Millisecond)
			}
		}
	}
	unpaid := func(o order.Order) order.Order {
		return o.Answered(order.Answer{Outcome: order.QueryUnpaid}, 0, after(60*time.Second)).Order
	}
	bare := func(r *order.Registration) { r.Links, r.Payer.Locale, r.Deliver = order.Links{}, "", false }
	retrying := claimed(t).StartAttempt(order.WorkQuery, after(4*time.Second)).Order
	scheduled := retrying.Answered(order.Answer{Outcome: order.QueryProcessing}, after(6*time.Second+250*time.Millisecond), after(5*time.Second)).Order
	exhausted := scheduled.Answered(order.Answer{Outcome: order.QueryUnknown}, 0, after(72*time.Hour)).Order
	paid := by(claimed(t, noDeliver), order.ClaimsSucceeded)
	return map[string]order.Order{
		"awaiting":                register(t),
		"awaiting_known_unpaid":   unpaid(register(t)),
		"confirming":              claimed(t),
		"confirming_known_unpaid": unpaid(claimed(t)),
		"confirming_attempting":   retrying,
		"confirming_scheduled":    scheduled,
		"confirming_delayed":      scheduled.EnterStage(after(2*time.Minute), order.DefaultStageLimits).Order,
		"confirming_review":       exhausted.OpenCase(order.CaseQueryExhausted, after(72*time.Hour), order.Detail{}).Order,
		"confirming_mismatch":     by(claimed(t), order.ClaimsSucceeded, wrong),
		"confirming_received":     by(claimed(t), order.ClaimsSucceeded),
		"succeeded":               paid,
		"succeeded_bare":          by(claimed(t, bare), order.ClaimsSucceeded),
		"succeeded_late":          by(by(claimed(t, noDeliver), order.ClaimsClosed), order.ClaimsSucceeded),
		"succeeded_conflict":      by(paid, order.ClaimsFailed),
		"succeeded_twice":         paid.OpenCase(order.CaseDuplicatePayment, after(100*time.Second), order.Detail{Other: "A1002"}).Order,
		"succeeded_part_refunded": by(paid, order.ClaimsRefunded, refundOf("R1", 800)),
		"succeeded_refund_failed": by(by(paid, order.ClaimsRefunding, refundOf("R1", 8800)), order.ClaimsRefundFailed, refundOf("R1", 8800)),
		"failed":                  by(claimed(t, noDeliver), order.ClaimsFailed, declined),
		"failed_not_delivered":    by(claimed(t), order.ClaimsFailed, declined),
		"failed_conflict":         by(by(claimed(t, noDeliver), order.ClaimsFailed), order.ClaimsRefunded),
		"closed":                  by(register(t), order.ClaimsClosed),
		"refunding":               by(paid, order.ClaimsRefunding, refundOf("R1", 8800)),
		"refunded":                by(by(paid, order.ClaimsRefunding, refundOf("R1", 8800)), order.ClaimsRefunded, refundOf("R1", 8800)),
	}
}

func TestProgressIsWhatTheGoldenFilesShow(t *testing.T) {
	t.Parallel()
	shown := map[order.Status]bool{}
	for name, o := range screens(t) {
		shown[o.Status()] = true
		checkOrder(t, o)
		raw, err := json.MarshalIndent(o.Progress(), "", "  ")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		raw = append(raw, '\n')
		path := filepath.Join("testdata", "progress", name+".json")
		if *update {
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%s: %v (go test -update writes it)", name, err)
		}
		if !bytes.Equal(raw, want) {
			t.Errorf("%s differs from %s:\n%s", name, path, raw)
		}
	}
	for _, s := range constants[order.Status](t, "Status") {
		if !shown[s] {
			t.Errorf("no golden file shows %s", s)
		}
	}
}

func TestPayAgainIsOfferedOnlyWhereItCannotChargeTwice(t *testing.T) {
	t.Parallel()
	offered := map[string]bool{
		"awaiting_known_unpaid": true, "failed": true, "failed_not_delivered": true, "closed": true, "refunded": true,
	}
	for name, o := range screens(t) {
		p := o.Progress()
		if got := p.Links.Repay != nil; got != offered[name] || got == p.DoNotPayAgain {
			t.Errorf("%s: repay offered %v, do not pay again %v", name, got, p.DoNotPayAgain)
		}
	}
	o := screens(t)["awaiting_known_unpaid"]
	o = o.Apply(evidence(order.FromCallback, order.ClaimsProcessing), after(2*time.Minute)).Order
	if o.Progress().Links.Repay != nil {
		t.Error("repay offered although a callback tells of a payment")
	}
}

func TestTheReviewPromisesTheEarliestAnswer(t *testing.T) {
	t.Parallel()
	o := claimed(t).OpenCase(order.CaseRefundFailed, after(time.Hour), order.Detail{}).Order
	o = o.OpenCase(order.CaseConflict, after(time.Minute), order.Detail{}).Order
	o = o.OpenCase(order.CaseLateSuccess, after(time.Second), order.Detail{}).Order // concerns the merchant alone
	if got := o.Progress().Review; got == nil || got.AnswerBy != after(time.Minute+order.AnswerWithin) {
		t.Errorf("review %+v", got)
	}
	o = o.CloseCase(order.CaseConflict, after(2*time.Hour), order.Detail{}).Order
	o = o.CloseCase(order.CaseRefundFailed, after(2*time.Hour), order.Detail{}).Order
	if got := o.Progress().Review; got != nil {
		t.Errorf("review %+v after the cases were closed", got)
	}
}

func TestProgressSharesNoMemoryWithTheOrder(t *testing.T) {
	t.Parallel()
	o := claimed(t)
	p := o.Progress()
	p.Expected.LateBy = 1
	*p.Links.Detail = "changed"
	if o.Expected.LateBy == 1 || o.Links.Detail == "changed" || o.Progress().Expected.LateBy == 1 {
		t.Error("a reader of Progress changed the order")
	}
}
