package order

import "regexp"

// The codes of EventConsent.
const (
	ConsentGiven     = "given"
	ConsentWithdrawn = "withdrawn"
)

// NoteConsent puts on the timeline that the payer asked to be told by a channel at an
// address (masked), and what was read before that was asked.
func (o Order) NoteConsent(via, to, wording string, now Time) Change {
	c := o.begin()
	if c.Order.AskedAt == 0 {
		c.Order.AskedAt = now
	}
	c.emit(EventConsent, now, Detail{Code: ConsentGiven, Via: via, To: to, Wording: wording})
	return c
}

// NoteWithdrawal puts on the timeline that the payer is not to be told by a channel any more.
func (o Order) NoteWithdrawal(via string, now Time) Change {
	c := o.begin()
	c.emit(EventConsent, now, Detail{Code: ConsentWithdrawn, Via: via})
	return c
}

var wordingForm = regexp.MustCompile(`^[A-Za-z0-9-]{2,35}/[a-z_.]{1,64}@[0-9a-f]{12}$`)

// ValidWording reports whether s names what a page said: language/key@version of the
// catalogue.
func ValidWording(s string) bool { return wordingForm.MatchString(s) }
