package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
)

// staffed is an office with robots in two groups.
func staffed(t *testing.T, f func(t *testing.T, o *office, ops, support *phone), change ...func(*engine.MessageDeps)) {
	t.Helper()
	robot := notify.Traits{Channel: notify.Robot, Repeatable: true}
	ops, support := &phone{traits: robot}, &phone{traits: robot}
	opened(t, func(t *testing.T, o *office) {
		deps := o.deps()
		deps.Providers = append(deps.Providers, engine.MessageProvider{Name: "ops", Provider: ops}, engine.MessageProvider{Name: "support", Provider: support})
		deps.Alerts = notify.AlertPlan{LateOrders: 3, Rules: []notify.AlertRule{
			{Kinds: []notify.AlertKind{notify.AlertCaseOpened}, Robots: []string{"support"}, Language: "zh-CN"}, {Robots: []string{"ops"}, Language: "en"},
		}}
		for _, c := range change {
			c(deps)
		}
		o.house.messages = func() *engine.MessageDeps { return deps }
		o.reopen()
		f(t, o, ops, support)
	})
}

// mismatch opens a case of an order.
func (o *office) mismatch(orderNo string) {
	o.t.Helper()
	wrong := order.Money{Minor: price.Minor + 1, Currency: price.Currency}
	o.callback(note{OrderNo: orderNo, Key: "w-" + orderNo, Evidence: order.Evidence{Claims: order.ClaimsSucceeded, Amount: &wrong, Merchant: merchant}})
	synctest.Wait()
}

// Cases are told at once, and those that follow together a minute later.
func TestOperatorsAreToldOfCasesTogether(t *testing.T) {
	t.Parallel()
	staffed(t, func(t *testing.T, o *office, ops, support *phone) {
		for i := range 6 {
			o.register(fmt.Sprint("A", i), reachable)
		}
		o.mismatch("A0")
		if len(ops.sent()) != 1 || len(support.sent()) != 1 {
			t.Fatalf("told %d and %d times of the first", len(ops.sent()), len(support.sent()))
		}
		if m := ops.sent()[0]; m.Notice != notify.NoticeAlert || m.Text.Title != "Anxin: Cases opened: 1. Somebody has to look at them" || m.Text.Body != "pay amount_mismatch" {
			t.Errorf("told %+v", m)
		}
		if m := support.sent()[0]; m.Text.Body != "pay 金额不符" || !strings.Contains(m.Text.Title, "新增待人工处理事项 1 个") {
			t.Errorf("told %+v", m)
		}
		for i := range 5 {
			o.mismatch(fmt.Sprint("A", i+1))
			o.pass(5 * time.Second)
		}
		if n := len(ops.sent()); n != 1 {
			t.Errorf("told %d times within a minute", n)
		}
		o.pass(time.Minute)
		if n := len(ops.sent()); n != 2 || !strings.Contains(ops.sent()[1].Text.Title, "Cases opened: 5") || ops.sent()[1].Text.Body != "pay amount_mismatch × 5" {
			t.Errorf("told %d times, last %+v", n, ops.sent()[n-1])
		}
		for _, m := range append(ops.sent(), support.sent()...) {
			for _, private := range []string{"A0", "A1", "13800138000", "token-1"} {
				if strings.Contains(m.Text.Title+m.Text.Body, private) {
					t.Errorf("an alert tells %s: %+v", private, m.Text)
				}
			}
		}
	})
}

func TestOperatorsAreToldOfBreakers(t *testing.T) {
	t.Parallel()
	staffed(t, func(t *testing.T, o *office, ops, support *phone) {
		o.sms.do(fails(notify.KindTemporary, "http_503"))
		for i := range 8 {
			o.waits(fmt.Sprint("A", i))
		}
		o.pass(2 * time.Minute)
		o.sms.do(nil)
		for i := range 8 {
			o.pays(fmt.Sprint("A", i))
		}
		o.pass(10 * time.Minute)
		var titles []string
		for _, m := range ops.sent() {
			if m.Text.Body == "one" {
				titles = append(titles, m.Text.Title)
			}
		}
		if len(titles) < 2 || !strings.Contains(titles[0], "Fails") || !strings.Contains(titles[len(titles)-1], "Works again") {
			t.Errorf("told %q", titles)
		}
		if len(support.sent()) != 0 {
			t.Errorf("the other group is told %+v", support.sent())
		}
	})
}

// A merchant's backend that fails is told of like a channel, once, and when it works again.
func TestOperatorsAreToldOfBackends(t *testing.T) {
	t.Parallel()
	staffed(t, func(t *testing.T, o *office, ops, support *phone) {
		o.backend.does(func(int, engine.Webhook) error { return refusing("http_503") })
		for i := range 8 {
			o.register(fmt.Sprint("A", i), withWebhook)
			o.pays(fmt.Sprint("A", i))
		}
		o.pass(10 * time.Minute)
		told := func() (titles []string) {
			for _, m := range ops.sent() {
				if strings.HasPrefix(m.Text.Body, "webhook of "+shop) {
					titles = append(titles, m.Text.Title)
				}
			}
			return titles
		}
		if got := told(); len(got) != 1 || !strings.Contains(got[0], "Fails") {
			t.Errorf("while it fails: %q", got)
		}
		o.backend.does(nil)
		o.pass(10 * time.Minute)
		if got := told(); len(got) != 2 || !strings.Contains(got[1], "Works again") {
			t.Errorf("once it works: %q", got)
		}
		if len(support.sent()) != 0 {
			t.Errorf("the other group is told %+v", support.sent())
		}
	})
}

// Many late orders of one channel are one alert, and not again for half an hour.
func TestOperatorsAreToldOfAnIncident(t *testing.T) {
	t.Parallel()
	staffed(t, func(t *testing.T, o *office, ops, _ *phone) {
		late := func() (list []string) {
			for _, m := range ops.sent() {
				if strings.Contains(m.Text.Title, "wait long") {
					list = append(list, m.Text.Title+"|"+m.Text.Body)
				}
			}
			return list
		}
		o.waits("A1")
		o.waits("A2")
		o.pass(6 * time.Minute)
		if got := late(); len(got) != 0 {
			t.Errorf("two late orders are %q", got)
		}
		for i := range 9 {
			o.waits(fmt.Sprint("B", i))
		}
		o.pass(7 * time.Minute)
		if got := late(); len(got) != 1 || !strings.HasSuffix(got[0], "|pay × 3") {
			t.Errorf("told %q", got)
		}
	})
}

// A robot that cannot be told is told with the next; one that is paused is not.
func TestAlertsAreNotLost(t *testing.T) {
	t.Parallel()
	staffed(t, func(t *testing.T, o *office, ops, support *phone) {
		ops.do(fails(notify.KindTemporary, "http_503"))
		_, err := o.PauseFor(t.Context(), engine.Pause{Kind: engine.TaskNotify, Target: "support", Until: order.At(time.Now().Add(time.Hour)), Actor: "li", Reason: "x"})
		fatal(t, err)
		o.register("A1", reachable)
		o.mismatch("A1")
		ops.do(nil)
		o.pass(61 * time.Second)
		if len(ops.sent()) != 1 || !strings.Contains(ops.sent()[0].Text.Title, "Cases opened: 1") || len(support.sent()) != 0 {
			t.Errorf("told %+v, and the paused one %+v", ops.sent(), support.sent())
		}
	})
}

func TestAlertPlansThatCannotBeAreNamed(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*notify.AlertPlan){
		"late_orders must be":          func(p *notify.AlertPlan) { p.LateOrders = 0 },
		`rules[0].kinds: "x" is none`:  func(p *notify.AlertPlan) { p.Rules[0].Kinds = []notify.AlertKind{"x"} },
		`rules[0].robots: "x" is no`:   func(p *notify.AlertPlan) { p.Rules[0].Robots = []string{"x"} },
		"rules[0].language must be en": func(p *notify.AlertPlan) { p.Rules[0].Language = "fr" },
	} {
		p := notify.DefaultAlerts()
		change(&p)
		if err := p.Validate([]string{"ops"}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
