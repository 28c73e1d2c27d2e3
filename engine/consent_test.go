package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
)

// stranger is a payer of whom the backend knows no address.
func stranger(r *order.Registration) { r.Payer = order.Payer{ID: "someone", Locale: "en"} }

const agreed = "en/optin.lead@0123456789ab"

// A payer who asked is told a result that came at once; the timeline keeps what was agreed
// to, and a payer who took it back is told nothing.
func TestWhoAskedOnThePageIsToldEvenWithoutAWait(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		ctx := context.Background()
		for _, orderNo := range []string{"A1", "A2", "A3"} {
			o.waits(orderNo, stranger)
		}
		masked, err := o.OptIn(ctx, "A1", engine.Wish{Channel: notify.SMS, Phone: "+44 7700 900123", Wording: agreed})
		fatal(t, err)
		asked, err := o.Asked(ctx, o.order("A1"))
		fatal(t, err)
		if len(asked) != 1 || asked[0].Channel != notify.SMS || !slices.Equal(asked[0].To, []string{masked}) {
			t.Errorf("asked %+v", asked)
		}
		if asked, err := o.Asked(ctx, o.order("A2")); err != nil || len(asked) != 0 {
			t.Errorf("of another order: %+v, %v", asked, err)
		}
		o.pass(20 * time.Second)
		o.pays("A2") // nobody asked on its page
		o.pays("A1")
		o.pass(time.Minute)
		o.expect(o.sms, notify.NoticeSucceeded, notify.NoticeDelayed) // the second is of A3
		if first := o.sms.taken[0]; first.OrderNo != "A1" || first.To.Phone != "+447700900123" {
			t.Errorf("told %+v", first)
		}
		fatal(t, o.TakeBack(ctx, "A3", notify.SMS))
		fatal(t, o.TakeBack(ctx, "A3", notify.SMS))
		o.pass(10 * time.Minute)
		o.expect(o.sms, notify.NoticeSucceeded, notify.NoticeDelayed)
		ins, outs, err := o.store.OptIns(ctx, engine.InboxID("quiet", "someone"))
		if err != nil || len(ins) != 0 || !slices.Equal(outs, []notify.Channel{notify.SMS}) {
			t.Errorf("after taking back: %+v, %v, %v", ins, outs, err)
		}
		given, withdrawn := o.consents("A1"), o.consents("A3")
		if len(given) != 1 || given[0].Code != order.ConsentGiven || given[0].Via != "sms" || given[0].To != masked || given[0].Wording != agreed {
			t.Errorf("timeline of the one who asked: %+v", given)
		}
		if len(withdrawn) != 2 || withdrawn[0].Code != order.ConsentWithdrawn || withdrawn[0].Via != "sms" {
			t.Errorf("timeline of the one who took it back: %+v", withdrawn)
		}
	})
}

// Only what would be kept is offered, and only what is offered is taken.
func TestOffersAreThoseThatThePlanKeepsForTheOrder(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		ctx := context.Background()
		o.waits("A1", stranger)
		if offers := o.OptInOffers(o.order("A1")); len(offers) != 1 {
			t.Errorf("offers %v", offers)
		}
		o.plan.Rules[1].Steps[1].Min = map[string]int64{price.Currency: price.Minor + 1}
		if offers := o.OptInOffers(o.order("A1")); len(offers) != 0 {
			t.Errorf("offers of what the order is not worth: %v", offers)
		}
		var wrong *order.FieldError
		if _, err := o.OptIn(ctx, "A1", engine.Wish{Channel: notify.SMS, Phone: "+447700900123"}); !errors.As(err, &wrong) || wrong.Field != "kind" {
			t.Errorf("taken all the same: %v", err)
		}
		if err := o.TakeBack(ctx, "A1", notify.Inbox); !errors.As(err, &wrong) || wrong.Field != "kind" {
			t.Errorf("the inbox was taken back: %v", err)
		}
		o.plan.Rules[1].Steps[1].Min = nil
		if _, err := o.OptIn(ctx, "A1", engine.Wish{Channel: notify.SMS, Phone: "+447700900123", Wording: "<b>"}); !errors.As(err, &wrong) || wrong.Field != "wording" {
			t.Errorf("a wording that is none: %v", err)
		}
		if n := len(o.consents("A1")); n != 0 {
			t.Errorf("%d consents on the timeline", n)
		}
	})
}

// consents are what the timeline tells of the payer's consent.
func (o *office) consents(orderNo string) []order.Detail {
	o.t.Helper()
	events, err := o.Timeline(context.Background(), orderNo, 0, 100)
	fatal(o.t, err)
	var list []order.Detail
	for _, e := range events {
		if e.Type == order.EventConsent {
			list = append(list, e.Detail)
		}
	}
	return list
}

func TestPayersOptInAndOut(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		ctx := context.Background()
		bare := func(r *order.Registration) { r.Payer = order.Payer{ID: "someone", Locale: "zh-CN"} }
		o.waits("A1", bare)
		o.waits("A2", bare)
		masked, err := o.OptIn(ctx, "A1", engine.Wish{Channel: notify.SMS, Phone: "138 0013 8000", Locale: "zh-CN"})
		if err != nil || masked != "+86138****8000" {
			t.Fatalf("opted in at %q, %v", masked, err)
		}
		o.pass(61 * time.Second)
		o.expect(o.sms, notify.NoticeDelayed, notify.NoticeDelayed)
		m := o.sms.taken[0]
		if m.To.Phone != "+8613800138000" || m.Language != "zh-CN" || !strings.Contains(m.Unsubscribe, "unsubscribe") {
			t.Errorf("message %+v", m)
		}
		fatal(t, o.OptOut(ctx, engine.InboxID("quiet", "someone"), notify.SMS))
		o.pass(5 * time.Minute)
		o.expect(o.sms, notify.NoticeDelayed, notify.NoticeDelayed)
		for field, w := range map[string]engine.Wish{
			"kind": {Channel: notify.Email, Email: "a@b.example"}, "phone": {Channel: notify.SMS, Phone: "12"},
		} {
			var wrong *order.FieldError
			if _, err := o.OptIn(ctx, "A1", w); !errors.As(err, &wrong) || wrong.Field != field {
				t.Errorf("%+v: %v, want %s", w, err, field)
			}
		}
		if _, err := o.OptIn(ctx, "Z9", engine.Wish{Channel: notify.SMS, Phone: "13800138000"}); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("an order that is not there: %v", err)
		}
	})
}

func TestACodeGoesToThePayersOwnNumber(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.sms.do(fails(notify.KindTemporary, "http_503"))
		o.register("A1", reachable)
		fatal(t, o.SendCode("Z9", "111111", 10*time.Minute)) // nobody learns that it is not there
		fatal(t, o.SendCode("A1", "482913", 10*time.Minute))
		synctest.Wait()
		o.expect(o.second, notify.NoticeCode)
		m := o.second.taken[0]
		if !strings.Contains(m.Text.Body, "482913") || !strings.Contains(m.Text.Body, "10 minutes") || m.To.Phone != "+8613800138000" {
			t.Errorf("message %+v", m)
		}
		r := o.records("A1", notify.SMS)
		if len(r) != 1 || r[0].Status != notify.StatusAccepted || r[0].Provider != "two" {
			t.Errorf("records %+v", r)
		}
	})
}
