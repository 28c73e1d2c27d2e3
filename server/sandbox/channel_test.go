package sandbox

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	wire "anxin/engine/channel/sandbox"
	"anxin/engine/order"
)

func TestResultIsToldByCallbackAndQuery(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.run()
	for no, test := range map[string]struct {
		outcome string
		claims  order.Claimed
		reason  string
	}{
		"A1": {"succeeded", order.ClaimsSucceeded, ""},
		"A2": {"declined", order.ClaimsFailed, "declined"},
	} {
		w.pay(no, `"outcome":"`+test.outcome+`"`)
		got := w.callback()
		asked, err := w.query(no)
		if got.err != nil || err != nil || got.note.OrderNo != no {
			t.Fatalf("%s: callback for %s: %v, query: %v", no, got.note.OrderNo, got.err, err)
		}
		for _, ev := range []order.Evidence{got.note.Evidence, asked} {
			if ev.Claims != test.claims || ev.Reason != test.reason || ev.Merchant != "shop-1" || *ev.Amount != (order.Money{Minor: 8800, Currency: "CNY"}) {
				t.Errorf("%s: evidence %+v", no, ev)
			}
		}
		if p := w.settled(no, 1); !p.Callbacks[0].Accepted || p.Callbacks[0].Status != 200 || p.Used.Queries != 1 {
			t.Errorf("%s: kept %+v", no, p.Callbacks)
		}
	}
	if owed := w.owed(); len(owed) != 0 {
		t.Errorf("accepted callbacks are still owed: %v", owed)
	}
}

func TestUnpaidPaymentIsPendingAndSilent(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.pay("A1", `"outcome":"unpaid"`)
	if ev, err := w.query("A1"); err != nil || ev.Claims != order.ClaimsPending {
		t.Errorf("evidence %+v, error %v", ev, err)
	}
	if owed := w.owed(); len(owed) != 0 {
		t.Errorf("owes %v", owed)
	}
}

func TestQueryOfUnknownOrder(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, err := w.query("A1")
	if failed, ok := errors.AsType[*channel.QueryError](err); !ok || failed.Outcome != order.QueryUnknown || failed.Permanent {
		t.Errorf("error %v", err)
	}
}

func TestCallbackDelayIsKept(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.pay("A1", `"outcome":"succeeded","callback":{"delay":"12s"}`)
	if owed := w.owed(); len(owed) != 1 || owed[0] < 10*time.Second || owed[0] > 12*time.Second {
		t.Fatalf("owes %v", owed)
	}
	w.run()
	w.advance(12 * time.Second)
	if got := w.callback(); got.note.OrderNo != "A1" {
		t.Errorf("callback %+v", got)
	}
}

func TestCallbackFaults(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.pay("LOST", `"outcome":"succeeded","callback":{"lost":true}`)
	if owed := w.owed(); len(owed) != 0 {
		t.Errorf("lost callback is owed: %v", owed)
	}
	w.run()

	w.pay("TWICE", `"outcome":"succeeded","callback":{"times":2}`)
	first, second := w.callback(), w.callback()
	if first.note.DedupeKey != second.note.DedupeKey || first.err != nil || second.err != nil {
		t.Errorf("copies are %+v and %+v", first.note, second.note)
	}
	if first.raw.Header.Get(wire.HeaderNonce) == second.raw.Header.Get(wire.HeaderNonce) {
		t.Error("copies share a nonce")
	}

	w.pay("WRONG", `"outcome":"succeeded","callback":{"wrong_amount":true}`)
	if got := w.callback(); got.err != nil || got.note.Evidence.Amount.Minor == 8800 {
		t.Errorf("wrong amount: %+v", got)
	}
	if ev, err := w.query("WRONG"); err != nil || ev.Amount.Minor != 8800 {
		t.Errorf("query after a wrong amount: %+v, %v", ev, err)
	}

	w.pay("FORGED", `"outcome":"succeeded","callback":{"bad_signature":true}`)
	for try := 1; try <= 3; try++ {
		if got := w.callback(); !errors.Is(got.err, channel.ErrSignature) {
			t.Errorf("forged, try %d: error %v", try, got.err)
		}
		if p := w.settled("FORGED", try); p.Callbacks[try-1].Status != 401 || p.Callbacks[try-1].Accepted {
			t.Errorf("forged, try %d: kept %+v", try, p.Callbacks)
		}
		w.advance(redeliveries[try-1])
	}
}

func TestRefusedCallbackComesAgainUntilItIsAccepted(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.refuse.Store(2)
	w.run()
	w.pay("A1", `"outcome":"succeeded"`)
	keys := []string{w.callback().note.DedupeKey}
	for try, gap := range redeliveries[:2] {
		w.settled("A1", try+1)
		if owed := w.owed(); len(owed) != 1 || owed[0] > gap || owed[0] < gap-5*time.Second {
			t.Errorf("after try %d it owes %v, want %s", try+1, owed, gap)
		}
		w.advance(gap)
		keys = append(keys, w.callback().note.DedupeKey)
	}
	p := w.settled("A1", 3)
	if len(slices.Compact(keys)) != 1 || !p.Callbacks[2].Accepted || p.Callbacks[2].Try != 3 || p.Callbacks[0].Status != 500 {
		t.Errorf("keys %v, kept %+v", keys, p.Callbacks)
	}
	if owed := w.owed(); len(owed) != 0 {
		t.Errorf("still owes %v", owed)
	}
}

func TestCallbackIsGivenUpAfterFifteenDeliveries(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.refuse.Store(1000)
	w.run()
	w.pay("A1", `"outcome":"succeeded"`)
	for try := 1; ; try++ {
		w.callback()
		w.settled("A1", try)
		if try == 15 {
			break
		}
		w.advance(redeliveries[try-1])
	}
	if owed := w.owed(); len(owed) != 0 {
		t.Errorf("still owes %v", owed)
	}
}

func TestQueryFaultsAreUsedUpInOrder(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.pay("A1", `"outcome":"succeeded","query":{"processing":2,"not_found":2,"timeout":1},"callback":{"lost":true}`)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := w.adapter.Query(ctx, channel.Query{OrderNo: "A1"})
	if failed, ok := errors.AsType[*channel.QueryError](err); !ok || failed.Code != "timeout" {
		t.Errorf("first: %v", err)
	}
	for i := range 2 {
		_, err := w.query("A1")
		if failed, ok := errors.AsType[*channel.QueryError](err); !ok || failed.Code != "not_found" {
			t.Errorf("not found %d: %v", i, err)
		}
	}
	for i := range 2 {
		if ev, err := w.query("A1"); err != nil || ev.Claims != order.ClaimsProcessing {
			t.Errorf("processing %d: %+v, %v", i, ev, err)
		}
	}
	if ev, err := w.query("A1"); err != nil || ev.Claims != order.ClaimsSucceeded {
		t.Errorf("truth: %+v, %v", ev, err)
	}
}

func TestStopEndsAnswersThatHang(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.run()
	w.pay("A1", `"outcome":"succeeded","query":{"timeout":1},"callback":{"lost":true}`)
	ended := make(chan error, 1)
	go func() {
		_, err := w.query("A1")
		ended <- err
	}()
	w.until("the question", func() bool { return w.mustLoad("A1").Used.Timeout > 0 })
	w.stopRun()
	w.stopRun = nil
	if err := receive(t, ended, "the answer"); err != nil {
		t.Errorf("query was answered %v", err)
	}
}

func TestRunOutlastsAFailingStore(t *testing.T) {
	t.Parallel()
	for table, complaint := range map[string]string{
		"jobs":     "cannot read what it owes",
		"payments": "could not do what it owes",
	} {
		w := setup(t)
		rename := func(from, to string) {
			if _, err := w.sandbox.store.db.ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to); err != nil {
				t.Fatal(err)
			}
		}
		w.pay("A1", `"outcome":"succeeded"`)
		rename(table, "gone")
		w.run()
		w.until("the complaint", func() bool { return strings.Contains(w.logged.String(), complaint) })
		rename("gone", table)
		if p := w.settled("A1", 1); !p.Callbacks[0].Accepted {
			t.Errorf("without %s: kept %+v", table, p.Callbacks)
		}
	}
}

func TestRunEndsWhileAnIntakeHangs(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	w := setupIn(t, t.TempDir(), hold)
	t.Cleanup(func() { close(hold) })
	w.run()
	w.pay("A1", `"outcome":"succeeded"`)
	receive(t, w.held, "a callback to hold")
	w.stopRun()
	w.stopRun = nil
	if owed := w.owed(); len(owed) != 1 {
		t.Errorf("owes %v: a callback that was cut off must be sent again", owed)
	}
}

func TestRefundIsAcceptedThenCredited(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.run()
	w.pay("A1", `"outcome":"succeeded","refund":{"after":"10s","credited_after":"20s","minor":3000}`)
	if got := w.callback(); got.note.Evidence.Claims != order.ClaimsSucceeded {
		t.Fatalf("first callback %+v", got)
	}
	ids := map[string]bool{}
	for _, step := range []struct {
		after  time.Duration
		claims order.Claimed
	}{{10 * time.Second, order.ClaimsRefunding}, {20 * time.Second, order.ClaimsRefunded}} {
		w.advance(step.after)
		told := w.callback().note.Evidence
		asked, err := w.query("A1")
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range []order.Evidence{told, asked} {
			if ev.Claims != step.claims || ev.Refund == nil || ev.Refund.Amount.Minor != 3000 || ev.Amount.Minor != 8800 ||
				(ev.Refund.CreditedAt != 0) != (step.claims == order.ClaimsRefunded) {
				t.Fatalf("%s: evidence %+v", step.claims, ev)
			}
			ids[ev.Refund.ID] = true
		}
	}
	if len(ids) != 1 {
		t.Errorf("one refund has the ids %v", ids)
	}
}

func TestRefundMayOvertakeDelayedResult(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.run()
	w.pay("A1", `"outcome":"succeeded","callback":{"delay":"1h"},"refund":{"after":"0s","credited_after":"2h"}`)
	if first := w.callback(); first.note.Evidence.Claims != order.ClaimsRefunding {
		t.Errorf("first callback %+v", first.note)
	}
	w.advance(time.Hour)
	if second := w.callback(); second.note.Evidence.Claims != order.ClaimsSucceeded {
		t.Errorf("second callback %+v", second.note)
	}
}

func TestCloseAtTheChannel(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.run()
	w.pay("OPEN", `"outcome":"unpaid"`)
	w.pay("PAID", `"outcome":"succeeded","callback":{"lost":true}`)
	w.pay("RACE", `"outcome":"unpaid","close":{"paid_after":"5s"}`)
	for no, want := range map[string]error{"OPEN": nil, "UNHEARD": nil, "RACE": nil, "PAID": channel.ErrAlreadyPaid} {
		for range 2 {
			if err := w.adapter.Close(t.Context(), channel.Query{OrderNo: no}); !errors.Is(err, want) {
				t.Errorf("%s: error %v", no, err)
			}
		}
	}
	for _, no := range []string{"OPEN", "UNHEARD", "RACE"} {
		if ev, err := w.query(no); err != nil || ev.Claims != order.ClaimsClosed {
			t.Errorf("%s: evidence %+v, error %v", no, ev, err)
		}
	}
	if response, raw := w.do("POST", "/sandbox/v1/payments", "", `{"order_no":"UNHEARD","amount":{"minor":1,"currency":"CNY"},"outcome":"succeeded"}`); response.StatusCode != http.StatusConflict {
		t.Errorf("a closed order was paid: %d %s", response.StatusCode, raw)
	}
	w.advance(5 * time.Second)
	if got := w.callback(); got.note.OrderNo != "RACE" || got.note.Evidence.Claims != order.ClaimsSucceeded {
		t.Errorf("late success: %+v", got.note)
	}
}

func TestChannelSurvivesItsProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := setupIn(t, dir, nil)
	first.pay("A1", `"outcome":"succeeded","callback":{"delay":"1h"},"query":{"processing":1}`)
	if ev, err := first.query("A1"); err != nil || ev.Claims != order.ClaimsProcessing {
		t.Fatalf("evidence %+v, error %v", ev, err)
	}
	// Nothing is closed: the second one finds the file as a killed process leaves it.
	second := setupIn(t, dir, nil)
	second.run()
	if ev, err := second.query("A1"); err != nil || ev.Claims != order.ClaimsSucceeded {
		t.Errorf("after the restart: evidence %+v, error %v", ev, err)
	}
	second.advance(time.Hour)
	if got := second.callback(); got.note.OrderNo != "A1" || got.err != nil {
		t.Errorf("after the restart: callback %+v", got)
	}
}

func TestGatewayAnswersSignedQuestionsOnly(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.pay("A1", `"outcome":"succeeded","callback":{"lost":true}`)
	w.pay("A2", `"outcome":"unpaid"`)
	signed := func(method, path string, at time.Time) []string {
		h := http.Header{}
		wire.Seal(h, testSecret, at, "nonce", wire.RequestMessage(method, path, nil))
		return []string{wire.HeaderTimestamp, h.Get(wire.HeaderTimestamp), wire.HeaderNonce, "nonce", wire.HeaderSignature, h.Get(wire.HeaderSignature)}
	}
	now := time.Now()
	for name, test := range map[string]struct {
		method, path string
		header       []string
		status       int
	}{
		"signed":          {"GET", "/v1/payments/A1", signed("GET", "/v1/payments/A1", now), 200},
		"unsigned":        {"GET", "/v1/payments/A1", nil, 401},
		"for other order": {"GET", "/v1/payments/A2", signed("GET", "/v1/payments/A1", now), 401},
		"query as close":  {"POST", "/v1/payments/A2/close", signed("GET", "/v1/payments/A2", now), 401},
		"stale":           {"GET", "/v1/payments/A1", signed("GET", "/v1/payments/A1", now.Add(-time.Hour)), 401},
		"bad number":      {"GET", "/v1/payments/A%201", signed("GET", "/v1/payments/A%201", now), 401},
	} {
		if response, raw := w.do(test.method, "/sandbox/gateway"+test.path, "", "", test.header...); response.StatusCode != test.status {
			t.Errorf("%s: %d %s", name, response.StatusCode, raw)
		}
	}
	if p := w.mustLoad("A1"); p.Used.Queries != 1 {
		t.Errorf("%d queries were counted", p.Used.Queries)
	}
	if p := w.mustLoad("A2"); p.State != wire.StatePending {
		t.Errorf("A2 is %s", p.State)
	}
}
