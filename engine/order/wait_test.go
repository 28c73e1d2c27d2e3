package order_test

import (
	"slices"
	"testing"
	"time"

	"anxin/engine/order"
)

func TestClaimStartsTheClockOnce(t *testing.T) {
	t.Parallel()
	o := claimed(t)
	want := order.Expected{TypicalBy: after(61 * time.Second), LateBy: after(301 * time.Second), Basis: order.BasisDefault}
	if o.ClaimedAt != after(time.Second) || o.Expected != want || o.Status() != order.StatusConfirming {
		t.Errorf("claimed at %v, expected %+v, %s", o.ClaimedAt, o.Expected, o.Status())
	}
	do(t, o, func(o order.Order) order.Change { return o.Claim(after(time.Hour), wait) })
}

func TestClaimAfterTheResultChangesNothing(t *testing.T) {
	t.Parallel()
	for _, p := range constants[order.Payment](t, "Payment") {
		if p == order.Pending {
			continue
		}
		do(t, inState(t, register(t, noDeliver), order.FromQuery, p), func(o order.Order) order.Change { return o.Claim(after(time.Hour), wait) })
	}
}

func TestClaimOfAPaymentThatTheBackendHasNotTakenInIsKept(t *testing.T) {
	t.Parallel()
	o := inState(t, register(t), order.FromQuery, order.Succeeded)
	o = do(t, o, func(o order.Order) order.Change { return o.Claim(after(time.Hour), wait) }, order.EventClaimed)
	if o.Progress().Step != order.StepReceived || o.ClaimedAt != after(time.Hour) {
		t.Errorf("%+v", o)
	}
}

func TestStagesChangeExactlyAtTheirLimits(t *testing.T) {
	t.Parallel()
	custom := order.StageLimits{Delayed: 10 * time.Second, Prolonged: 20 * time.Second}
	for name, tc := range map[string]struct {
		limits order.StageLimits
		age    time.Duration
		want   order.Stage
	}{
		"at once":             {order.DefaultStageLimits, 0, order.Fresh},
		"before a minute":     {order.DefaultStageLimits, time.Minute - time.Millisecond, order.Fresh},
		"a minute":            {order.DefaultStageLimits, time.Minute, order.Delayed},
		"before five minutes": {order.DefaultStageLimits, 5*time.Minute - time.Millisecond, order.Delayed},
		"five minutes":        {order.DefaultStageLimits, 5 * time.Minute, order.Prolonged},
		"a day":               {order.DefaultStageLimits, 24 * time.Hour, order.Prolonged},
		"before the claim":    {order.DefaultStageLimits, -time.Hour, order.Fresh},
		"configured, delayed": {custom, 10 * time.Second, order.Delayed},
		"configured, long":    {custom, 20 * time.Second, order.Prolonged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := claimed(t)
			at := o.ClaimedAt.Add(tc.age)
			if got := o.StageAt(at, tc.limits); got != tc.want {
				t.Fatalf("stage %s, want %s", got, tc.want)
			}
			var events []order.EventType
			if tc.want != order.Fresh {
				events = []order.EventType{order.EventStage}
			}
			o = do(t, o, func(o order.Order) order.Change { return o.EnterStage(at, tc.limits) }, events...)
			if o.Stage != tc.want {
				t.Errorf("entered %s, want %s", o.Stage, tc.want)
			}
			do(t, o, func(o order.Order) order.Change { return o.EnterStage(at, tc.limits) })
		})
	}
}

func TestStagesNeverGoBack(t *testing.T) {
	t.Parallel()
	enter := func(age time.Duration) func(order.Order) order.Change {
		return func(o order.Order) order.Change {
			return o.EnterStage(o.ClaimedAt.Add(age), order.DefaultStageLimits)
		}
	}
	o := do(t, claimed(t), enter(6*time.Minute), order.EventStage)
	o = do(t, o, enter(2*time.Minute))
	do(t, o, enter(0))
}

func TestThereIsNoStageWithoutAClaimOrAfterTheResult(t *testing.T) {
	t.Parallel()
	if got := register(t).StageAt(after(time.Hour), order.DefaultStageLimits); got != order.Fresh {
		t.Errorf("unclaimed: %s", got)
	}
	o := inState(t, claimed(t, noDeliver), order.FromQuery, order.Succeeded)
	if o.Stage != order.Resolved || o.StageAt(after(time.Hour), order.DefaultStageLimits) != order.Resolved {
		t.Errorf("settled: %s", o.Stage)
	}
	do(t, o, func(o order.Order) order.Change { return o.EnterStage(after(time.Hour), order.DefaultStageLimits) })
}

func TestOneCaseOfAKindIsOpenAtATime(t *testing.T) {
	t.Parallel()
	open := func(kind order.CaseKind, at time.Duration) func(order.Order) order.Change {
		return func(o order.Order) order.Change {
			return o.OpenCase(kind, after(at), order.Detail{Code: "why"})
		}
	}
	shut := func(kind order.CaseKind) func(order.Order) order.Change {
		return func(o order.Order) order.Change {
			return o.CloseCase(kind, after(time.Hour), order.Detail{Actor: "agent"})
		}
	}
	for _, kind := range constants[order.CaseKind](t, "CaseKind") {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			o := do(t, claimed(t), shut(kind))
			o = do(t, o, open(kind, time.Minute), order.EventCaseOpened)
			if k := o.OpenCases()[0]; k.Kind != kind || k.OpenedAt != after(time.Minute) || k.AnswerBy != after(time.Minute+order.AnswerWithin) {
				t.Errorf("case %+v", k)
			}
			o = do(t, o, open(kind, time.Hour))
			o = do(t, o, shut(kind), order.EventCaseClosed)
			if len(o.OpenCases()) != 0 || o.Cases[0].ClosedAt != after(time.Hour) {
				t.Errorf("cases %+v", o.Cases)
			}
			o = do(t, o, shut(kind))
			o = do(t, o, open(kind, 2*time.Hour), order.EventCaseOpened)
			if len(o.Cases) != 2 || o.Payment != order.Pending {
				t.Errorf("%s with cases %+v", o.Payment, o.Cases)
			}
		})
	}
}

func TestTheResultEndsOnlyTheCasesThatAskedForIt(t *testing.T) {
	t.Parallel()
	o := claimed(t)
	for _, kind := range constants[order.CaseKind](t, "CaseKind") {
		o = o.OpenCase(kind, after(time.Minute), order.Detail{}).Order
	}
	o = apply(t, o, evidence(order.FromQuery, order.ClaimsSucceeded), order.EventStatus)
	open := openKinds(o)
	for _, kind := range constants[order.CaseKind](t, "CaseKind") {
		answered := kind == order.CaseQueryExhausted || kind == order.CaseQueryRefused
		if slices.Contains(open, kind) == answered {
			t.Errorf("%s open: %v", kind, slices.Contains(open, kind))
		}
	}
}

func TestEveryEventTypeIsPublicOrInternalOnPurpose(t *testing.T) {
	t.Parallel()
	internal := []order.EventType{order.EventCallbackBad, order.EventDelivered, order.EventUndelivered, order.EventMessage, order.EventConsent}
	public := []order.EventType{
		order.EventRegistered, order.EventClaimed, order.EventCallback, order.EventScheduled, order.EventStarted,
		order.EventStatus, order.EventStage, order.EventCaseOpened, order.EventCaseClosed, order.EventQueryAnswered,
	}
	for _, typ := range constants[order.EventType](t, "EventType") {
		if slices.Contains(internal, typ) == slices.Contains(public, typ) {
			t.Errorf("%s: no expectation", typ)
		}
		if typ.Public() != slices.Contains(public, typ) {
			t.Errorf("%s public: %v", typ, typ.Public())
		}
	}
	if order.EventType("new").Public() {
		t.Error("an unknown event is public")
	}
}
