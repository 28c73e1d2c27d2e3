package page

import (
	"strconv"
	"strings"
	"time"

	"anxin/engine/order"
)

// screen is everything the page shows at one instant. The template and the script both
// draw it, and both compute it from the same facts: the files in testdata/screens hold
// the two computations together.
type screen struct {
	Tone     string `json:"tone"`     // waiting, good, bad or calm: colour and icon
	Ring     string `json:"ring"`     // count, run, wait or icon: what the ring shows
	RingFrom int64  `json:"ringFrom"` // Unix ms between which a counting ring runs down
	RingTo   int64  `json:"ringTo"`
	Title    string `json:"title"`
	Headline string `json:"headline"`
	Lead     string `json:"lead"`
	Thanks   string `json:"thanks"`
	Attempt  string `json:"attempt"`
	Again    string `json:"again"`
	Safe     string `json:"safe"`
	Review   string `json:"review"`
	Steps    []step `json:"steps"`
	Rows     []row  `json:"rows"`
	Timeline []line `json:"timeline"`

	CanClaim  bool   `json:"canClaim"`
	CanCheck  bool   `json:"canCheck"`
	Checking  bool   `json:"checking"`  // pressing "check now" would do nothing
	CheckNote string `json:"checkNote"` // when it may be pressed again
	Detail    string `json:"detail"`    // where links lead; "" hides them
	Repay     string `json:"repay"`
	RepayText string `json:"repayText"`
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
	name, lead := s.wording()
	out.Title = s.text(name+".title", nil)
	out.Headline = s.text(name+".headline", nil)
	out.Lead = lead
	out.Tone = tone(s.p.Status)
	if s.p.DoNotPayAgain {
		out.Again = s.text(againKey(s.p.Status), nil)
	}
	if s.p.DoNotPayAgain && s.p.Status == order.StatusConfirming {
		out.Safe = s.text("safe", nil)
	}
	if s.p.Status == order.StatusSucceeded && s.wasDelayed() {
		out.Thanks = s.text("succeeded.thanks", nil)
	}
	if s.p.Review != nil && !s.waiting() {
		out.Review = s.reviewText("review.also")
	}
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
	out.Support = safeLink(p.Links.Support)
	if !s.waiting() {
		out.Detail = safeLink(p.Links.Detail)
	}
	if p.DoNotPayAgain {
		return
	}
	switch p.Status {
	case order.StatusAwaiting:
		out.Repay, out.RepayText = safeLink(p.Links.Repay), s.text("action.pay", nil)
	case order.StatusFailed, order.StatusClosed:
		out.Repay, out.RepayText = safeLink(p.Links.Repay), s.text("action.repay", nil)
	case order.StatusConfirming, order.StatusSucceeded, order.StatusRefunding, order.StatusRefunded:
	}
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
