package notify

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"anxin/engine/order"
)

// Vars are what a template may say. Which of them a notice has is in noticeVars: a
// template that uses another is refused when it is loaded.
type Vars struct {
	Brand        string
	OrderNo      string
	Subject      string
	Amount       string // "¥88.00"
	By           string // when most such payments are confirmed; "" once that is over
	NextAt       string // next attempt, "" = none is promised
	ReviewBy     string // when people answer, "" = no case is open
	Support      string // link
	Link         string // to the payer's page
	RefundAmount string
	RefundAt     string // credited
	RefundSum    string // credited of all refunds of a part; "" while that is no more than this one
	Code         string // one-time
	Minutes      int    // that the code works
	Received     bool   // the payment arrived, the order is being updated
	Safe         bool   // the money goes to the order or back
	Waited       bool   // the payer had to wait: an apology is due
	PayAgain     bool   // paying again cannot charge twice
	Corrected    bool   // another result was told before
}

// VarKind is the type of a variable.
type VarKind string

// The types. All but flags can be printed; every one can be asked for.
const (
	KindText   VarKind = "text"
	KindMoney  VarKind = "amount" // with its currency, as people write it
	KindTime   VarKind = "time"   // on the payer's clock, "" = there is none
	KindLink   VarKind = "link"   // "" = there is none
	KindNumber VarKind = "number"
	KindFlag   VarKind = "flag" // yes or no
)

var kinds = map[string]VarKind{
	"Brand": KindText, "OrderNo": KindText, "Subject": KindText, "Code": KindText,
	"Amount": KindMoney, "RefundAmount": KindMoney, "RefundSum": KindMoney,
	"By": KindTime, "NextAt": KindTime, "ReviewBy": KindTime, "RefundAt": KindTime,
	"Support": KindLink, "Link": KindLink,
	"Minutes":  KindNumber,
	"Received": KindFlag, "Safe": KindFlag, "Waited": KindFlag, "PayAgain": KindFlag, "Corrected": KindFlag,
}

// Variable is what a template of a notice may say.
type Variable struct {
	Notice   Notice
	Name     string
	Kind     VarKind
	Required bool
}

// Variables lists the variables of each notice, by notice and name.
func Variables() []Variable {
	var list []Variable
	for n, vars := range noticeVars {
		for _, name := range vars.may {
			list = append(list, Variable{n, name, kinds[name], slices.Contains(vars.must, name)})
		}
	}
	slices.SortFunc(list, func(a, b Variable) int {
		return cmp.Or(strings.Compare(string(a.Notice), string(b.Notice)), strings.Compare(a.Name, b.Name))
	})
	return list
}

// values are the variables that can be printed, by name.
func (v Vars) values() map[string]string {
	return map[string]string{
		"Brand": v.Brand, "OrderNo": v.OrderNo, "Subject": v.Subject, "Amount": v.Amount, "By": v.By, "NextAt": v.NextAt,
		"ReviewBy": v.ReviewBy, "Support": v.Support, "Link": v.Link, "RefundAmount": v.RefundAmount, "RefundAt": v.RefundAt, "RefundSum": v.RefundSum,
		"Code": v.Code, "Minutes": strconv.Itoa(v.Minutes),
	}
}

var (
	common  = []string{"Brand", "OrderNo", "Subject", "Amount", "Support", "Link"}
	waiting = []string{"By", "NextAt", "ReviewBy", "Received", "Safe"}
	results = []string{"Waited", "PayAgain", "Corrected"}
)

// noticeVars are the variables that each notice has, and those that it must use: a refund
// without its amount tells nothing.
var noticeVars = map[Notice]struct{ may, must []string }{
	NoticeDelayed:   {join(common, waiting), []string{"OrderNo"}},
	NoticeProlonged: {join(common, waiting), []string{"OrderNo"}},
	NoticeSucceeded: {join(common, results), []string{"OrderNo"}},
	NoticeFailed:    {join(common, results), []string{"OrderNo"}},
	NoticeClosed:    {join(common, results), []string{"OrderNo"}},
	NoticeRefunding: {join(common, results, []string{"RefundAmount"}), []string{"OrderNo", "RefundAmount"}},
	NoticeRefunded:  {join(common, results, []string{"RefundAmount", "RefundAt"}), []string{"OrderNo", "RefundAmount", "RefundAt"}},

	NoticePartRefunding: {join(common, []string{"RefundAmount", "RefundSum"}), []string{"OrderNo", "RefundAmount"}},
	NoticePartRefunded:  {join(common, []string{"RefundAmount", "RefundAt", "RefundSum"}), []string{"OrderNo", "RefundAmount", "RefundAt"}},

	NoticeCode: {[]string{"Brand", "Code", "Minutes", "Support"}, []string{"Code"}},
	NoticeTest: {[]string{"Brand", "Support"}, nil},
}

func join(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// Frame is what the variables of an order are read within.
type Frame struct {
	Brand    string
	Support  string // for orders that name no link
	Link     string
	Zone     *time.Location
	Language string
	Records  []Record
	Refund   *order.Refund // that is told of; nil = the order is
	Delayed  time.Duration
	Now      order.Time
}

// VarsOf reads what may be said of an order.
func VarsOf(o order.Order, f Frame) Vars {
	p := o.Progress()
	v := Vars{
		Brand: f.Brand, OrderNo: o.OrderNo, Subject: o.Subject, Amount: amount(o.Amount), Support: f.Support, Link: f.Link,
		Received: p.Step == order.StepReceived, Safe: o.Mode == order.Managed, PayAgain: !p.DoNotPayAgain,
		Waited: waited(o, f.Delayed), Corrected: correctsResult(f.Records, Current(o)),
	}
	if p.Links.Support != nil {
		v.Support = *p.Links.Support
	}
	v.Support = strings.ReplaceAll(v.Support, "{order_no}", o.OrderNo)
	if p.Expected != nil && p.Expected.LateBy > f.Now {
		v.By = f.clock(p.Expected.LateBy)
	}
	if p.NextAttemptAt > f.Now {
		v.NextAt = f.clock(p.NextAttemptAt)
	}
	if p.Review != nil {
		v.ReviewBy = f.clock(p.Review.AnswerBy)
	}
	if refund := o.RefundTotal(); refund != nil {
		v.RefundAmount, v.RefundAt = amount(refund.Amount), f.clock(refund.CreditedAt)
	}
	if f.Refund != nil {
		v.setPart(o, f)
	}
	return v
}

// setPart reads what may be said of one refund.
func (v *Vars) setPart(o order.Order, f Frame) {
	v.RefundAmount = amount(order.Money{Minor: f.Refund.Minor, Currency: o.Amount.Currency})
	v.RefundAt = f.clock(f.Refund.CreditedAt)
	others := o.Credited()
	if f.Refund.CreditedAt != 0 {
		others.Minor -= f.Refund.Minor
	}
	if others.Minor > 0 {
		v.RefundSum = amount(o.Credited())
	}
}

// correctsResult reports whether the payer was told that nothing was charged before: a
// refund that follows a success corrects nothing.
func correctsResult(records []Record, now Notice) bool {
	for _, r := range records {
		if (r.Notice == NoticeFailed || r.Notice == NoticeClosed) && r.Notice != now && r.Status != StatusDropped && r.Status != StatusWaiting {
			return true
		}
	}
	return false
}

func amount(m order.Money) string {
	if m.Currency == "CNY" {
		return "¥" + m.Decimal()
	}
	return m.Currency + " " + m.Decimal()
}

// clock writes a time as the payer's own clock shows it, with the day unless that is
// today.
func (f Frame) clock(t order.Time) string {
	if t == 0 {
		return ""
	}
	local, today := t.Std().In(f.Zone), f.Now.Std().In(f.Zone)
	layout := "15:04"
	if local.YearDay() != today.YearDay() || local.Year() != today.Year() {
		layout = "2 Jan 15:04"
		if strings.HasPrefix(f.Language, "zh") {
			layout = "1月2日 15:04"
		}
	}
	return local.Format(layout)
}
