package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/notify"
	"anxin/engine/order"
)

func TestEachStageIsToldOnceAndThenTheResult(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.waits("A1")
		o.pass(59 * time.Second)
		o.expect(o.sms)
		o.pass(2 * time.Second)
		o.expect(o.sms, notify.NoticeDelayed)
		o.pass(5 * time.Minute)
		o.expect(o.sms, notify.NoticeDelayed, notify.NoticeProlonged)
		o.pays("A1")
		o.pass(time.Minute)
		o.expect(o.sms, notify.NoticeDelayed, notify.NoticeProlonged, notify.NoticeSucceeded)
		o.expect(o.second)
		first := o.sms.taken[0]
		if first.To.Phone != "+8613800138000" || first.Language != "en" || !strings.Contains(first.Text.Body, "Tea & Co") || !strings.Contains(first.Text.Body, "don't pay again") {
			t.Errorf("the message is %+v", first)
		}
		for _, m := range o.sms.taken {
			if m.CollapseKey != first.CollapseKey || m.Link != "https://pay.example/pay/A1" {
				t.Errorf("collapse key %q, link %q", m.CollapseKey, m.Link)
			}
		}
		for i, r := range o.records("A1", notify.SMS) {
			if r.Status != notify.StatusAccepted || r.Provider != "one" || r.ProviderID != fmt.Sprint("p", i+1) || r.To != "+86138****8000" || r.Segments < 1 {
				t.Errorf("record %+v", r)
			}
		}
		if n := o.count("A1", order.EventMessage); n != 6 { // three by SMS, three in the inbox
			t.Errorf("%d messages on the timeline", n)
		}
	})
}

func TestWhoDidNotWaitIsNotTold(t *testing.T) {
	t.Parallel()
	opened(t, func(_ *testing.T, o *office) {
		o.waits("A1")
		o.pays("A1")
		o.pass(10 * time.Minute)
		o.expect(o.sms)
	})
}

// The result arrives while "confirming" waits for its provider: it is dropped, whatever
// had held it up.
func TestAStaleMessageIsDropped(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.sms.do(fails(notify.KindTemporary, "http_503"))
		o.second.do(fails(notify.KindTemporary, "http_503"))
		o.waits("A1")
		o.pass(61 * time.Second)
		o.pays("A1")
		o.sms.do(nil)
		o.pass(10 * time.Minute)
		o.expect(o.sms, notify.NoticeSucceeded)
		o.expect(o.second)
		for _, r := range o.records("A1", notify.SMS) {
			if r.Notice == notify.NoticeDelayed && (r.Status != notify.StatusDropped || r.Code != notify.CodeSuperseded) {
				t.Errorf("the message that was over is %s %s", r.Status, r.Code)
			}
		}
	})
}

// The result arrives while "confirming" is with the provider: both are told, in order, and
// the record of the first says what became of it.
func TestTheResultWaitsForTheMessageBefore(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.sms.do(func(_ context.Context, n int, _ notify.Message) (notify.Receipt, error) {
			if n == 1 {
				<-time.After(5 * time.Second)
			}
			return notify.Receipt{ProviderID: fmt.Sprint(n)}, nil
		})
		o.waits("A1")
		o.pass(61 * time.Second)
		o.pays("A1")
		o.pass(time.Minute)
		o.expect(o.sms, notify.NoticeDelayed, notify.NoticeSucceeded)
		for _, r := range o.records("A1", notify.SMS) {
			if r.Status != notify.StatusAccepted {
				t.Errorf("%s is %s", r.Notice, r.Status)
			}
		}
	})
}

func TestWhoHasSeenItIsNotToldBySMS(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.waits("A1")
		o.waits("A2")
		o.pass(61 * time.Second)
		o.screens.watch("A1", true)
		o.screens.watch("A2", true)
		o.pays("A1")
		o.pays("A2")
		o.pass(5 * time.Second)
		o.Seen("A1", o.order("A1").Seq)
		o.screens.watch("A1", false)
		o.screens.watch("A2", false) // left before it could be seen
		o.pass(20 * time.Second)
		o.expect(o.sms, notify.NoticeDelayed, notify.NoticeDelayed, notify.NoticeSucceeded)
		if last := o.sms.taken[2].OrderNo; last != "A2" {
			t.Errorf("the result was told of %s", last)
		}
		if n := len(o.records("A1", notify.Inbox)); n != 2 {
			t.Errorf("the inbox of the one who saw it has %d messages", n)
		}
	})
}

// A timeout after the request went out: nobody knows. An SMS is not sent again.
func TestAMessageThatWasMaybeSentIsNotRepeated(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.sms.do(func(ctx context.Context, _ int, m notify.Message) (notify.Receipt, error) {
			o.sms.take(m)
			<-ctx.Done()
			return notify.Receipt{}, &notify.SendError{Kind: notify.KindMaybeSent, Code: "timeout", Err: ctx.Err()}
		})
		o.waits("A1")
		o.pass(4 * time.Minute)
		o.expect(o.sms, notify.NoticeDelayed)
		o.expect(o.second)
		if r := o.records("A1", notify.SMS); len(r) != 1 || r[0].Status != notify.StatusMaybeSent {
			t.Errorf("records %+v", r)
		}
	})
}

// A crash between the call and its record: the record said that it was being sent.
func TestAMessageThatACrashLeftIsMaybeSent(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.waits("A1")
		left := o.sms
		left.do(func(context.Context, int, notify.Message) (notify.Receipt, error) { panic("the process ends here") })
		o.pass(61 * time.Second)
		if r := o.records("A1", notify.SMS); len(r) != 1 || r[0].Status != notify.StatusMaybeSent || r[0].Code != "unsure:error" {
			t.Errorf("records %+v", r)
		}
		o.leave("A1", notify.SMS)
		left.do(nil)
		o.restart()
		o.pass(2 * time.Minute)
		o.expect(o.sms)
		if r := o.records("A1", notify.SMS)[0]; r.Status != notify.StatusMaybeSent || r.Code != "interrupted" {
			t.Errorf("record %+v", r)
		}
	})
}

func TestAFailingProviderIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range []notify.ErrorKind{notify.KindTemporary, notify.KindThrottled, notify.KindQuota, notify.KindRefused, notify.KindContent} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			opened(t, func(t *testing.T, o *office) {
				o.sms.do(fails(kind, "no"))
				o.waits("A1")
				o.pass(61 * time.Second)
				o.expect(o.second, notify.NoticeDelayed)
				r := o.records("A1", notify.SMS)[0]
				if r.Provider != "two" || r.Status != notify.StatusAccepted || len(r.History) != 4 {
					t.Errorf("record %+v", r)
				}
			})
		})
	}
}

func TestADeadAddressIsDropped(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.sms.do(fails(notify.KindAddress, "bad_number"))
		o.waits("A1")
		o.pass(61 * time.Second)
		o.sms.do(nil)
		o.waits("A2")
		o.pass(6 * time.Minute)
		o.expect(o.sms)
		o.expect(o.second)
		if r := o.records("A1", notify.SMS); len(r) != 1 || r[0].Status != notify.StatusFailed || r[0].Code != "bad_number" {
			t.Errorf("records %+v", r)
		}
	})
}

func TestCapsHold(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		for i := range 20 {
			o.waits(fmt.Sprint("A", i))
		}
		o.pass(2 * time.Minute)
		// When many ask at once, the second provider takes what the first has no room for.
		if n := len(o.sms.notices()) + len(o.second.notices()); n != 7 {
			t.Errorf("%d messages went out, 7 may", n)
		}
	}, func(o *office) { o.plan.Caps = map[notify.Channel]notify.Caps{notify.SMS: {Day: 7}} })
}

// All devices are told, and an SMS only when none was reached.
func TestFallbackToSMS(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.waits("A1")
		o.waits("A2", func(r *order.Registration) { r.Payer.Push = nil })
		o.pass(61 * time.Second)
		o.expect(o.push, notify.NoticeDelayed, notify.NoticeDelayed)
		o.pass(time.Minute)
		o.expect(o.sms, notify.NoticeDelayed)
		if o.sms.taken[0].OrderNo != "A2" {
			t.Errorf("an SMS about %s", o.sms.taken[0].OrderNo)
		}
	}, func(o *office) {
		o.plan.Rules = []notify.Rule{{Notices: []notify.Notice{notify.NoticeDelayed}, Steps: []notify.Step{
			{Channel: notify.Push}, {Channel: notify.SMS, After: 30 * time.Second, Unless: map[notify.Channel]notify.Status{notify.Push: notify.StatusAccepted}},
		}}}
	})
}

// A provider that hangs holds up neither the other provider of its channel nor another
// channel.
func TestAHangingProviderDelaysNobodyElse(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.sms.do(func(ctx context.Context, _ int, _ notify.Message) (notify.Receipt, error) {
			<-ctx.Done()
			return notify.Receipt{}, &notify.SendError{Kind: notify.KindMaybeSent, Code: "timeout"}
		})
		const n = 60
		for i := range n {
			o.waits(fmt.Sprint("A", i))
		}
		o.pass(62 * time.Second)
		if got := len(o.push.notices()); got != 2*n {
			t.Errorf("%d of %d pushes were sent within two seconds", got, 2*n)
		}
		if got := len(o.second.notices()); got < n-16 {
			t.Errorf("%d messages went to the second provider at once", got)
		}
		if o.sms.most > 16 {
			t.Errorf("%d calls hang", o.sms.most)
		}
	}, func(o *office) {
		o.plan.Rules = []notify.Rule{{Notices: []notify.Notice{notify.NoticeDelayed}, Steps: []notify.Step{{Channel: notify.Push}, {Channel: notify.SMS}}}}
	})
}

func (o *office) receipt(provider string, u notify.StatusUpdate) int {
	o.t.Helper()
	o.sms.updates = []notify.StatusUpdate{u}
	answer, err := o.ReceiveReceipts(context.Background(), provider, channel.Request{})
	fatal(o.t, err)
	return answer.Status
}

// Reports come late, in any order and more than once.
func TestReceiptsMoveRecords(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.waits("A1")
		o.pass(61 * time.Second)
		status := func() notify.Record { return o.records("A1", notify.SMS)[0] }
		if code := o.receipt("one", notify.StatusUpdate{ProviderID: "nobody's", Status: notify.StatusFailed}); code != 200 {
			t.Errorf("a report about a foreign message is answered %d", code)
		}
		o.receipt("one", notify.StatusUpdate{ProviderID: "p1", Status: notify.StatusDelivered, Segments: 3, Cost: notify.Cost{Micros: 7, Currency: "USD"}})
		o.receipt("one", notify.StatusUpdate{ProviderID: "p1", Status: notify.StatusFailed, Code: "late_word"})
		if r := status(); r.Status != notify.StatusDelivered || r.Segments != 3 || r.Cost.Micros != 7 || r.Code != "" {
			t.Errorf("record %+v", r)
		}
		o.receipt("one", notify.StatusUpdate{MessageID: status().ID, Status: notify.StatusBounced, Code: "bad_number", DropAddress: true})
		if r := status(); r.Status != notify.StatusBounced || r.Code != "bad_number" {
			t.Errorf("record %+v", r)
		}
		o.waits("A2")
		o.pass(61 * time.Second)
		o.expect(o.sms, notify.NoticeDelayed) // the number is dead
		if code := o.receipt("one", notify.StatusUpdate{Status: "refused"}); code != 403 {
			t.Errorf("a report that does not verify is answered %d", code)
		}
		if _, err := o.ReceiveReceipts(context.Background(), "app2", channel.Request{}); !errors.Is(err, engine.ErrNoProvider) {
			t.Errorf("a provider that is not there: %v", err)
		}
		for _, p := range o.Providers() {
			if p.Name == "one" && (p.Calls != 1 || p.Delivered != 1 || p.Failed != 1) {
				t.Errorf("figures %+v", p)
			}
		}
	})
}
