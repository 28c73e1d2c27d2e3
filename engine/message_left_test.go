package engine_test

import (
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
		left := o.records("A1", notify.Push)[0].Move(notify.StatusSending, "", order.At(time.Now()))
		fatal(t, o.store.Commit(t.Context(), engine.Commit{
			Messages: &engine.MessageWrites{Records: []notify.Record{left}},
			Tasks:    []engine.TaskWrite{{Task: engine.Task{TaskKey: engine.TaskKey{OrderNo: "A1", Kind: engine.TaskNotify, Target: "push"}, DueAt: order.At(time.Now())}}},
		}))
		o.restart()
		o.Seen("A1", o.order("A1").Seq)
		o.pass(2 * time.Minute)
		o.expect(o.push, notify.NoticeDelayed)
		if r := o.records("A1", notify.Push)[0]; r.Status != notify.StatusMaybeSent || r.Code != "interrupted" {
			t.Errorf("record %s %s", r.Status, r.Code)
		}
	}, func(o *office) {
		o.plan.Rules = []notify.Rule{{Notices: []notify.Notice{notify.NoticeDelayed}, Steps: []notify.Step{{Channel: notify.Push}}}}
	})
}
