package page

import (
	"time"

	"anxin/engine/order"
)

// View is what a page is rendered from. It is complete: the page says everything that
// it has to say before any script runs.
type View struct {
	Progress order.Progress
	// Now is the server's time. Countdowns and "slower than usual" are computed from
	// it, and the script sets its clock by it.
	Now time.Time
	// Lang is a BCP 47 tag or an Accept-Language value. Empty means the order's locale.
	Lang string
	// Token is the view token, which forms and the script send back.
	Token string
	// Moments is the order's public history, by seq; see Moments.
	Moments []Moment
	// Notice says how a form ended that the payer has just sent.
	Notice Notice
	// CheckAgainAt is when "check now" is accepted again; zero or past means now.
	CheckAgainAt time.Time
	// Brand overrides Options.Brand for the merchant of this order.
	Brand string
}

// Notice is the outcome of a form.
type Notice string

// The outcomes. Any other value is shown as NoticeNone.
const (
	NoticeNone     Notice = ""
	NoticeChecking Notice = "checking" // a query was started
	NoticeClaimed  Notice = "claimed"  // "I've paid" was taken
	NoticeTooSoon  Notice = "too_soon" // checked a moment ago; CheckAgainAt says when again
	NoticeFailed   Notice = "failed"   // could not be taken
)

// key names the text of an outcome, "" for one that is not known.
func (n Notice) key() string {
	switch n {
	case NoticeChecking, NoticeClaimed, NoticeTooSoon, NoticeFailed:
		return "notice." + string(n)
	case NoticeNone:
	}
	return ""
}
