package chaos

import (
	"fmt"
	"strings"
	"time"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// backendName is the merchant's, by its api key.
const backendName = "shop"

const (
	carrierOne = "carrier-one"
	carrierTwo = "carrier-two"
)

// around is what the server's configuration names of the world around it.
type around struct {
	gateway, webhooks, secret string // of the payment channel and the backend
	carriers                  [2]string
	pushes, account           string
	mailPort                  int
}

// rules are those of the plan, which the judges know by their own words: see untold.
var rules = []struct {
	notices string
	when    string
	via     []notify.Channel
}{
	{"delayed", "claimed: true", []notify.Channel{notify.Inbox, notify.Push, notify.SMS}},
	{"prolonged", "claimed: true, optional: true", []notify.Channel{notify.Inbox, notify.Push, notify.SMS, notify.Email}},
	{"succeeded, failed, closed, refunding, refunded", "waited: false", []notify.Channel{notify.Inbox, notify.Push, notify.SMS, notify.Email}},
	{"part_refunding, part_refunded", "waited: false", []notify.Channel{notify.Inbox, notify.Push, notify.SMS}},
}

// after is how long channels wait after the news.
var after = map[notify.Channel]time.Duration{
	notify.Inbox: time.Millisecond, notify.Push: time.Millisecond, notify.SMS: 300 * time.Millisecond, notify.Email: 200 * time.Millisecond,
}

// The bounds on messages are such that some payers meet each of them.
const (
	capOrder    = 3 // SMS about one order
	capPayerDay = 5 // SMS to one payer
)

// capMails is how many mails the whole system may send in a day: fewer than it would.
func capMails() int { return max(*orders/5, 1) }

// planText writes the plan, in a zone in which no day ends soon.
func planText(now time.Time) string {
	noon := 12 - now.UTC().Hour() // Etc/GMT-3 is three hours ahead
	zone := fmt.Sprintf("Etc/GMT%+d", -noon)
	if noon == 0 {
		zone = "Etc/GMT"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "notifications:\n  time_zone: %s\n  quiet_hours: {}\n", zone)
	fmt.Fprintf(&b, "  caps:\n    sms: {order: %d, payer_day: %d}\n    email: {day: %d}\n  rules:\n", capOrder, capPayerDay, capMails())
	for _, r := range rules {
		fmt.Fprintf(&b, "    - notices: [%s]\n      %s\n      tell:\n", r.notices, strings.ReplaceAll(r.when, ", ", "\n      "))
		for _, c := range r.via {
			fmt.Fprintf(&b, "        - {channel: %s, after: %s, even_if_seen: %v}\n", c, after[c], c == notify.Inbox)
		}
	}
	return b.String()
}

// templatesText writes a template for each notice, such that the observer can read it.
func templatesText() string {
	var b strings.Builder
	b.WriteString("  templates:\n")
	for _, name := range []notify.Notice{
		notify.NoticeDelayed, notify.NoticeProlonged, notify.NoticeSucceeded, notify.NoticeFailed, notify.NoticeClosed, notify.NoticeRefunding, notify.NoticeRefunded,
		notify.NoticePartRefunding, notify.NoticePartRefunded,
	} {
		text := "{{.OrderNo}} " + string(name)
		switch name { //nolint:exhaustive // no other has to name more
		case notify.NoticeRefunding, notify.NoticePartRefunding:
			text += " {{.RefundAmount}}"
		case notify.NoticeRefunded, notify.NoticePartRefunded:
			text += " {{.RefundAmount}} {{.RefundAt}}"
		}
		for suffix, says := range map[string]string{"": "", "_located": " located"} {
			fmt.Fprintf(&b, "    - {name: %s%s, language: en, version: 2, title: %q, body: %q, short: %q}\n", name, suffix, text+says, text+says, text+says)
		}
	}
	return b.String()
}

// yaml is the configuration file.
func (a around) yaml(now time.Time) string {
	return fmt.Sprintf(`
backends:
  shop:
    webhook: {url: %q, secrets: [%q], allow_private: true}
channels:
  sandbox: {qps: 100, breaker: {failures: 5, cooldown: 1s}}
check_gap: 1s
drain_window: 1s
stages: {delayed: 1s, prolonged: 3s}
`, a.webhooks, a.secret) + planText(now) + templatesText() + a.providers()
}

func (a around) providers() string {
	var b strings.Builder
	b.WriteString("  providers:\n")
	for i, name := range []string{carrierOne, carrierTwo} {
		fmt.Fprintf(&b, "    - {name: %s, kind: twilio, account: {account_sid: %s, auth_token: env:CHAOS_TWILIO, from: '+15005550006', base_url: %q}}\n",
			name, carrierAccount, a.carriers[i])
	}
	fmt.Fprintf(&b, "    - {name: app, kind: fcm, account: {service_account: env:CHAOS_FCM, base_url: %q}}\n", a.pushes)
	fmt.Fprintf(&b, "    - {name: mail, kind: email, account: {host: 127.0.0.1, port: %d, security: none, from: 'Tea Shop <no-reply@shop.example>'}}\n", a.mailPort)
	return b.String()
}

// news is what a payer is to be told of an order that is in a status and stage, by the
// words of the product and not by its code.
func news(s order.Status, stage order.Stage) notify.Notice {
	switch s {
	case order.StatusConfirming:
		switch stage {
		case order.Delayed:
			return notify.NoticeDelayed
		case order.Prolonged:
			return notify.NoticeProlonged
		case order.Fresh, order.Resolved:
		}
	case order.StatusSucceeded:
		return notify.NoticeSucceeded
	case order.StatusFailed:
		return notify.NoticeFailed
	case order.StatusClosed:
		return notify.NoticeClosed
	case order.StatusRefunding:
		return notify.NoticeRefunding
	case order.StatusRefunded:
		return notify.NoticeRefunded
	case order.StatusAwaiting:
	}
	return ""
}

// statusOf is the status that a notice tells.
func statusOf(n notify.Notice) order.Status {
	switch {
	case n.Result():
		return order.Status(n)
	case n.Part():
		return order.StatusSucceeded
	}
	return order.StatusConfirming
}

// holds reports whether a notice may be told of an order that is in a status and stage.
func holds(n notify.Notice, s order.Status, stage order.Stage) bool {
	if n.Part() {
		return s == order.StatusSucceeded
	}
	return news(s, stage) == n
}

// channelsOf are those by which a notice is told.
func channelsOf(n notify.Notice) []notify.Channel {
	for _, r := range rules {
		if strings.Contains(", "+r.notices+",", ", "+string(n)+",") {
			return r.via
		}
	}
	return nil
}
