package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
)

// refund has the channel tell of a refund of an order of price.
func (o *office) refund(orderNo, id string, minor int64, claims order.Claimed) {
	o.t.Helper()
	o.callback(note{OrderNo: orderNo, Key: fmt.Sprint(orderNo, id, claims), Evidence: order.Evidence{
		Claims: claims, Amount: &price, Merchant: merchant,
		Refund: &order.RefundEvidence{ID: id, Amount: &order.Money{Minor: minor, Currency: price.Currency}},
	}})
	synctest.Wait()
}

// bought is an order that was paid so quickly that nobody was told.
func (o *office) bought(orderNo string) {
	o.t.Helper()
	o.waits(orderNo)
	o.pays(orderNo)
}

func partRules(after time.Duration) func(o *office) {
	return func(o *office) {
		steps := []notify.Step{{Channel: notify.Inbox, EvenIfSeen: true}, {Channel: notify.SMS, After: after}}
		o.plan.Rules = append(slices.Clone(o.plan.Rules), notify.Rule{Notices: []notify.Notice{notify.NoticePartRefunding, notify.NoticePartRefunded}, Steps: steps})
	}
}

func TestEachRefundOfAPartIsToldOnce(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.bought("A1")
		o.refund("A1", "r1", 2000, order.ClaimsRefunding)
		o.pass(time.Minute)
		o.refund("A1", "r1", 2000, order.ClaimsRefunded)
		o.pass(time.Minute)
		o.refund("A1", "r2", 3000, order.ClaimsRefunded)
		o.refund("A1", "r3", 100, order.ClaimsRefunding)
		o.pass(time.Minute)
		o.refund("A1", "r1", 2000, order.ClaimsRefunded)
		o.restart()
		o.pass(time.Minute)
		o.expect(o.sms, notify.NoticePartRefunding, notify.NoticePartRefunded, notify.NoticePartRefunded, notify.NoticePartRefunding)
		for i, want := range []string{
			"a refund of ¥20.00 for order A1 (¥88.00) is on its way back",
			"¥20.00 for order A1 (¥88.00) was returned the way you paid at 00:01.",
			"¥30.00 for order A1 (¥88.00) was returned the way you paid at 00:02. ¥50.00 has been returned in all.",
			"a refund of ¥1.00 for order A1",
		} {
			if got := o.sms.taken[i].Text.Body; !strings.Contains(got, want) {
				t.Errorf("message %d says %q, want %q", i, got, want)
			}
		}
		accepted, credited, second := o.sms.taken[0], o.sms.taken[1], o.sms.taken[2]
		if accepted.CollapseKey != credited.CollapseKey || credited.CollapseKey == second.CollapseKey || credited.CollapseKey == notify.CollapseKey("A1") {
			t.Error("a credit takes the place of its own acceptance, and of nothing else")
		}
		var refunds []string
		for _, ev := range o.events("A1") {
			if ev.Type == order.EventMessage && ev.Detail.Via == "sms" {
				refunds = append(refunds, ev.Detail.RefundID)
			}
		}
		if !slices.Equal(refunds, []string{"r1", "r1", "r2", "r3"}) {
			t.Errorf("the timeline tells of %v", refunds)
		}
		if in, err := o.store.Inbox(t.Context(), engine.InboxID("quiet", "payer of A1"), 0, 10); err != nil || len(in.Items) != 4 {
			t.Errorf("the inbox has %d messages, %v", len(in.Items), err)
		}
		o.wantTasks("A1", engine.TaskQuery) // about r3
	}, partRules(0))
}

// What waits when more becomes known is told as it is then: once, and never what is over.
func TestARefundIsToldAsItIsWhenItIsTold(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		happens func(o *office)
		want    []notify.Notice
	}{
		"credited meanwhile": {func(o *office) {
			o.refund("A1", "r1", 2000, order.ClaimsRefunding)
			o.pass(10 * time.Second)
			o.refund("A1", "r1", 2000, order.ClaimsRefunded)
		}, []notify.Notice{notify.NoticePartRefunded}},
		"more parts make it whole": {func(o *office) {
			o.refund("A1", "r1", 2000, order.ClaimsRefunded)
			o.pass(10 * time.Second)
			o.refund("A1", "r2", 6800, order.ClaimsRefunded)
		}, []notify.Notice{notify.NoticeRefunded}},
		"the rest is on its way": {func(o *office) {
			o.refund("A1", "r1", 2000, order.ClaimsRefunded)
			o.pass(20 * time.Second)
			o.refund("A1", "r2", 6800, order.ClaimsRefunding)
			o.pass(20 * time.Second)
			o.refund("A1", "r2", 6800, order.ClaimsRefunded)
		}, []notify.Notice{notify.NoticePartRefunded, notify.NoticeRefunding, notify.NoticeRefunded}},
		"it failed": {func(o *office) {
			o.refund("A1", "r1", 2000, order.ClaimsRefunding)
			o.pass(10 * time.Second)
			o.refund("A1", "r1", 2000, order.ClaimsRefundFailed)
		}, nil},
		"another failed, and people have looked": {func(o *office) {
			o.refund("A1", "r1", 2000, order.ClaimsRefunding)
			o.refund("A1", "r1", 2000, order.ClaimsRefundFailed)
			o.refund("A1", "r2", 1000, order.ClaimsRefunded)
			o.pass(time.Minute)
			o.expect(o.sms)
			o.resolve(o.caseRow("A1", order.CaseRefundFailed).ID, order.ResolveDismiss)
		}, []notify.Notice{notify.NoticePartRefunded}},
		"the payer has seen it": {func(o *office) {
			o.refund("A1", "r1", 2000, order.ClaimsRefunded)
			o.Seen("A1", o.order("A1").Seq)
		}, nil},
		"the payer has seen what was before it": {func(o *office) {
			seq := o.order("A1").Seq
			o.refund("A1", "r1", 2000, order.ClaimsRefunded)
			o.Seen("A1", seq)
		}, []notify.Notice{notify.NoticePartRefunded}},
		"the channel was held back": {func(o *office) {
			_, err := o.PauseFor(context.Background(), engine.Pause{
				Kind: engine.TaskNotify, Target: "sms", Until: order.At(time.Now().Add(time.Hour)), Actor: "wang", Reason: "provider",
			})
			fatal(o.t, err)
			o.refund("A1", "r1", 2000, order.ClaimsRefunding)
			o.pass(10 * time.Minute)
			o.expect(o.sms)
			o.refund("A1", "r1", 2000, order.ClaimsRefunded)
			o.pass(time.Minute)
			fatal(o.t, o.Resume(context.Background(), engine.TaskNotify, "sms", "wang"))
		}, []notify.Notice{notify.NoticePartRefunded}},
		"the provider failed first": {func(o *office) {
			o.sms.do(fails(notify.KindTemporary, "http_503"))
			o.second.do(fails(notify.KindTemporary, "http_503"))
			o.refund("A1", "r1", 2000, order.ClaimsRefunding)
			o.pass(17 * time.Second)
			o.refund("A1", "r1", 2000, order.ClaimsRefunded)
			o.sms.do(nil)
		}, []notify.Notice{notify.NoticePartRefunded}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opened(t, func(t *testing.T, o *office) {
				o.bought("A1")
				o.pass(time.Second)
				tc.happens(o)
				o.pass(time.Minute)
				o.expect(o.sms, tc.want...)
				for _, r := range o.records("A1", notify.SMS) {
					if r.Status == notify.StatusWaiting {
						t.Errorf("%s still waits: %+v", r.Notice, r.History)
					}
				}
			}, partRules(15*time.Second))
		})
	}
}

// The bound of an order counts refunds apart: neither keeps the other from being told.
func TestRefundsHaveABoundOfTheirOwn(t *testing.T) {
	t.Parallel()
	opened(t, func(_ *testing.T, o *office) {
		o.waits("A1")
		o.pass(61 * time.Second)
		for i := range 4 {
			o.pays("A1")
			o.refund("A1", fmt.Sprint("r", i), 100, order.ClaimsRefunded)
			o.pass(time.Minute)
		}
		o.expect(o.sms, notify.NoticeDelayed, notify.NoticeSucceeded, notify.NoticePartRefunded, notify.NoticePartRefunded)
		o.refund("A1", "rest", 8400, order.ClaimsRefunded)
		o.pass(time.Minute)
		o.expect(o.sms, notify.NoticeDelayed, notify.NoticeSucceeded, notify.NoticePartRefunded, notify.NoticePartRefunded)
	}, partRules(15*time.Second), func(o *office) {
		o.plan.Caps = map[notify.Channel]notify.Caps{notify.SMS: {Order: 2}}
	})
}

// A crash in the middle of telling of a refund, and of the order, leaves each to its own task.
func TestARefundsMessageThatACrashLeft(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.waits("A1")
		o.pass(61 * time.Second)
		o.pays("A1")
		o.refund("A1", "r1", 100, order.ClaimsRefunded)
		o.pass(time.Second)
		at := order.At(time.Now())
		for _, r := range o.records("A1", notify.SMS) {
			target := "sms"
			if r.Notice.Part() {
				target = "sms/refund"
			}
			fatal(t, o.store.Commit(t.Context(), engine.Commit{
				Messages: &engine.MessageWrites{Records: []notify.Record{r.Move(notify.StatusSending, "", at)}},
				Tasks:    []engine.TaskWrite{{Task: engine.Task{TaskKey: engine.TaskKey{OrderNo: "A1", Kind: engine.TaskNotify, Target: target}, DueAt: at}}},
			}))
		}
		o.restart()
		o.pass(5 * time.Second)
		for _, r := range o.records("A1", notify.SMS) {
			if r.Status != notify.StatusMaybeSent {
				t.Errorf("%s is %s", r.Notice, r.Status)
			}
		}
		o.refund("A1", "r2", 100, order.ClaimsRefunded)
		o.pass(time.Second)
		o.expect(o.sms, notify.NoticeDelayed, notify.NoticeSucceeded, notify.NoticePartRefunded, notify.NoticePartRefunded)
	}, partRules(0))
}

func TestAPreviewShowsRefunds(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		lines := func() (list []string) {
			all, err := o.PreviewMessages(t.Context(), "A1")
			fatal(t, err)
			for _, p := range all {
				if p.Channel == notify.SMS && p.Notice.Part() {
					list = append(list, fmt.Sprint(p.Notice, " ", p.Refund, " ", p.Current, " ", p.Action, " ", p.Reason))
				}
			}
			return list
		}
		o.bought("A1")
		imagined := []string{"part_refunding preview false wait delay", "part_refunded preview false wait delay"}
		if got := lines(); !slices.Equal(got, imagined) {
			t.Errorf("before: %q", got)
		}
		o.refund("A1", "r1", 2000, order.ClaimsRefunded)
		if got, want := lines(), append([]string{"part_refunded r1 true wait delay"}, imagined...); !slices.Equal(got, want) {
			t.Errorf("waiting: %q", got)
		}
		o.pass(time.Minute)
		if got, want := lines(), append([]string{"part_refunded r1 true skip told_already"}, imagined...); !slices.Equal(got, want) {
			t.Errorf("told: %q", got)
		}
		o.refund("A1", "r2", 6800, order.ClaimsRefunded)
		if got := lines(); len(got) != 0 {
			t.Errorf("after the whole amount: %q", got)
		}
		o.expect(o.sms, notify.NoticePartRefunded, notify.NoticeRefunded)
	}, partRules(15*time.Second))
}
