package order_test

import (
	"testing"
	"time"

	"anxin/engine/order"
)

func received(tb testing.TB) order.Order {
	tb.Helper()
	return inState(tb, claimed(tb), order.FromQuery, order.Succeeded)
}

func TestAttemptsAreNumberedOnlyWhileTheResultHangsOnThem(t *testing.T) {
	t.Parallel()
	const query, process, deliver = order.WorkQuery, order.WorkProcess, order.WorkDeliver
	works := constants[order.Work](t, "Work")
	for name, tc := range map[string]struct {
		o    order.Order
		want map[order.Work]bool
	}{
		"unclaimed":                 {register(t), nil},
		"claimed":                   {claimed(t), map[order.Work]bool{query: true, process: true}},
		"received, not taken in":    {received(t), map[order.Work]bool{deliver: true}},
		"unclaimed, not taken in":   {inState(t, register(t), order.FromQuery, order.Succeeded), map[order.Work]bool{deliver: true}},
		"succeeded":                 {inState(t, claimed(t, noDeliver), order.FromQuery, order.Succeeded), nil},
		"failed, not taken in":      {inState(t, claimed(t), order.FromQuery, order.Failed), nil},
		"closed, not taken in":      {inState(t, claimed(t), order.FromQuery, order.Closed), nil},
		"refunding, not taken in":   {inState(t, claimed(t), order.FromQuery, order.Refunding), nil},
		"refunded, not taken in":    {inState(t, claimed(t), order.FromQuery, order.Refunded), nil},
		"partial refund, delivered": {apply(t, inState(t, claimed(t, noDeliver), order.FromQuery, order.Succeeded), refundEvidence(accepted, "R1", 1), order.EventStatus), nil},
	} {
		for _, work := range works {
			t.Run(name+" "+string(work), func(t *testing.T) {
				t.Parallel()
				var started, scheduled []order.EventType
				if tc.want[work] {
					started, scheduled = []order.EventType{order.EventStarted}, []order.EventType{order.EventScheduled}
				}
				o := do(t, tc.o, func(o order.Order) order.Change {
					return o.ScheduleAttempt(work, after(2*time.Minute), after(time.Minute))
				}, scheduled...)
				if tc.want[work] && (o.NextAttemptAt != after(2*time.Minute) || o.Attempting || o.Attempt != 0) {
					t.Errorf("scheduled: %+v", o)
				}
				o = do(t, o, func(o order.Order) order.Change { return o.StartAttempt(work, after(2*time.Minute)) }, started...)
				if tc.want[work] && (o.NextAttemptAt != 0 || !o.Attempting || o.Attempt != 1) {
					t.Errorf("started: %+v", o)
				}
			})
		}
	}
}

func TestAnAnswerPromisesTheNextQueryUnlessItSettles(t *testing.T) {
	t.Parallel()
	ev := func(c order.Claimed) *order.Evidence { e := evidence(order.FromQuery, c); return &e }
	next := after(3 * time.Minute)
	for name, tc := range map[string]struct {
		answer   order.Answer
		next     order.Time
		events   []order.EventType
		failures int
	}{
		"processing":               {order.Answer{Outcome: order.QueryProcessing, Evidence: ev(order.ClaimsProcessing)}, next, []order.EventType{order.EventScheduled}, 0},
		"unpaid":                   {order.Answer{Outcome: order.QueryUnpaid, Evidence: ev(order.ClaimsPending)}, next, []order.EventType{order.EventScheduled}, 0},
		"unknown":                  {order.Answer{Outcome: order.QueryUnknown, Code: "not_found"}, next, []order.EventType{order.EventScheduled}, 0},
		"unreachable":              {order.Answer{Outcome: order.QueryUnreachable, Code: "timeout"}, next, []order.EventType{order.EventScheduled}, 3},
		"refused":                  {order.Answer{Outcome: order.QueryRefused, Code: "http_401"}, 0, []order.EventType{order.EventQueryAnswered}, 3},
		"unknown, nothing planned": {order.Answer{Outcome: order.QueryUnknown}, 0, []order.EventType{order.EventQueryAnswered}, 0},
		"paid":                     {order.Answer{Outcome: order.QueryPaid, Evidence: ev(order.ClaimsSucceeded)}, next, []order.EventType{order.EventStatus}, 0},
		"declined":                 {order.Answer{Outcome: order.QueryEnded, Evidence: ev(order.ClaimsFailed)}, next, []order.EventType{order.EventStatus}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := claimed(t)
			for range 2 { // failures in a row are counted, and an answer ends the row
				o = o.Answered(order.Answer{Outcome: order.QueryUnreachable, Code: "timeout"}, after(30*time.Second), after(20*time.Second)).Order
			}
			o = o.StartAttempt(order.WorkQuery, after(time.Minute)).Order
			o = do(t, o, func(o order.Order) order.Change { return o.Answered(tc.answer, tc.next, after(time.Minute)) }, tc.events...)
			promised := order.Time(0)
			if o.Status() == order.StatusConfirming && o.Payment == order.Pending {
				promised = tc.next
			}
			if o.NextAttemptAt != promised || o.Attempting {
				t.Errorf("next %v, attempting %v", o.NextAttemptAt, o.Attempting)
			}
			if o.Facts.Query != tc.answer.Outcome || o.Facts.QueryAt != after(time.Minute) || o.Facts.QueryFailures != tc.failures {
				t.Errorf("facts %+v", o.Facts)
			}
		})
	}
}

func TestNoQueryOutcomeAloneMovesAnOrder(t *testing.T) {
	t.Parallel()
	for _, outcome := range constants[order.QueryOutcome](t, "QueryOutcome") {
		c := claimed(t).Answered(order.Answer{Outcome: outcome}, 0, after(72*time.Hour))
		if c.Order.Payment != order.Pending || c.Order.Status() != order.StatusConfirming {
			t.Errorf("%s moved the order to %s", outcome, c.Order.Payment)
		}
	}
}

func TestEveryClaimMapsToAQueryOutcome(t *testing.T) {
	t.Parallel()
	want := map[order.Claimed]order.QueryOutcome{
		order.ClaimsPending: order.QueryUnpaid, order.ClaimsProcessing: order.QueryProcessing, order.ClaimsSucceeded: order.QueryPaid,
		order.ClaimsFailed: order.QueryEnded, order.ClaimsClosed: order.QueryEnded, order.ClaimsRefunding: order.QueryEnded,
		order.ClaimsRefunded: order.QueryEnded, order.ClaimsRefundFailed: order.QueryEnded,
	}
	for _, c := range constants[order.Claimed](t, "Claimed") {
		if got := c.Outcome(); got != want[c] {
			t.Errorf("%s: %q, want %q", c, got, want[c])
		}
	}
	if got := order.Claimed("else").Outcome(); got != order.QueryUnknown {
		t.Errorf("unknown claim: %q", got)
	}
}

func TestAQueryAboutARefundLeavesThePromiseOfTheDeliveryAlone(t *testing.T) {
	t.Parallel()
	o := apply(t, received(t), refundEvidence(accepted, "R1", 100), order.EventStatus)
	o = do(t, o, func(o order.Order) order.Change {
		return o.DeliveryFailed("http_503", after(5*time.Minute), after(2*time.Minute))
	}, order.EventScheduled)
	o = do(t, o, func(o order.Order) order.Change {
		return o.Answered(order.Answer{Outcome: order.QueryPaid}, after(9*time.Minute), after(3*time.Minute))
	}, order.EventQueryAnswered)
	if o.NextAttemptAt != after(5*time.Minute) {
		t.Errorf("next attempt %v, want the promised delivery", o.NextAttemptAt)
	}
	o = o.StartAttempt(order.WorkDeliver, after(5*time.Minute)).Order
	if o = o.Answered(order.Answer{Outcome: order.QueryPaid}, 0, after(5*time.Minute)).Order; !o.Attempting {
		t.Error("the answer ended the delivery's attempt")
	}
}

func TestTheWebhookOfACaseNeitherFulfilsNorPromises(t *testing.T) {
	t.Parallel()
	o := do(t, claimed(t), func(o order.Order) order.Change {
		return o.ScheduleAttempt(order.WorkQuery, after(2*time.Minute), after(time.Minute))
	}, order.EventScheduled)
	o = do(t, o, func(o order.Order) order.Change {
		return o.OpenCase(order.CaseAmountMismatch, after(time.Minute), order.Detail{})
	}, order.EventCaseOpened)
	for _, next := range []order.Time{after(9 * time.Minute), 0} {
		o = do(t, o, func(o order.Order) order.Change { return o.DeliveryFailed("timeout", next, after(time.Minute)) }, order.EventUndelivered)
		if o.NextAttemptAt != after(2*time.Minute) {
			t.Fatalf("next attempt %v, want the promised query", o.NextAttemptAt)
		}
	}
	o = do(t, o, func(o order.Order) order.Change { return o.Delivered(o.Seq, after(time.Minute)) }, order.EventDelivered)
	if o.Fulfilment != order.FulfilmentPending {
		t.Errorf("fulfilment %s of a pending order", o.Fulfilment)
	}
}

func TestOnlyTheNewestResultFulfils(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		seq    int64 // relative to the seq that settled
		event  order.EventType
		status order.Status
	}{
		"an older event":    {-1, order.EventDelivered, order.StatusConfirming},
		"the result itself": {0, order.EventStatus, order.StatusSucceeded},
		"a later event":     {1, order.EventStatus, order.StatusSucceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := received(t).StartAttempt(order.WorkDeliver, after(time.Minute)).Order
			o = do(t, o, func(o order.Order) order.Change { return o.Delivered(o.SettledSeq+tc.seq, after(2*time.Minute)) }, tc.event)
			if o.Status() != tc.status {
				t.Errorf("status %s, want %s", o.Status(), tc.status)
			}
		})
	}
}

func TestDeliveredAgainChangesNoStatus(t *testing.T) {
	t.Parallel()
	o := received(t)
	o = do(t, o, func(o order.Order) order.Change { return o.Delivered(o.SettledSeq, after(time.Minute)) }, order.EventStatus)
	o = do(t, o, func(o order.Order) order.Change { return o.Delivered(o.SettledSeq, after(time.Hour)) }, order.EventDelivered)
	if o.ResolvedAt != after(time.Minute) {
		t.Errorf("resolved at %v", o.ResolvedAt)
	}
}

func TestAFailedDeliveryPromisesTheNextOrNone(t *testing.T) {
	t.Parallel()
	o := received(t).StartAttempt(order.WorkDeliver, after(time.Minute)).Order
	o = do(t, o, func(o order.Order) order.Change {
		return o.DeliveryFailed("http_503", after(3*time.Minute), after(2*time.Minute))
	}, order.EventScheduled)
	if o.NextAttemptAt != after(3*time.Minute) || o.Attempting || o.Facts.DeliveryFailures != 1 || o.Diagnosis() != order.DiagnosisProcessingFailed {
		t.Errorf("%+v", o)
	}
	o = do(t, o, func(o order.Order) order.Change { return o.DeliveryFailed("http_503", 0, after(4*time.Minute)) }, order.EventUndelivered)
	if o.NextAttemptAt != 0 || o.Attempting || o.Facts.DeliveryFailures != 2 || o.Status() != order.StatusConfirming {
		t.Errorf("%+v", o)
	}
}

func TestBadCallbacksAreNotedOnceAMinuteWhileTheResultIsUnknown(t *testing.T) {
	t.Parallel()
	reject := func(at time.Duration) func(order.Order) order.Change {
		return func(o order.Order) order.Change { return o.RejectCallback("bad_signature", after(at)) }
	}
	o := do(t, claimed(t), reject(time.Minute), order.EventCallbackBad)
	o = do(t, o, reject(2*time.Minute-time.Millisecond))
	o = do(t, o, reject(2*time.Minute), order.EventCallbackBad)
	if o.Diagnosis() != order.DiagnosisCallbackRejected || o.Payment != order.Pending {
		t.Errorf("%s, %s", o.Diagnosis(), o.Payment)
	}
	do(t, received(t), reject(time.Hour))
}

func TestThenTellsBothChangesAndSharesNoMemory(t *testing.T) {
	t.Parallel()
	first := claimed(t).ScheduleAttempt(order.WorkQuery, after(2*time.Minute), after(time.Minute))
	a := first.Then(first.Order.OpenCase(order.CaseConflict, after(time.Minute), order.Detail{}))
	b := first.Then(first.Order.OpenCase(order.CaseRefundFailed, after(time.Minute), order.Detail{}))
	checkChange(t, claimed(t), a)
	if len(first.Events) != 1 || a.Events[1].Detail.Case != order.CaseConflict || b.Events[1].Detail.Case != order.CaseRefundFailed {
		t.Errorf("first %v, a %v, b %v", eventTypes(first), a.Events[1].Detail.Case, b.Events[1].Detail.Case)
	}
	unchanged := first.Then(order.Change{Order: first.Order})
	if len(unchanged.Events) != 1 || !unchanged.Changed() {
		t.Errorf("then nothing: %v", eventTypes(unchanged))
	}
}
