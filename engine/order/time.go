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
	return t.Std().AppendFormat(text, wireLayout)
}

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
	parsed, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return fmt.Errorf("time %q is not RFC 3339", clip(s, 40))
	}
	if y := parsed.UTC().Year(); y > 9999 || At(parsed) <= 0 {
		return fmt.Errorf("time %q is out of range", clip(s, 40))
	}
	*t = At(parsed)
	return nil
}
