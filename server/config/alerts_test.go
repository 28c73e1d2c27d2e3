package config

import (
	"slices"
	"strings"
	"testing"

	"anxin/engine/notify"
)

func TestAlertsNameRobots(t *testing.T) {
	t.Parallel()
	const robots = `
notifications:
  providers:
    - { name: ops, kind: robot, account: { kind: slack, url: 'https://hooks.example/x' } }
    - { name: sms-main, kind: twilio, account: {} }
  alerts: `
	c := load(t, withFile(t, robots+`{ late_orders: 7, rules: [{ kinds: [late_orders], robots: [ops] }, { language: zh-CN }] }`))
	if a := c.Notifications.Alerts; a.LateOrders != 7 || len(a.Rules) != 2 || a.Rules[0].Language != "en" || !slices.Equal(a.Rules[0].Robots, []string{"ops"}) {
		t.Errorf("alerts %+v", a)
	}
	if a := load(t, withFile(t, robots+"{}")).Notifications.Alerts; len(a.Rules) != 1 || a.LateOrders != notify.DefaultAlerts().LateOrders {
		t.Errorf("alerts %+v", a)
	}
	for want, alerts := range map[string]string{
		`notifications.alerts rules[0].robots: "sms-main" is no provider of kind robot`: `{ rules: [{ robots: [sms-main] }] }`,
		`notifications.alerts rules[0].kinds: "fire" is none`:                           `{ rules: [{ kinds: [fire] }] }`,
		`notifications.alerts late_orders must be`:                                      `{ late_orders: -1 }`,
	} {
		_, err := Load(withFile(t, robots+alerts).get)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
