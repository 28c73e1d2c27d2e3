package channel

import "time"

// Inspector is a Channel that can tell whether what it was configured with is fit for
// use: does each key parse, do private and public belong together, when does each
// certificate expire. Inspect dials nothing.
type Inspector interface {
	Inspect(now time.Time) []Finding
}

// Level says how bad a Finding is.
type Level string

// The levels. An error keeps the channel from working, a warning soon will.
const (
	LevelOK    Level = "ok"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

// Finding is one thing that Inspect looked at. It holds no secret: operators see it in
// the terminal and in the log.
type Finding struct {
	Subject   string // what: "platform certificate 5157…", "private key"
	Level     Level
	Text      string    // what is the matter, for operators
	ExpiresAt time.Time // zero = it does not
}

// ExpiryWarning is how long before the end of a certificate operators are warned:
// providers need days to issue the next one, and people need to notice.
const ExpiryWarning = 30 * 24 * time.Hour

// Expiring judges a certificate by its period of validity.
func Expiring(subject string, notBefore, notAfter, now time.Time) Finding {
	f := Finding{Subject: subject, Level: LevelOK, Text: "valid until " + notAfter.UTC().Format(time.DateOnly), ExpiresAt: notAfter}
	switch {
	case now.After(notAfter):
		f.Level, f.Text = LevelError, "expired on "+notAfter.UTC().Format(time.DateOnly)
	case now.Before(notBefore):
		f.Level, f.Text = LevelError, "not valid before "+notBefore.UTC().Format(time.DateOnly)
	case now.Add(ExpiryWarning).After(notAfter):
		f.Level, f.Text = LevelWarn, "expires soon, on "+notAfter.UTC().Format(time.DateOnly)
	}
	return f
}
