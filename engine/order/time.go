package order

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// Time is an instant as Unix milliseconds, UTC. Zero means "not (yet)": it is null on
// the wire. A plain integer keeps orders comparable and free of clock and zone traps.
type Time int64

// wireLayout is RFC 3339 with exactly three fractional digits.
const wireLayout = "2006-01-02T15:04:05.000Z"

// maxYear is the last one that the wire form has room for, maxTime its last millisecond.
const (
	maxYear      = 9999
	maxTime Time = 253_402_300_799_999
)

// At returns t cut to milliseconds.
func At(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.UnixMilli())
}

// Std returns the instant in UTC; the zero Time gives the zero time.Time.
func (t Time) Std() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(t)).UTC()
}

// IsZero reports whether the instant is unset.
func (t Time) IsZero() bool { return t == 0 }

// Add returns t moved by d, cut to milliseconds.
func (t Time) Add(d time.Duration) Time { return t + Time(d.Milliseconds()) }

// Sub returns t - u, cut to what a Duration holds (292 years).
func (t Time) Sub(u Time) time.Duration {
	return time.UnixMilli(int64(t)).Sub(time.UnixMilli(int64(u)))
}

// String gives the wire form, or "" when unset.
func (t Time) String() string {
	if t == 0 {
		return ""
	}
	return string(t.AppendTo(make([]byte, 0, len(wireLayout))))
}

// AppendTo appends what String returns.
func (t Time) AppendTo(text []byte) []byte {
	if t == 0 {
		return text
	}
	std := t.Std()
	year, month, day := std.Date()
	if year < 0 || year > maxYear {
		return std.AppendFormat(text, wireLayout) // no wire form, but for a log
	}
	// AppendFormat reads the layout anew each time; a stored order has ten times in it.
	hour, minute, second := std.Clock()
	text = append(digits(digits(text, year/100), year%100), '-')
	text = append(digits(text, int(month)), '-')
	text = append(digits(text, day), 'T')
	text = append(digits(text, hour), ':')
	text = append(digits(text, minute), ':')
	text = append(digits(text, second), '.')
	milli := std.Nanosecond() / int(time.Millisecond)
	return append(digits(append(text, byte('0'+milli/100)), milli%100), 'Z')
}

// digits appends a number below 100.
func digits(text []byte, n int) []byte { return append(text, byte('0'+n/10), byte('0'+n%10)) }

// MarshalJSON writes the wire form, or null when unset.
func (t Time) MarshalJSON() ([]byte, error) {
	if t == 0 {
		return []byte("null"), nil
	}
	return strconv.AppendQuote(nil, t.String()), nil
}

// UnmarshalJSON reads RFC 3339 with any offset and precision, or null. What is not
// after the start of 1970 or lies beyond 9999 is refused: no payment lies there, the
// first would read as unset and the last would not fit the wire form.
func (t *Time) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*t = 0
		return nil
	}
	s, err := strconv.Unquote(string(b))
	if err != nil {
		return fmt.Errorf("time is not a JSON string")
	}
	read, err := ParseTime(s)
	if err != nil {
		return err
	}
	*t = read
	return nil
}

// ParseTime reads what UnmarshalJSON does, without the quotes.
func ParseTime(s string) (Time, error) {
	parsed, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return 0, fmt.Errorf("time %q is not RFC 3339", clip(s, 40))
	}
	at := At(parsed)
	if at <= 0 || at > maxTime {
		return 0, fmt.Errorf("time %q is out of range", clip(s, 40))
	}
	return at, nil
}
