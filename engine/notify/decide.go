package notify

import (
	"slices"
	"time"

	"anxin/engine/order"
)

// Facts are what is known when a channel is decided on.
type Facts struct {
	Order    order.Order
	Notice   Notice        // "" = the current one
	Since    order.Time    // when the notice became true; 0 = as the order says
	Refund   *order.Refund // that the notice is about; nil = it is about the order
	Now      order.Time
	Contacts []Contact // of the payer, of all channels
	Records  []Record  // of the order
	Seen     bool      // the payer has had what is to be told on the screen
	Watching bool      // the payer's page is open
	OptedOut map[Channel]bool
	Sendable map[Channel]bool // channels that have somebody to send them
}

// Action is what a decision comes to.
type Action string

// The actions.
const (
	ActionSend Action = "send"
	ActionWait Action = "wait" // decide again at Decision.At
	ActionSkip Action = "skip" // nothing is sent
)

// Decision is what becomes of one channel.
type Decision struct {
	Channel Channel
	Action  Action
	Reason  Reason
	At      order.Time // when it is sent or decided again
	Rule    Rule
	To      []Contact // for ActionSend: who is still to be told
}

// Reason says why, for people and metrics.
type Reason string

// The reasons.
const (
	ReasonDue       Reason = "due"
	ReasonNoNotice  Reason = "nothing_to_tell"
	ReasonNoRule    Reason = "no_rule"
	ReasonNoStep    Reason = "not_by_this_channel"
	ReasonNoSender  Reason = "no_provider"
	ReasonNoContact Reason = "no_address"
	ReasonDead      Reason = "address_dead"
	ReasonOptedOut  Reason = "unsubscribed"
	ReasonTold      Reason = "told_already"
	ReasonResult    Reason = "result_was_told" // the payer knows more than this
	ReasonSeen      Reason = "seen_on_page"
	ReasonWatching  Reason = "watching_page"
	ReasonReached   Reason = "reached_otherwise"
	ReasonSmall     Reason = "amount_too_small"
	ReasonCapOrder  Reason = "cap_of_order"
	ReasonDelay     Reason = "delay"
	ReasonQuiet     Reason = "quiet_hours"
)

const (
	// watchEvery is how often a watched page is looked at again: a payer who leaves it is
	// told soon after.
	watchEvery = 10 * time.Second
	// watchFor is how long. Who has the page open for that long after the news has it.
	watchFor = time.Minute
)

// Decide says what becomes of a channel now. It is a pure function: the same facts lead
// to the same decision on every node and in every preview.
func (p *Plan) Decide(c Channel, f Facts) Decision {
	if f.Notice == "" {
		f.Notice = Current(f.Order)
	}
	if f.Since == 0 {
		f.Since = Since(f.Order)
	}
	d := Decision{Channel: c, Action: ActionSkip, At: f.Now}
	rule, ok := p.Rule(f.Notice, f.Order)
	step, has := rule.Step(c)
	d.Rule = rule
	switch {
	case f.Notice == "":
		d.Reason = ReasonNoNotice
	case !ok:
		d.Reason = ReasonNoRule
	case !has:
		d.Reason = ReasonNoStep
	case !f.Sendable[c]:
		d.Reason = ReasonNoSender
	default:
		d.To, d.Reason = p.recipients(c, rule, f)
	}
	if d.Reason != "" {
		return d
	}
	if d.Reason = p.needless(c, step, f); d.Reason != "" {
		return d
	}
	if d.To = unreached(d.To, step, f); len(d.To) == 0 {
		d.Reason = ReasonReached
		return d
	}
	return p.timed(d, step, f)
}

// recipients returns who of the channel's addresses is still to be told, or why nobody.
func (p *Plan) recipients(c Channel, rule Rule, f Facts) ([]Contact, Reason) {
	var list []Contact
	why := ReasonNoContact
	askedOnly := rule.Waited && !waited(f.Order, p.Delayed)
	for _, contact := range f.Contacts {
		switch {
		case contact.Channel != c:
		case askedOnly && !contact.Asked:
		case contact.Dead:
			why = ReasonDead
		case f.OptedOut[c] && (rule.Optional || contact.OptedIn):
			why = ReasonOptedOut
		case told(f, c, contact.Fingerprint):
			why = ReasonTold
		default:
			list = append(list, contact)
		}
	}
	if len(list) > 0 {
		why = ""
	}
	return list, why
}

// Codes of messages that were dropped. Other dropped ones have the Reason for which nobody
// needed them.
const (
	CodeSuperseded = "superseded"  // something else came true before it was sent
	CodeCapped     = "cap_used_up" // a bound that orders share
)

// told reports whether the address has its message about the notice, or may have it. One
// that was needless before it was sent is told if it comes true again.
func told(f Facts, c Channel, fingerprint string) bool {
	id := f.MessageID(c, fingerprint)
	for _, r := range f.Records {
		if r.ID == id {
			return r.Status.Final() && (r.Status != StatusDropped || r.Code == CodeCapped)
		}
	}
	return false
}

// needless says why nobody needs the message any more; "" = it is needed.
func (p *Plan) needless(c Channel, step Step, f Facts) Reason {
	if !f.Notice.Result() && !f.Notice.Part() && resultTold(f.Records) {
		return ReasonResult
	}
	if step.tooSmall(f.amount()) {
		return ReasonSmall
	}
	if !step.EvenIfSeen && f.Seen {
		return ReasonSeen
	}
	if n := p.Caps[c].Order; n > 0 && f.sentBy(c) >= n {
		return ReasonCapOrder
	}
	return ""
}

// resultTold reports whether a result has left the house. After that nobody is told that
// the payment is being confirmed, even if evidence takes the order back to that.
func resultTold(records []Record) bool {
	for _, r := range records {
		if r.Notice.Result() && r.Status != StatusDropped && r.Status != StatusWaiting {
			return true
		}
	}
	return false
}

// unreached leaves out whom another channel has reached, but not where the payer asked for
// the result: the page has promised it there.
func unreached(to []Contact, step Step, f Facts) []Contact {
	for other, want := range step.Unless {
		if reachedBy(f, other, want) {
			return slices.DeleteFunc(to, func(c Contact) bool { return !c.Asked || !f.Notice.Result() })
		}
	}
	return to
}

func reachedBy(f Facts, c Channel, want Status) bool {
	for _, r := range f.Records {
		if r.Channel == c && r.Notice == f.Notice && (f.Refund == nil || r.ID == f.MessageID(c, r.Fingerprint)) && r.Status.reached(want) {
			return true
		}
	}
	return false
}

// sentBy counts a channel's messages about the order, or about its refunds: neither uses up
// the bound of the other.
func (f Facts) sentBy(c Channel) (n int) {
	for _, r := range f.Records {
		if r.Channel == c && r.Notice.Part() == f.Notice.Part() && r.Status != StatusDropped && r.Status != StatusWaiting {
			n++
		}
	}
	return n
}

// timed lets the message wait for what it has to wait for.
func (p *Plan) timed(d Decision, step Step, f Facts) Decision {
	due := f.Since.Add(step.After)
	quiet := p.QuietUntil(d.Channel, p.ZoneOf(f.Order), max(f.Now, due))
	switch {
	case due > f.Now:
		d.Action, d.Reason, d.At = ActionWait, ReasonDelay, due
	case !d.Rule.IgnoreQuiet && quiet > f.Now:
		d.Action, d.Reason, d.At = ActionWait, ReasonQuiet, quiet
	case f.Watching && !step.EvenIfSeen && f.Now < due.Add(watchFor):
		d.Action, d.Reason, d.At = ActionWait, ReasonWatching, f.Now.Add(watchEvery)
	case f.Watching && !step.EvenIfSeen:
		d.Reason = ReasonWatching
	default:
		d.Action, d.Reason = ActionSend, ReasonDue
	}
	return d
}
