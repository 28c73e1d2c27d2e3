package page

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"anxin/engine/order"
)

// screen is everything the page shows at one instant. The template and the script both
// draw it, and both compute it from the same facts: the files in testdata/screens hold
// the two computations together.
type screen struct {
	Announcement string `json:"announcement"`
	Tone         string `json:"tone"`     // waiting, good, bad or calm: colour and icon
	Ring         string `json:"ring"`     // count, run, wait or icon: what the ring shows
	RingFrom     int64  `json:"ringFrom"` // Unix ms between which a counting ring runs down
	RingTo       int64  `json:"ringTo"`
	Title        string `json:"title"`
	Headline     string `json:"headline"`
	Lead         string `json:"lead"`
	Wording      string `json:"wording"` // key of the lead: what was said, for whoever reads feedback later
	Thanks       string `json:"thanks"`
	Attempt      string `json:"attempt"`
	Again        string `json:"again"`
	Safe         string `json:"safe"`
	Review       string `json:"review"`
	Coupon       string `json:"coupon"`
	Steps        []step `json:"steps"`
	Rows         []row  `json:"rows"`
	Timeline     []line `json:"timeline"`

	CanClaim  bool   `json:"canClaim"`
	CanCheck  bool   `json:"canCheck"`
	Checking  bool   `json:"checking"`  // pressing "check now" would do nothing
	CheckNote string `json:"checkNote"` // when it may be pressed again
	Tell      bool   `json:"tell"`      // the payer may ask to be told the result
	Detail    string `json:"detail"`    // where links lead; "" hides them
	Repay     string `json:"repay"`
	RepayText string `json:"repayText"`
	Guide     bool   `json:"guide"`   // how to pay again is shown
	Returns   bool   `json:"returns"` // the page may lead back to the order by itself
	Support   string `json:"support"`
}

// step is one dot of the stepper.
type step struct {
	Label  string `json:"label"`
	Spoken string `json:"spoken"` // the state in words, for who cannot see the dot
	State  string `json:"state"`  // done, current or todo
}

// row is one line of the result.
type row struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// situation is what a screen is computed from.
type situation struct {
	*catalog
	rules
	p            order.Progress
	now          time.Time
	zone         *time.Location
	moments      []Moment
	checkAgainAt order.Time
	scope        string
	announced    []Announcement
	reach        reach
}

// rules are the settings that decide wording.
type rules struct {
	// DelayedMs is the wait since the claim, in milliseconds, from which a result comes
	// with an apology.
	DelayedMs int64 `json:"delayedMs"`
	// RefundDays is how many working days a refund usually needs.
	RefundDays int `json:"refundDays"`
}

func (s situation) time(t order.Time) string { return s.formatTime(t, s.now, s.zone) }

func (s situation) passed(t order.Time) bool { return t == 0 || order.At(s.now) >= t }

// waiting reports that the payer has no result yet.
func (s situation) waiting() bool { return !s.p.Status.Final() }

// screen computes the whole page.
func (s situation) screen() screen {
	out := screen{Rows: s.rows(), Timeline: s.timeline(), Steps: s.steps()}
	s.words(&out)
	s.ring(&out)
	s.actions(&out)
	return out
}

// words fills what is said about the payment.
func (s situation) words(out *screen) {
	said := s.wording()
	out.Title = s.text(said.name+".title", nil)
	out.Headline = s.text(said.name+".headline", nil)
	out.Lead, out.Wording = s.text(said.lead, said.vars), said.lead
	out.Tone = tone(s.p.Status)
	out.Announcement = s.announcement()
	if s.p.DoNotPayAgain {
		out.Again = s.text(againKey(s.p.Status), nil)
	}
	if s.p.DoNotPayAgain && s.p.Status == order.StatusConfirming {
		out.Safe = s.text("safe", nil)
	}
	switch {
	case s.p.Status != order.StatusSucceeded:
	case s.wasCalledOff():
		out.Thanks = s.text("succeeded.late", nil)
	case s.wasDelayed():
		out.Thanks = s.text("succeeded.thanks", nil)
	}
	switch {
	case s.waiting():
	case s.p.Review != nil:
		key, vars := s.reviewKey("review.also")
		out.Review = s.text(key, vars)
	case s.p.PaidTwice:
		out.Review = s.text("paid_twice", nil)
	}
	if s.p.Compensation != nil {
		out.Coupon = s.p.Compensation.Text
	}
}

// announcement is what is told to those who wait, as long as it holds.
func (s situation) announcement() string {
	if !s.waiting() {
		return ""
	}
	for _, a := range s.announced {
		if !s.passed(a.Until) && (a.Scope == "" || a.Scope == s.scope) {
			return a.Texts[s.tag]
		}
	}
	return ""
}

// tone is the colour and icon of a status.
func tone(status order.Status) string {
	switch status {
	case order.StatusSucceeded, order.StatusRefunded:
		return "good"
	case order.StatusFailed:
		return "bad"
	case order.StatusClosed, order.StatusRefunding:
		return "calm"
	case order.StatusAwaiting, order.StatusConfirming:
	}
	return "waiting"
}

// againKey warns of paying twice while a payer might think of it; a payer who may not
// have paid at all is warned with an if.
func againKey(status order.Status) string {
	switch status {
	case order.StatusAwaiting:
		return "again.unsure"
	case order.StatusConfirming, order.StatusFailed, order.StatusClosed:
		return "again"
	case order.StatusSucceeded, order.StatusRefunding, order.StatusRefunded:
	}
	return ""
}

// wasDelayed reports that the result kept the payer waiting.
func (s situation) wasDelayed() bool {
	return s.p.Result != nil && s.p.ClaimedAt != 0 &&
		s.p.Result.At.Sub(s.p.ClaimedAt).Milliseconds() >= s.DelayedMs
}

// wasCalledOff reports a late success: the payer was told before that the payment had
// failed or was closed.
func (s situation) wasCalledOff() bool {
	return slices.ContainsFunc(s.moments, func(m Moment) bool {
		return m.Event == order.EventStatus && (m.Status == order.StatusFailed || m.Status == order.StatusClosed)
	})
}

func (s situation) refund() *order.ResultRefund {
	if s.p.Result == nil {
		return nil
	}
	return s.p.Result.Refund
}

// ring fills what the ring and the attempt line show. A time that has passed without
// news is announced as "about to start", never as a negative countdown.
func (s situation) ring(out *screen) {
	out.Ring = "icon"
	if !s.waiting() {
		return
	}
	p := s.p
	next := strconv.Itoa(p.Attempt + 1)
	switch {
	case p.Attempting:
		out.Ring = "run"
		out.Attempt = s.text("attempt.running", vars{"n": strconv.Itoa(p.Attempt)})
	case p.NextAttemptAt == 0:
		if p.Status == order.StatusConfirming {
			out.Ring = "wait"
		}
	case s.passed(p.NextAttemptAt):
		out.Ring = "run"
		out.Attempt = s.text("attempt.soon", vars{"n": next})
	default:
		out.Ring = "count"
		out.RingFrom, out.RingTo = int64(p.UpdatedAt), int64(p.NextAttemptAt)
		out.Attempt = s.text("attempt.at", vars{"n": next, "time": s.time(p.NextAttemptAt)})
	}
}

// actions fills what the payer can do.
func (s situation) actions(out *screen) {
	p := s.p
	out.CanClaim = p.Status == order.StatusAwaiting
	out.CanCheck = s.waiting()
	out.Checking = p.Attempting
	if out.CanCheck && !s.passed(s.checkAgainAt) {
		out.CheckNote = s.text("action.wait", vars{"time": s.time(s.checkAgainAt)})
	}
	out.Tell = s.reach == reachAny && s.worthTelling()
	out.Support = safeLink(p.Links.Support)
	if !s.waiting() {
		out.Detail = safeLink(p.Links.Detail)
	}
	// A coupon, a refund or a note must be read first.
	out.Returns = p.Status == order.StatusSucceeded && out.Detail != "" && p.Compensation == nil && s.refund() == nil && out.Review == ""
	if p.DoNotPayAgain {
		return
	}
	switch p.Status {
	case order.StatusAwaiting:
		out.Repay, out.RepayText = safeLink(p.Links.Repay), s.text("action.pay", nil)
	case order.StatusFailed, order.StatusClosed:
		out.Repay, out.RepayText = safeLink(p.Links.Repay), s.text("action.repay", nil)
		out.Guide = out.Repay != ""
	case order.StatusConfirming, order.StatusSucceeded, order.StatusRefunding, order.StatusRefunded:
	}
}

// worthTelling reports that the wait is one in which a payer may want to leave: a check has
// found no result, it takes long, or people are looking into it.
func (s situation) worthTelling() bool {
	found := s.p.Attempt
	if s.p.Attempting {
		found--
	}
	confirming := s.p.Status == order.StatusConfirming && (found > 0 || s.p.Stage != order.Fresh || s.slow())
	return confirming || (s.waiting() && s.p.Review != nil)
}

// safeLink returns a link that may stand in an href, or "". Other schemes than these
// are not shown.
func safeLink(link *string) string {
	if link == nil {
		return ""
	}
	lower := strings.ToLower(*link)
	for _, scheme := range []string{"https://", "http://", "mailto:", "tel:"} {
		if strings.HasPrefix(lower, scheme) {
			return *link
		}
	}
	return ""
}
