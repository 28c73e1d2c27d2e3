package engine_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
)

// A crash leaves a push under way, and the payer has seen the news on the page since:
// nothing is sent again, and the record does not say for ever that it is being sent.
func TestAMessageThatACrashLeftAndNobodyNeedsIsGivenUp(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.waits("A1", func(r *order.Registration) { r.Payer.Push = r.Payer.Push[:1] })
		o.pass(61 * time.Second)
		o.expect(o.push, notify.NoticeDelayed)
		o.leave("A1", notify.Push)
		o.Seen("A1", o.order("A1").Seq) // written before the engine ends; the next runs the task at once
		o.restart()
		o.pass(2 * time.Minute)
		o.expect(o.push, notify.NoticeDelayed)
		if r := o.records("A1", notify.Push)[0]; r.Status != notify.StatusMaybeSent || r.Code != "interrupted" {
			t.Errorf("record %s %s", r.Status, r.Code)
		}
	}, func(o *office) {
		o.plan.Rules = []notify.Rule{{Notices: []notify.Notice{notify.NoticeDelayed}, Steps: []notify.Step{{Channel: notify.Push}}}}
	})
}

// A crash in the middle of a call holds up what comes after it by nothing: no other process
// could still be sending.
func TestAfterACrashTheNextMessageIsNotHeldUp(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.waits("A1", func(r *order.Registration) { r.Payer.Push = r.Payer.Push[:1] })
		o.pass(61 * time.Second)
		o.leave("A1", notify.SMS)
		o.leave("A1", notify.Push)
		o.restart()
		o.pass(time.Second)
		if r := o.records("A1", notify.SMS)[0]; r.Status != notify.StatusMaybeSent || r.Code != "interrupted" {
			t.Errorf("the SMS is %s %s", r.Status, r.Code)
		}
		o.expect(o.sms, notify.NoticeDelayed)
		o.expect(o.push, notify.NoticeDelayed, notify.NoticeDelayed) // the device shows one
		o.pays("A1")
		o.pass(time.Second)
		o.expect(o.sms, notify.NoticeDelayed, notify.NoticeSucceeded)
		o.expect(o.push, notify.NoticeDelayed, notify.NoticeDelayed, notify.NoticeSucceeded)
	}, func(o *office) { o.plan.Rules = everywhere(o.plan.Rules) })
}

// The process ended before it could write down by what name its provider knows a message:
// the report names ours.
func TestAReportFindsAMessageThatACrashLeft(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.waits("A1")
		o.pass(62 * time.Second)
		o.leave("A1", notify.SMS)
		o.restart()
		o.pass(time.Second)
		left := o.records("A1", notify.SMS)[0]
		if left.Status != notify.StatusMaybeSent {
			t.Fatalf("record %+v", left)
		}
		if code := o.receipt("one", notify.StatusUpdate{MessageID: left.ID, ProviderID: "late", Status: notify.StatusDelivered}); code != 200 {
			t.Errorf("the report is answered %d", code)
		}
		if r := o.records("A1", notify.SMS)[0]; r.Status != notify.StatusDelivered || r.ProviderID != "late" {
			t.Errorf("record %+v", r)
		}
		o.expect(o.sms, notify.NoticeDelayed)
	})
}

// leave has a message be with a provider, as a process leaves it that is killed then.
func (o *office) leave(orderNo string, c notify.Channel) {
	o.t.Helper()
	at := order.At(time.Now())
	fatal(o.t, o.store.Commit(o.t.Context(), engine.Commit{
		Messages: &engine.MessageWrites{Records: []notify.Record{o.records(orderNo, c)[0].Move(notify.StatusSending, "", at)}},
		Tasks:    []engine.TaskWrite{{Task: engine.Task{TaskKey: engine.TaskKey{OrderNo: orderNo, Kind: engine.TaskNotify, Target: string(c)}, DueAt: at}}},
	}))
}

// everywhere has rules tell by push too.
func everywhere(rules []notify.Rule) []notify.Rule {
	rules = slices.Clone(rules)
	for i := range rules {
		rules[i].Steps = append(slices.Clone(rules[i].Steps), notify.Step{Channel: notify.Push})
	}
	return rules
}

// While a call is on its way nobody calls its message left behind, however long it takes.
func TestAMessageThatIsOnItsWayIsNotTakenForLeft(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.sms.do(func(context.Context, int, notify.Message) (notify.Receipt, error) {
			<-time.After(2 * time.Minute) // a machine that stood still
			return notify.Receipt{ProviderID: "late"}, nil
		})
		o.waits("A1")
		o.pass(62 * time.Second)
		o.pays("A1") // with a task of its own, which looks again and again
		o.pass(100 * time.Second)
		if r := o.records("A1", notify.SMS); len(r) != 1 || r[0].Status != notify.StatusSending {
			t.Errorf("records %+v", r)
		}
		o.pass(30 * time.Second)
		if r := o.records("A1", notify.SMS); r[0].Status != notify.StatusAccepted || len(r) != 2 {
			t.Errorf("records %+v", r)
		}
	})
}

// What waits to be sent never stays behind: whatever ends its task, its record says so.
func TestNothingWaitsForNobody(t *testing.T) {
	t.Parallel()
	pushOnly := func(o *office) {
		o.push.do(fails(notify.KindTemporary, "http_503"))
		o.plan.Rules = []notify.Rule{
			{Notices: []notify.Notice{notify.NoticeDelayed}, Steps: []notify.Step{{Channel: notify.Push}}},
			{Notices: []notify.Notice{notify.NoticeSucceeded, notify.NoticeFailed}, Steps: []notify.Step{{Channel: notify.SMS}}},
		}
	}
	for name, tc := range map[string]struct {
		happens func(o *office)
		want    string
	}{
		"the payer has seen it":              {func(o *office) { o.Seen("A1", o.order("A1").Seq) }, string(notify.ReasonSeen)},
		"the result goes by another channel": {func(o *office) { o.pays("A1") }, notify.CodeSuperseded},
		"nothing may be told of a disputed result": {func(o *office) {
			o.callback(note{OrderNo: "A1", Key: "k1", Evidence: order.Evidence{Claims: order.ClaimsFailed, Amount: &price, Merchant: merchant}},
				note{OrderNo: "A1", Key: "k2", Evidence: order.Evidence{Claims: order.ClaimsRefunded, Amount: &price, Merchant: merchant}})
		}, notify.CodeSuperseded},
		"the plan has no place for it any more": {func(o *office) {
			plan := simplePlan()
			fatal(o.t, o.SetPlan(plan))
		}, string(notify.ReasonNoStep)},
		"messages are switched off": {func(o *office) { o.house.messages = nil; o.reopen() }, string(notify.ReasonNoSender)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opened(t, func(t *testing.T, o *office) {
				o.waits("A1")
				o.pass(62 * time.Second)
				if r := o.records("A1", notify.Push); len(r) != 1 || r[0].Status != notify.StatusWaiting {
					t.Fatalf("records %+v", r)
				}
				tc.happens(o)
				o.pass(6 * time.Second) // the provider's rest ends
				if r := o.records("A1", notify.Push); len(r) != 1 || r[0].Status != notify.StatusDropped || r[0].Code != tc.want {
					t.Errorf("records %+v", r)
				}
			}, pushOnly)
		})
	}
}

// A provider that has failed for long rests for an hour. What is over by then does not wait
// that long to be given up.
func TestWhatIsOverIsGivenUpAtOnce(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.push.do(fails(notify.KindTemporary, "http_503"))
		o.waits("A1")
		o.pass(9 * time.Minute)
		o.pays("A1")
		o.pass(time.Second)
		for _, r := range o.records("A1", notify.Push) {
			if r.Status != notify.StatusDropped || r.Code != notify.CodeSuperseded {
				t.Errorf("record %+v", r)
			}
		}
	}, func(o *office) {
		o.plan.Rules = []notify.Rule{{Notices: []notify.Notice{notify.NoticeDelayed, notify.NoticeProlonged}, Steps: []notify.Step{{Channel: notify.Push}}}}
	})
}

// One whom the page told needs no push; who is to be told anew, since it came true again, is.
func TestWhatWasNeedlessIsToldWhenItComesTrueAgain(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.sms.do(fails(notify.KindTemporary, "http_503"))
		o.second.do(fails(notify.KindTemporary, "http_503"))
		o.waits("A1")
		o.pass(62 * time.Second)
		o.Seen("A1", o.order("A1").Seq)
		o.pass(6 * time.Second)
		o.sms.do(nil)
		o.pass(5 * time.Minute)
		o.expect(o.sms, notify.NoticeProlonged)
		if r := o.records("A1", notify.SMS); r[0].Status != notify.StatusDropped || r[0].Code != string(notify.ReasonSeen) {
			t.Errorf("records %+v", r)
		}
	})
}

// elsewhere is a store that other processes may write to.
type elsewhere struct{ engine.Store }

// The sender stood still for so long that its message was given up, and the result was told
// since. It comes back with a refusal: its message must not wait for ever to be tried again.
func TestASenderThatComesBackLateLeavesNothingWaiting(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.through(func(s engine.Store) engine.Store { return elsewhere{s} })
		o.sms.do(func(_ context.Context, n int, _ notify.Message) (notify.Receipt, error) {
			if n == 1 {
				<-time.After(2 * time.Minute)
				return notify.Receipt{}, &notify.SendError{Kind: notify.KindTemporary, Code: "http_503"}
			}
			return notify.Receipt{ProviderID: "p"}, nil
		})
		o.waits("A1")
		o.pass(62 * time.Second)
		o.pays("A1")
		o.pass(100 * time.Second)
		if r := o.records("A1", notify.SMS); len(r) != 2 || r[0].Status != notify.StatusMaybeSent || r[1].Status != notify.StatusAccepted {
			t.Fatalf("records %+v", r)
		}
		o.pass(30 * time.Second)
		if r := o.records("A1", notify.SMS)[0]; r.Status != notify.StatusDropped || r.Code != notify.CodeSuperseded {
			t.Errorf("record %+v", r)
		}
	})
}
