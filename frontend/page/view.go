package page

import (
	"net/url"
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
	// Merchant is the backend of the order, whose brand the page wears.
	Merchant string
	// Embedded leaves out what a page in somebody else's frame must not have.
	Embedded bool
	// AskedLang is the language that the page's address asks for; forms keep it.
	AskedLang string
	// Announcements are what operators tell everybody now; those of another scope than
	// Scope are not shown.
	Announcements []Announcement
	Scope         string
	// Thanked says that the payer has just sent feedback.
	Thanked bool
	// Inbox leads to the payer's messages; nil = nowhere.
	Inbox *InboxLink
	// Tell is how the payer may have the result told, and has asked to.
	Tell Tell
}

// kept is what of the page's address its forms carry on.
func (v View) kept() []row {
	var kept []row
	if v.Embedded {
		kept = append(kept, row{"embed", "1"})
	}
	if v.AskedLang != "" {
		kept = append(kept, row{"lang", v.AskedLang})
	}
	return kept
}

// query is the same for an address.
func (v View) query() string {
	kept := url.Values{}
	for _, k := range v.kept() {
		kept.Set(k.Name, k.Value)
	}
	if len(kept) == 0 {
		return ""
	}
	return "?" + kept.Encode()
}

// Announcement is what operators tell payers during an incident.
type Announcement struct {
	Scope string            `json:"scope"` // "" = everybody
	Texts map[string]string `json:"texts"` // by language tag
	Until order.Time        `json:"until"`
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
