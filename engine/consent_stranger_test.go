package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
)

const foreign = "+447700900123"

func payerOf(payer string) func(*order.Registration) {
	return func(r *order.Registration) { r.Payer = order.Payer{ID: payer, Locale: "en"} }
}

// leaves opts in on the page of an order with a number that may be anybody's.
func (o *office) leaves(orderNo string) error {
	_, err := o.OptIn(context.Background(), orderNo, engine.Wish{Channel: notify.SMS, Phone: foreign, Wording: agreed})
	return err
}

// The first message about an order tells a stranger why it comes and how it ends. Who gave
// the backend the number knows.
func TestTheFirstMessageSaysWhyItComes(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.waits("A1", payerOf("p1"))
		fatal(t, o.leaves("A1"))
		o.waits("A2")
		o.pass(6 * time.Minute)
		for _, m := range o.sms.sent() {
			explains := strings.Contains(m.Text.Body, "This number was left on the payment page. Not you? End it: "+m.Unsubscribe)
			if want := m.OrderNo == "A1" && m.Notice == notify.NoticeDelayed; explains != want || (want && m.Unsubscribe == "") {
				t.Errorf("%s of %s: %q", m.Notice, m.OrderNo, m.Text.Body)
			}
		}
		o.expect(o.sms, notify.NoticeDelayed, notify.NoticeDelayed, notify.NoticeProlonged, notify.NoticeProlonged)
	})
}

func TestAnSMSThatCanBeAnsweredNamesSTOP(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.waits("A1", payerOf("p1"))
		fatal(t, o.leaves("A1"))
		o.pass(62 * time.Second)
		if got := o.sms.sent()[0].Text.Body; !strings.HasSuffix(got, "Not you? Reply STOP.") || strings.Contains(got, "unsubscribe") {
			t.Errorf("sent %q", got)
		}
	}, func(o *office) { o.sms.traits.Stops = true })
}

// A stranger ends it by the link: whoever left the number, and whoever tries to again. What a
// backend gives with an order is its own business.
func TestWhoEndsItIsLeftAlone(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		ctx := context.Background()
		for i := range 3 {
			o.waits(fmt.Sprint("A", i), payerOf(fmt.Sprint("p", i)))
		}
		fatal(t, o.leaves("A0"))
		fatal(t, o.leaves("A1"))
		fatal(t, o.OptOut(ctx, engine.InboxID("quiet", "p0"), notify.SMS))
		var wrong *order.FieldError
		for _, orderNo := range []string{"A0", "A1", "A2"} {
			if err := o.leaves(orderNo); !errors.As(err, &wrong) || wrong.Field != "phone" {
				t.Errorf("left again for %s: %v", orderNo, err)
			}
		}
		o.pass(2 * time.Minute)
		o.expect(o.sms)
		o.waits("A3", func(r *order.Registration) { r.Payer.Phone = foreign })
		o.pass(2 * time.Minute)
		o.expect(o.sms, notify.NoticeDelayed)
		o.pass(91 * 24 * time.Hour)
		o.register("A4", payerOf("p4"))
		fatal(t, o.leaves("A4"))
	})
}

// What a payer takes back on the page, the payer may ask for again.
func TestWhoTookItBackMayAskAgain(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.waits("A1", payerOf("p1"))
		fatal(t, o.leaves("A1"))
		fatal(t, o.TakeBack(context.Background(), "A1", notify.SMS))
		fatal(t, o.leaves("A1"))
		o.pass(62 * time.Second)
		o.expect(o.sms, notify.NoticeDelayed)
	})
}

// Who answered STOP, as a provider says, is not brought back by somebody who types the
// number; one that was out of order is.
func TestAStopOutlivesAnOptIn(t *testing.T) {
	t.Parallel()
	for code, told := range map[string]bool{"unsubscribed": false, "blocked": false, "bad_number": true} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			opened(t, func(t *testing.T, o *office) {
				o.sms.do(fails(notify.KindAddress, code))
				o.waits("A1", payerOf("p1"))
				fatal(t, o.leaves("A1"))
				o.pass(62 * time.Second)
				o.sms.do(nil)
				o.waits("A2", payerOf("p2"))
				fatal(t, o.leaves("A2"))
				o.pass(62 * time.Second)
				if got := len(o.sms.sent()) > 0; got != told {
					t.Errorf("told %v", o.sms.notices())
				}
			})
		})
	}
}

func TestBoundsOfAnAddress(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		refused := 0
		for i := range 12 {
			o.waits(fmt.Sprint("A", i), payerOf(fmt.Sprint("p", i)))
			if err := o.leaves(fmt.Sprint("A", i)); errors.Is(err, engine.ErrAskedTooOften) {
				refused++
			} else {
				fatal(t, err)
			}
		}
		if refused != 2 {
			t.Errorf("%d of 12 were refused, ten may be", refused)
		}
		o.pass(62 * time.Second)
		if n := len(o.sms.sent()) + len(o.second.sent()); n != 3 {
			t.Errorf("the address got %d messages, 3 may be", n)
		}
		o.pass(25 * time.Hour)
		o.register("B1", payerOf("q1"))
		fatal(t, o.leaves("B1"))
		for i := range 11 {
			_, err := o.OptIn(t.Context(), "B1", engine.Wish{Channel: notify.SMS, Phone: fmt.Sprintf("+4477009001%02d", 30+i)})
			if late := i > 8; errors.Is(err, engine.ErrAskedTooOften) != late {
				t.Errorf("number %d of an order: %v", i+2, err)
			}
		}
	}, func(o *office) { o.plan.Caps = map[notify.Channel]notify.Caps{notify.SMS: {AddressDay: 3}} })
}
