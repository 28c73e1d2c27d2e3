package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"anxin/engine/notify"
)

// A provider reports before its answer has been read: by its own name of the message,
// which nobody here knows yet, or by ours. Neither report is lost.
func TestAReportThatOvertakesItsMessageIsKept(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.sms.do(func(_ context.Context, n int, m notify.Message) (notify.Receipt, error) {
			report := notify.StatusUpdate{ProviderID: "fast", Status: notify.StatusDelivered}
			if n == 2 {
				report = notify.StatusUpdate{MessageID: m.ID, Status: notify.StatusFailed, Code: "unreachable"}
			}
			if code := o.receipt("one", report); code != 200 {
				t.Errorf("the report is answered %d", code)
			}
			return notify.Receipt{ProviderID: map[int]string{1: "fast"}[n]}, nil
		})
		o.waits("A1")
		o.pass(62 * time.Second)
		o.waits("A2")
		o.pass(62 * time.Second)
		for orderNo, want := range map[string]notify.Status{"A1": notify.StatusDelivered, "A2": notify.StatusFailed} {
			if r := o.records(orderNo, notify.SMS); len(r) != 1 || r[0].Status != want {
				t.Errorf("%s: records %+v, want %s", orderNo, r, want)
			}
		}
	})
}

// An account that others use too reports their messages here as well. However many, the
// newest reports are kept.
func TestForeignReportsCrowdNoneOut(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		const flood = 2000
		for i := range flood {
			o.receipt("one", notify.StatusUpdate{ProviderID: fmt.Sprint("foreign", i), Status: notify.StatusFailed})
		}
		o.sms.do(func(context.Context, int, notify.Message) (notify.Receipt, error) {
			o.receipt("one", notify.StatusUpdate{ProviderID: "ours", Status: notify.StatusDelivered})
			return notify.Receipt{ProviderID: "ours"}, nil
		})
		o.waits("A1")
		o.pass(62 * time.Second)
		if r := o.records("A1", notify.SMS); len(r) != 1 || r[0].Status != notify.StatusDelivered {
			t.Errorf("records %+v", r)
		}
	})
}
