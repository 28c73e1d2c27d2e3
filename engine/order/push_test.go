package order_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"anxin/engine/order"
)

func push(u order.Update, at time.Duration) func(order.Order) order.Change {
	return func(o order.Order) order.Change { return o.Push(u, wait, after(at)) }
}

func TestPushedResultsMoveTheOrderLikeEvidence(t *testing.T) {
	t.Parallel()
	for _, typ := range constants[order.UpdateType](t, "UpdateType") {
		if typ == order.PushConfirming || typ == order.PushRetrying {
			continue
		}
		for p, row := range table {
			t.Run(string(p)+" pushed "+string(typ), func(t *testing.T) {
				t.Parallel()
				want := row[order.Claimed(typ)]
				o := inState(t, register(t, pushed), order.FromBackend, p)
				u := order.Update{Type: typ, Reason: "declined", Refund: &order.RefundEvidence{ID: "R1", Amount: &order.Money{Minor: 8800, Currency: "CNY"}}}
				o = do(t, o, push(u, time.Minute), want.events...)
				if o.Payment != want.payment {
					t.Errorf("%s, want %s", o.Payment, want.payment)
				}
			})
		}
	}
}

func TestPushConfirmingIsAClaim(t *testing.T) {
	t.Parallel()
	o := do(t, register(t, pushed), push(order.Update{Type: order.PushConfirming}, time.Minute), order.EventClaimed)
	if o.Status() != order.StatusConfirming || o.ClaimedAt != after(time.Minute) {
		t.Errorf("%+v", o)
	}
	do(t, o, push(order.Update{Type: order.PushConfirming}, 2*time.Minute))
}

func TestPushRetryingShowsTheBackendsAttempts(t *testing.T) {
	t.Parallel()
	o := do(t, register(t, pushed), push(order.Update{Type: order.PushRetrying}, time.Minute), order.EventClaimed, order.EventStarted)
	if o.Attempt != 1 || !o.Attempting || o.NextAttemptAt != 0 {
		t.Errorf("first: %+v", o)
	}
	o = do(t, o, push(order.Update{Type: order.PushRetrying, Attempt: 4, NextAttemptAt: after(5 * time.Minute)}, 2*time.Minute), order.EventScheduled)
	if o.Attempt != 4 || o.Attempting || o.NextAttemptAt != after(5*time.Minute) {
		t.Errorf("fourth: %+v", o)
	}
	o = do(t, o, push(order.Update{Type: order.PushRetrying, Attempt: 4}, 3*time.Minute), order.EventStarted)
	if o.Attempt != 4 || !o.Attempting {
		t.Errorf("the same number once more: %+v", o)
	}
}

func TestPushedAttemptsThatWereOvertakenChangeNothing(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		late order.Update
		old  bool
	}{
		"older":              {order.Update{OccurredAt: after(30 * time.Second)}, true},
		"older, no number":   {order.Update{OccurredAt: after(time.Minute - time.Millisecond)}, true},
		"a lower number":     {order.Update{Attempt: 2}, true},
		"lower, but newer":   {order.Update{Attempt: 2, OccurredAt: after(2 * time.Minute)}, true},
		"the same moment":    {order.Update{Attempt: 3, OccurredAt: after(time.Minute)}, false},
		"newer":              {order.Update{Attempt: 4, OccurredAt: after(2 * time.Minute)}, false},
		"of an unknown time": {order.Update{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := order.Update{Type: order.PushRetrying, Attempt: 3, OccurredAt: after(time.Minute)}
			o := do(t, register(t, pushed), push(first, time.Minute), order.EventClaimed, order.EventStarted)
			tc.late.Type = order.PushRetrying
			var events []order.EventType
			if !tc.old {
				events = []order.EventType{order.EventStarted}
			}
			do(t, o, push(tc.late, 3*time.Minute), events...)
		})
	}
}

func TestABackendWhoseClockIsAheadDoesNotShutItselfOut(t *testing.T) {
	t.Parallel()
	ahead := order.Update{Type: order.PushRetrying, OccurredAt: after(time.Hour)}
	o := do(t, register(t, pushed), push(ahead, time.Minute), order.EventClaimed, order.EventStarted)
	o = do(t, o, push(order.Update{Type: order.PushRetrying}, 2*time.Minute), order.EventStarted)
	if o.Attempt != 2 {
		t.Errorf("attempt %d", o.Attempt)
	}
}

func TestRetryingAfterTheResultChangesNothing(t *testing.T) {
	t.Parallel()
	for p := range table {
		if p == order.Pending {
			continue
		}
		o := inState(t, register(t, pushed), order.FromBackend, p)
		do(t, o, push(order.Update{Type: order.PushRetrying, NextAttemptAt: after(time.Hour)}, time.Minute))
	}
}

func TestAPushedOrderOfAnotherCurrencyIsNotRefunded(t *testing.T) {
	t.Parallel()
	o := inState(t, register(t, pushed), order.FromBackend, order.Succeeded)
	u := order.Update{Type: order.PushRefunded, Refund: &order.RefundEvidence{Amount: &order.Money{Minor: 8800, Currency: "USD"}}}
	if o = do(t, o, push(u, time.Minute), order.EventCaseOpened); o.Payment != order.Succeeded {
		t.Errorf("%s", o.Payment)
	}
}

func TestUpdatesAreCheckedFieldByField(t *testing.T) {
	t.Parallel()
	amount := func(m order.Money) *order.RefundEvidence { return &order.RefundEvidence{Amount: &m} }
	for name, tc := range map[string]struct {
		update order.Update
		field  string
	}{
		"each type is known":     {order.Update{Type: order.PushClosed}, ""},
		"all fields":             {order.Update{Type: order.PushRefunded, Attempt: order.MaxAttempt, Reason: "insufficient_funds_2", Refund: amount(price)}, ""},
		"refund without amount":  {order.Update{Type: order.PushRefunded, Refund: &order.RefundEvidence{}}, ""},
		"longest reason":         {order.Update{Type: order.PushFailed, Reason: strings.Repeat("a", 64)}, ""},
		"no type":                {order.Update{}, "type"},
		"unknown type":           {order.Update{Type: "refund_failed"}, "type"},
		"negative attempt":       {order.Update{Type: order.PushRetrying, Attempt: -1}, "attempt"},
		"huge attempt":           {order.Update{Type: order.PushRetrying, Attempt: order.MaxAttempt + 1}, "attempt"},
		"reason of words":        {order.Update{Type: order.PushFailed, Reason: "Card declined"}, "reason"},
		"reason with a line end": {order.Update{Type: order.PushFailed, Reason: "declined\n"}, "reason"},
		"long reason":            {order.Update{Type: order.PushFailed, Reason: strings.Repeat("a", 65)}, "reason"},
		"refund of nothing":      {order.Update{Type: order.PushRefunded, Refund: amount(order.Money{Currency: "CNY"})}, "refund.amount"},
		"refund in no currency":  {order.Update{Type: order.PushRefunded, Refund: amount(order.Money{Minor: 1, Currency: "XXX"})}, "refund.amount"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkField(t, tc.update.Validate(), tc.field)
		})
	}
	for _, typ := range constants[order.UpdateType](t, "UpdateType") {
		checkField(t, order.Update{Type: typ}.Validate(), "")
	}
}

// checkField holds that an error names the field, or that there is none.
func checkField(t *testing.T, err error, field string) {
	t.Helper()
	if field == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	var wrong *order.FieldError
	if !errors.As(err, &wrong) || wrong.Field != field || wrong.Reason == "" || !strings.HasPrefix(wrong.Error(), field+": ") {
		t.Errorf("error %v, want one of field %s", err, field)
	}
}

func TestAFailureThatTheSuccessOvertookChangesNothing(t *testing.T) {
	t.Parallel()
	succeeded := order.Update{Type: order.PushSucceeded, OccurredAt: after(time.Minute)}
	for _, typ := range []order.UpdateType{order.PushFailed, order.PushClosed} {
		o := do(t, register(t, pushed), push(succeeded, 2*time.Minute), order.EventStatus)
		do(t, o, push(order.Update{Type: typ, OccurredAt: after(time.Minute - 1)}, 3*time.Minute))
		do(t, o, push(order.Update{Type: typ, OccurredAt: after(time.Minute + 1)}, 3*time.Minute), order.EventCaseOpened)
		do(t, o, push(order.Update{Type: typ}, 3*time.Minute), order.EventCaseOpened)
	}
}

func TestASuccessIsNeverTooOld(t *testing.T) {
	t.Parallel()
	failed := order.Update{Type: order.PushFailed, OccurredAt: after(2 * time.Minute)}
	o := do(t, register(t, pushed), push(failed, 2*time.Minute), order.EventStatus)
	o = do(t, o, push(order.Update{Type: order.PushSucceeded, OccurredAt: after(time.Minute)}, 3*time.Minute), order.EventStatus, order.EventCaseOpened)
	if o.Payment != order.Succeeded || openKinds(o)[0] != order.CaseLateSuccess {
		t.Errorf("%s, cases %v", o.Payment, openKinds(o))
	}
}

func TestAPlannedAttemptWithoutANumberIsNotCountedYet(t *testing.T) {
	t.Parallel()
	o := do(t, register(t, pushed), push(order.Update{Type: order.PushRetrying}, time.Minute), order.EventClaimed, order.EventStarted)
	o = do(t, o, push(order.Update{Type: order.PushRetrying, NextAttemptAt: after(time.Hour)}, 2*time.Minute), order.EventScheduled)
	if o.Attempt != 1 || o.NextAttemptAt != after(time.Hour) {
		t.Errorf("attempt %d, next %v", o.Attempt, o.NextAttemptAt)
	}
}
