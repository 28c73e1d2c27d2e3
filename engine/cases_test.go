package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
)

// caseRow returns the one case of a kind of an order, as operators are shown it.
func (h *house) caseRow(orderNo string, kind order.CaseKind) engine.Case {
	h.t.Helper()
	list, _, err := h.Cases(context.Background(), engine.CaseFilter{OrderNo: orderNo, Kind: kind})
	if err != nil || len(list) != 1 {
		h.t.Fatalf("cases %s of %s: %+v, %v", kind, orderNo, list, err)
	}
	return list[0]
}

func (h *house) resolve(id string, r order.Resolution) engine.Case {
	h.t.Helper()
	k, err := h.ResolveCase(context.Background(), id, engine.Decision{Actor: "wang", Resolution: r, Note: "looked at"})
	if err != nil {
		h.t.Fatalf("resolve %s as %s: %v", id, r, err)
	}
	return k
}

// policies starts the engine anew with policies for late successes.
func (h *house) policies(p engine.LatePolicies) {
	h.t.Helper()
	h.stopRun()
	h.cfg.LateSuccess = p
	h.start()
}

// paidLate is an order that is called closed by a query and then found paid.
func (h *house) paidLate(orderNo string) {
	h.t.Helper()
	h.channel.answers(saying(order.ClaimsClosed))
	h.register(orderNo, withWebhook)
	h.claim(orderNo)
	h.pass(4 * time.Second)
	h.wantPayment(orderNo, order.Closed, order.StatusClosed)
	h.callback(note{OrderNo: orderNo, Key: orderNo + "-late", Evidence: claims(order.ClaimsSucceeded)})
	h.pass(time.Second)
}

// policyTold is what the newest webhook of a type tells of the policy.
func (h *house) policyTold(kind string) string {
	h.t.Helper()
	for _, s := range slices.Backward(h.backend.sendings()) {
		if s.Type == kind {
			var body struct {
				Data struct {
					Policy string `json:"policy"`
				} `json:"data"`
			}
			fatal(h.t, json.Unmarshal(s.Body, &body))
			return body.Data.Policy
		}
	}
	h.t.Fatalf("no webhook %s was sent", kind)
	return ""
}

func TestALateSuccessIsToldAsThePolicyOfItsChannelSays(t *testing.T) {
	t.Parallel()
	for policy, want := range map[order.LatePolicy]struct {
		told   []string
		status order.Status
	}{
		order.LateAccept: {[]string{"order.closed", "order.succeeded", "order.case_opened"}, order.StatusSucceeded},
		order.LateRefund: {[]string{"order.closed", "order.late_success", "order.case_opened"}, order.StatusConfirming},
		order.LateAsk:    {[]string{"order.closed", "order.case_opened"}, order.StatusConfirming},
	} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, h *house) {
				h.policies(engine.LatePolicies{Default: order.LateAccept, Channels: map[string]order.LatePolicy{pay: policy}})
				h.paidLate("A1")
				h.wantPayment("A1", order.Succeeded, want.status)
				if got := h.backend.types("A1"); !slices.Equal(got, want.told) {
					t.Errorf("told %v, want %v", got, want.told)
				}
				if policy == order.LateRefund && h.policyTold("order.late_success") != "refund" {
					t.Error("the policy is not told")
				}
				if k := h.caseRow("A1", order.CaseLateSuccess); k.ClosedAt != 0 || k.Channel != pay || k.Backend != shop {
					t.Errorf("case %+v", k)
				}
				h.wantTimeline("A1")
			})
		})
	}
}

func TestAWithheldSuccessIsDeliveredOnceAnOperatorAccepts(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.policies(engine.LatePolicies{Default: order.LateAsk})
		h.paidLate("A1")
		h.pass(10 * time.Minute)
		h.wantPayment("A1", order.Succeeded, order.StatusConfirming)
		k := h.resolve(h.caseRow("A1", order.CaseLateSuccess).ID, order.ResolveAccept)
		if k.ClosedBy != "wang" || k.Resolution != order.ResolveAccept || k.Note != "looked at" {
			t.Errorf("case %+v", k)
		}
		h.pass(time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		if got := h.backend.types("A1"); !slices.Equal(got, []string{"order.closed", "order.case_opened", "order.succeeded"}) {
			t.Errorf("told %v", got)
		}
		h.wantTimeline("A1")
	})
}

func TestAWithheldSuccessIsRefundedWhenAnOperatorSaysSo(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.policies(engine.LatePolicies{Default: order.LateAsk})
		h.paidLate("A1")
		h.resolve(h.caseRow("A1", order.CaseLateSuccess).ID, order.ResolveRefund)
		h.pass(time.Second)
		if got := h.policyTold("order.late_success"); got != "refund" {
			t.Errorf("told %q", got)
		}
		h.wantPayment("A1", order.Succeeded, order.StatusConfirming)
		h.callback(note{OrderNo: "A1", Key: "refund", Evidence: claims(order.ClaimsRefundFailed)})
		h.pass(time.Second)
		h.wantCases("A1", order.CaseLateSuccess, order.CaseRefundFailed)
		h.resolve(h.caseRow("A1", order.CaseRefundFailed).ID, order.ResolveRefund)
		h.pass(time.Second)
		if got := h.backend.types("A1"); got[len(got)-1] != "order.refund_requested" {
			t.Errorf("told %v", got)
		}
	})
}

func TestAPolicyForNoChannelIsRefused(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		_, err := engine.New(engine.Config{LateSuccess: engine.LatePolicies{Channels: map[string]order.LatePolicy{"pya": order.LateAsk}}}, engine.Deps{
			Store: h.store, Channels: map[string]channel.Channel{pay: h.channel}, Sender: h.backend, Listener: h.listener, Log: h.log,
		})
		if err == nil {
			t.Error("accepted")
		}
	})
}

func TestEvidenceAnswersACaseInTheList(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.answers(failing(&channel.QueryError{Outcome: order.QueryRefused, Code: "bad_key", Permanent: true}))
		h.register("A1")
		h.claim("A1")
		h.pass(4 * time.Second)
		if k := h.caseRow("A1", order.CaseQueryRefused); k.ClosedAt != 0 || k.OpenedAt == 0 || k.AnswerBy == 0 {
			t.Fatalf("case %+v", k)
		}
		h.callback(note{OrderNo: "A1", Key: "1", Evidence: claims(order.ClaimsSucceeded)})
		if k := h.caseRow("A1", order.CaseQueryRefused); k.ClosedAt == 0 || k.Resolution != order.ResolveAnswered || k.ClosedBy != "" {
			t.Errorf("case %+v", k)
		}
	})
}

func TestExhaustedQueriesBeginAnewTogether(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.answers(failing(&channel.QueryError{Outcome: order.QueryRefused, Code: "bad_key", Permanent: true}))
		for _, orderNo := range []string{"A1", "A2", "A3"} {
			h.register(orderNo)
			h.claim(orderNo)
		}
		h.pass(4 * time.Second)
		h.pass(4 * 24 * time.Hour)
		h.channel.answers(func(n int, _ channel.Query) (order.Evidence, error) {
			if n < 4 { // not at once: the schedule must go on from the retry
				return order.Evidence{}, notFound()
			}
			return claims(order.ClaimsSucceeded), nil
		})
		done, err := h.RetryCases(context.Background(), engine.Retry{Actor: "wang", Kind: order.CaseQueryRefused, Channel: pay, Limit: 2})
		if err != nil || done != (engine.Retried{Retried: 2, More: true}) {
			t.Fatalf("%+v, %v", done, err)
		}
		done, err = h.RetryCases(context.Background(), engine.Retry{Actor: "wang", Kind: order.CaseQueryRefused, Limit: 2})
		if err != nil || done != (engine.Retried{Retried: 1}) {
			t.Fatalf("%+v, %v", done, err)
		}
		h.pass(5 * time.Minute) // six failures in a row open the breaker, and the probe may be the sixth
		for _, orderNo := range []string{"A1", "A2", "A3"} {
			h.wantPayment(orderNo, order.Succeeded, order.StatusSucceeded)
			h.wantTimeline(orderNo)
			if k := h.caseRow(orderNo, order.CaseQueryRefused); k.ClosedBy != "wang" || k.Resolution != order.ResolveRetry {
				t.Errorf("case %+v", k)
			}
		}
		audits, err := h.Audits(context.Background(), 0, 10)
		if err != nil || len(audits) != 3 || audits[0].Action != "case.retry" || audits[0].Actor != "wang" {
			t.Errorf("audit %+v, %v", audits, err)
		}
	})
}

func TestFailedDeliveriesBeginAnewTogether(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.answers(saying(order.ClaimsSucceeded))
		h.backend.does(func(int, engine.Webhook) error { return refusing("http_500") })
		h.register("A1", withWebhook)
		h.claim("A1")
		for range 16 {
			h.pass(30 * time.Hour)
		}
		h.wantCases("A1", order.CaseDeliveryFailed)
		h.backend.does(nil)
		done, err := h.RetryCases(context.Background(), engine.Retry{Actor: "wang", Kind: order.CaseDeliveryFailed, Backend: shop, Limit: 10})
		if err != nil || done.Retried != 1 {
			t.Fatalf("%+v, %v", done, err)
		}
		h.pass(time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		h.wantGapless("A1") // the node was down when most attempts were due
		if got := h.backend.types("A1"); !slices.Equal(got, []string{"order.succeeded", "order.case_opened"}) {
			t.Errorf("told %v", got)
		}
	})
}

func TestACaseThatIsNotThereIsNotResolved(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		for _, id := range []string{"A1.1", "A1", "A1.0", "A1.01", "Z1.1", "", ".1"} {
			if _, err := h.ResolveCase(context.Background(), id, engine.Decision{Resolution: order.ResolveDismiss}); !errors.Is(err, engine.ErrNotFound) {
				t.Errorf("%q: %v", id, err)
			}
		}
		if _, err := h.RetryCases(context.Background(), engine.Retry{Kind: order.CaseConflict}); !errors.Is(err, engine.ErrNotRetried) {
			t.Errorf("retry of conflicts: %v", err)
		}
	})
}
