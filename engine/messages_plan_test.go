package engine_test

import (
	"context"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
)

func TestAPreviewTellsWhatThenHappens(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.waits("A1")
		line := func(n notify.Notice, c notify.Channel) engine.Preview {
			list, err := o.PreviewMessages(context.Background(), "A1")
			fatal(t, err)
			for _, p := range list {
				if p.Notice == n && p.Channel == c {
					return p
				}
			}
			t.Fatalf("no line for %s by %s", n, c)
			return engine.Preview{}
		}
		p := line(notify.NoticeDelayed, notify.SMS)
		if p.Current || p.Action != notify.ActionSend || p.To != "+86138****8000" || p.Size.Segments < 1 {
			t.Errorf("preview %+v", p)
		}
		if p := line(notify.NoticeRefunded, notify.Email); p.Action != notify.ActionSkip || p.Reason != notify.ReasonNoStep {
			t.Errorf("preview %+v", p)
		}
		o.expect(o.sms)
		o.pass(61 * time.Second)
		if sent := o.sms.taken[0]; sent.Text.Body != p.Body {
			t.Errorf("previewed %q, sent %q", p.Body, sent.Text.Body)
		}
		if p := line(notify.NoticeDelayed, notify.SMS); !p.Current || p.Reason != notify.ReasonTold {
			t.Errorf("preview %+v", p)
		}
		o.pays("A1")
		if p := line(notify.NoticeSucceeded, notify.SMS); !p.Current {
			t.Errorf("preview %+v", p)
		}
	})
}

// Another plan holds from the next message on, those that are owed included.
func TestThePlanIsReplacedWhileItRuns(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.waits("A1")
		quiet := simplePlan()
		quiet.Rules = nil
		fatal(t, o.SetPlan(quiet))
		o.pass(2 * time.Minute)
		o.expect(o.sms)
		fatal(t, o.SetPlan(simplePlan()))
		o.pass(4 * time.Minute)
		o.expect(o.sms, notify.NoticeProlonged)
		broken := simplePlan()
		broken.Zone = nil
		if err := o.SetPlan(broken); err == nil {
			t.Error("a plan that cannot be was taken")
		}
	})
}

// An operator holds a channel back; what is true when it ends is told then.
func TestAPausedChannelTellsWhatIsTrueAtItsEnd(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.waits("A1")
		_, err := o.PauseFor(context.Background(), engine.Pause{
			Kind: engine.TaskNotify, Target: "sms", Until: order.At(time.Now().Add(10 * time.Minute)), Actor: "wang", Reason: "provider",
		})
		fatal(t, err)
		o.pass(3 * time.Minute)
		o.pays("A1")
		o.pass(6 * time.Minute)
		o.expect(o.sms)
		o.pass(2 * time.Minute)
		o.expect(o.sms, notify.NoticeSucceeded)
		if n := len(o.records("A1", notify.Inbox)); n != 2 {
			t.Errorf("the inbox has %d messages", n)
		}
	})
}
