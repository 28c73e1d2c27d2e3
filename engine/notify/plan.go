package notify

import (
	"fmt"
	"slices"
	"time"

	"anxin/engine/order"
)

// Plan says who is told what, when and by which channels. It does not change; a new one
// takes its place.
type Plan struct {
	Rules []Rule
	Zone  *time.Location // of payers who name none
	Quiet map[Channel]Quiet
	Caps  map[Channel]Caps
	// Delayed is when the wait counts as one that the payer is told of.
	Delayed time.Duration
}

// Rule says by which channels some notices are told. The first rule that matches holds.
type Rule struct {
	Notices   []Notice
	Diagnoses []order.Diagnosis // empty = whatever it is
	// Waited has the rule hold only for payers who had to wait into the delayed stage, or
	// who claimed the payment at all: nobody else fears for his money. Who asked to be told
	// is told all the same, where he asked for it.
	Waited  bool
	Claimed bool
	// IgnoreQuiet sends in the quiet hours too.
	IgnoreQuiet bool
	// Optional messages can be unsubscribed from. The others belong to the payment itself.
	Optional bool
	Steps    []Step
}

// Step is one channel of a rule.
type Step struct {
	Channel Channel
	After   time.Duration // since the notice became true
	// Unless names channels that make this one needless once a message about the same
	// notice has come as far as the status: accepted, or delivered. It does not keep the
	// result from where the payer asked for it.
	Unless map[Channel]Status
	// Min is the least amount, in minor units by currency, that is worth the message. A
	// currency that is not named is worth it.
	Min map[string]int64
	// EvenIfSeen sends although the payer has this very state on the page.
	EvenIfSeen bool
}

// Quiet is a span of the day in which a channel is silent, in minutes since midnight. It
// may run over midnight.
type Quiet struct {
	From, To int
}

// Caps bound how many messages of a channel are sent. 0 = any number.
type Caps struct {
	Order    int // about one order
	PayerDay int // to one payer in a day
	Day      int // of the whole system in a day
	// AddressDay bounds what an address gets in a day that somebody left on a page: it may
	// be a stranger's.
	AddressDay int
}

// MinutesOfDay are the minutes that a Quiet may name.
const MinutesOfDay = 24 * 60

// MaxAfter bounds a step's delay: later than that the payer has asked already.
const MaxAfter = 24 * time.Hour

// Validate returns an error that names the part which cannot be.
func (p *Plan) Validate() error {
	if p.Zone == nil {
		return fmt.Errorf("time_zone must be set")
	}
	for c, q := range p.Quiet {
		if !slices.Contains(Channels, c) || q.From < 0 || q.From >= MinutesOfDay || q.To < 0 || q.To >= MinutesOfDay || q.From == q.To {
			return fmt.Errorf("quiet_hours.%s must name a channel, and two different times of a day", c)
		}
	}
	for c, caps := range p.Caps {
		if !slices.Contains(Channels, c) || min(caps.Order, caps.PayerDay, caps.Day, caps.AddressDay) < 0 {
			return fmt.Errorf("caps.%s must name a channel, and figures that are not negative", c)
		}
	}
	for i, r := range p.Rules {
		if err := r.validate(); err != nil {
			return fmt.Errorf("rules[%d]: %w", i, err)
		}
	}
	return nil
}

var planned = []Notice{NoticeDelayed, NoticeProlonged, NoticeSucceeded, NoticeFailed, NoticeClosed, NoticeRefunding, NoticeRefunded, NoticePartRefunding, NoticePartRefunded}

func (r Rule) validate() error {
	if len(r.Notices) == 0 {
		return fmt.Errorf("notices must name at least one")
	}
	for _, n := range r.Notices {
		if !slices.Contains(planned, n) {
			return fmt.Errorf("notices: %q is none of %v", n, planned)
		}
	}
	var seen []Channel
	for i, s := range r.Steps {
		if slices.Contains(seen, s.Channel) {
			return fmt.Errorf("tell[%d]: channel %q is there twice", i, s.Channel)
		}
		if err := s.validate(); err != nil {
			return fmt.Errorf("tell[%d]: %w", i, err)
		}
		seen = append(seen, s.Channel)
	}
	return nil
}

func (s Step) validate() error {
	switch {
	case !slices.Contains(Channels, s.Channel) || s.Channel == Robot:
		return fmt.Errorf("channel: %q does not reach payers", s.Channel)
	case s.After < 0 || s.After > MaxAfter:
		return fmt.Errorf("after: must be 0 to %v", MaxAfter)
	}
	for c, status := range s.Unless {
		if !slices.Contains(Channels, c) || c == s.Channel || (status != StatusAccepted && status != StatusDelivered) {
			return fmt.Errorf("unless: %s must be another channel, with accepted or delivered", c)
		}
	}
	for currency, minor := range s.Min {
		if _, ok := order.Digits(currency); !ok || minor < 0 {
			return fmt.Errorf("min_amount: %q must be a currency, with an amount in minor units", currency)
		}
	}
	return nil
}

// Rule returns the rule that holds for a notice about an order.
func (p *Plan) Rule(n Notice, o order.Order) (Rule, bool) {
	for _, r := range p.Rules {
		if slices.Contains(r.Notices, n) && p.holds(r, o) {
			return r, true
		}
	}
	return Rule{}, false
}

func (p *Plan) holds(r Rule, o order.Order) bool {
	switch {
	case len(r.Diagnoses) > 0 && !slices.Contains(r.Diagnoses, o.Diagnosis()):
		return false
	case r.Claimed && o.ClaimedAt == 0:
		return false
	}
	return !r.Waited || o.AskedAt != 0 || waited(o, p.Delayed)
}

// Tells reports whether a payer of the order who asks to be told by a channel how it ends
// would be: what is not kept must not be offered.
func (p *Plan) Tells(c Channel, o order.Order) bool {
	o.AskedAt = max(o.AskedAt, 1)
	for _, n := range []Notice{NoticeSucceeded, NoticeFailed} {
		rule, _ := p.Rule(n, o)
		step, ok := rule.Step(c)
		if !ok || step.tooSmall(o.Amount) {
			return false
		}
	}
	return true
}

// tooSmall reports whether an amount is not worth the step.
func (s Step) tooSmall(m order.Money) bool {
	least, ok := s.Min[m.Currency]
	return ok && m.Minor < least
}

// Step returns the rule's step of a channel.
func (r Rule) Step(c Channel) (Step, bool) {
	i := slices.IndexFunc(r.Steps, func(s Step) bool { return s.Channel == c })
	if i < 0 {
		return Step{}, false
	}
	return r.Steps[i], true
}

// QuietUntil returns the end of the quiet hours in which a channel is at an instant, or
// the instant itself.
func (p *Plan) QuietUntil(c Channel, zone *time.Location, now order.Time) order.Time {
	q, ok := p.Quiet[c]
	if !ok {
		return now
	}
	local := now.Std().In(zone)
	minute := local.Hour()*60 + local.Minute()
	quiet := minute >= q.From && minute < q.To
	if q.From > q.To { // over midnight
		quiet = minute >= q.From || minute < q.To
	}
	if !quiet {
		return now
	}
	day := local
	if q.From > q.To && minute >= q.From {
		day = local.AddDate(0, 0, 1)
	}
	end := time.Date(day.Year(), day.Month(), day.Day(), q.To/60, q.To%60, 0, 0, zone)
	return max(order.At(end), now+1) // an end that the change to summer time skipped is over
}

// ZoneOf returns the time zone in which a payer lives.
func (p *Plan) ZoneOf(o order.Order) *time.Location {
	if o.Payer.Zone != "" {
		if zone, err := time.LoadLocation(o.Payer.Zone); err == nil {
			return zone
		}
	}
	return p.Zone
}
