package notify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"anxin/engine/order"
)

// AlertKind is what operators are told of.
type AlertKind string

// The kinds of alerts.
const (
	AlertCaseOpened    AlertKind = "case_opened"    // a person must look at an order
	AlertBreakerOpened AlertKind = "breaker_opened" // a channel, a provider or a backend fails and is left alone
	AlertBreakerClosed AlertKind = "breaker_closed" // it is well again
	AlertLateOrders    AlertKind = "late_orders"    // many payers of one channel wait long: an announcement may be due
)

// AlertKinds are all kinds of alerts.
var AlertKinds = []AlertKind{AlertCaseOpened, AlertBreakerOpened, AlertBreakerClosed, AlertLateOrders}

// AlertPlan says which robots are told of what.
type AlertPlan struct {
	Rules []AlertRule
	// LateOrders is how many orders of one channel must have come into the last stage of
	// waiting within ten minutes, as one node sees them, to be told of.
	LateOrders int
}

// AlertRule tells some kinds of alerts to some robots.
type AlertRule struct {
	Kinds    []AlertKind // empty = all
	Robots   []string    // names of providers; empty = all
	Language string      // "en" or "zh-CN"
}

// DefaultAlerts tell everything to every robot.
func DefaultAlerts() AlertPlan {
	return AlertPlan{Rules: []AlertRule{{Language: "en"}}, LateOrders: 20}
}

// MaxLateOrders bounds what is counted.
const MaxLateOrders = 10_000

// Validate returns an error that names the part which cannot be. robots are the names of
// the configured ones.
func (p AlertPlan) Validate(robots []string) error {
	if p.LateOrders < 1 || p.LateOrders > MaxLateOrders {
		return fmt.Errorf("late_orders must be 1 to %d", MaxLateOrders)
	}
	for i, r := range p.Rules {
		for _, k := range r.Kinds {
			if !slices.Contains(AlertKinds, k) {
				return fmt.Errorf("rules[%d].kinds: %q is none of %v", i, k, AlertKinds)
			}
		}
		for _, name := range r.Robots {
			if !slices.Contains(robots, name) {
				return fmt.Errorf("rules[%d].robots: %q is no provider of kind robot", i, name)
			}
		}
		if alertWords[r.Language] == nil {
			return fmt.Errorf("rules[%d].language must be en or zh-CN", i)
		}
	}
	return nil
}

// Tells returns in which language a robot is told of a kind; the first rule that names both
// holds.
func (p AlertPlan) Tells(robot string, kind AlertKind) (language string, ok bool) {
	for _, r := range p.Rules {
		if (len(r.Kinds) == 0 || slices.Contains(r.Kinds, kind)) && (len(r.Robots) == 0 || slices.Contains(r.Robots, robot)) {
			return r.Language, true
		}
	}
	return "", false
}

// AlertAbout is what an alert counts. It names kinds, channels and providers; no payer and
// no order.
type AlertAbout struct {
	Target string         // name of the channel, provider or backend
	Case   order.CaseKind // of AlertCaseOpened
}

var alertWords = map[string]map[AlertKind]string{
	"en": {
		AlertCaseOpened: "Cases opened: %d. Somebody has to look at them", AlertBreakerOpened: "Fails and is left alone for a while: %d",
		AlertBreakerClosed: "Works again: %d", AlertLateOrders: "Many payers wait long: %d. Consider an announcement",
	},
	"zh-CN": {
		AlertCaseOpened: "新增待人工处理事项 %d 个", AlertBreakerOpened: "出现故障、暂停调用：%d 个",
		AlertBreakerClosed: "已恢复：%d 个", AlertLateOrders: "有 %d 笔订单长时间未确认，可考虑发布公告",
	},
}

var caseWords = map[order.CaseKind]string{
	order.CaseConflict: "证据冲突", order.CaseAmountMismatch: "金额不符", order.CaseMerchantMismatch: "商户不符", order.CaseLateSuccess: "迟到的成功",
	order.CaseRefundFailed: "退款失败", order.CaseQueryExhausted: "查询已尽仍未知", order.CaseQueryRefused: "渠道拒绝查询",
	order.CaseDeliveryFailed: "结果未送达商户", order.CaseDuplicatePayment: "重复支付",
}

// AlertText writes one alert: how many, and of what.
func AlertText(language string, kind AlertKind, counts map[AlertAbout]int) Text {
	total := 0
	var lines []string
	for about, n := range counts {
		total += n
		line := about.Target
		if about.Case != "" {
			word := string(about.Case)
			if language == "zh-CN" {
				word = caseWords[about.Case]
			}
			line = strings.TrimSpace(line + " " + word)
		}
		if n > 1 {
			line += " × " + strconv.Itoa(n)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return Text{Title: "Anxin: " + fmt.Sprintf(alertWords[language][kind], total), Body: strings.Join(lines, "\n")}
}
