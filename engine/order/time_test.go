package order_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"anxin/engine/order"
)

func TestTimesRoundTripAsJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]order.Time{
		`null`:                       0,
		`"2026-11-23T01:00:00.000Z"`: t0,
		`"2026-11-23T01:00:00.007Z"`: t0 + 7,
		`"1970-01-01T00:00:00.001Z"`: 1,
		`"9999-12-31T23:59:59.999Z"`: 253_402_300_799_999,
	} {
		var got order.Time
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s read as %d, %v, want %d", text, got, err, want)
		}
		if raw, err := json.Marshal(want); err != nil || string(raw) != text {
			t.Errorf("%d written as %s, %v, want %s", want, raw, err, text)
		}
	}
}

func TestTimesOfOtherOffsetsAndPrecisionsAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]order.Time{
		"2026-11-23T09:00:00+08:00":           t0,
		"2026-11-22T20:00:00.5-05:00":         t0 + 500,
		"2026-11-23T01:00:00Z":                t0,
		"2026-11-23T01:00:00.123456789Z":      t0 + 123,
		"2026-11-23T01:00:00.999999999+00:00": t0 + 999,
	} {
		var got order.Time
		if err := got.UnmarshalJSON([]byte(`"` + text + `"`)); err != nil || got != want {
			t.Errorf("%s read as %v, %v", text, got, err)
		}
	}
}

func TestWhatIsNoTimeIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`1795395600`, `true`, `{}`, `""`, `"now"`, `"2026-11-23"`, `"2026-11-23 01:00:00Z"`, `"2026-11-23T01:00:00"`,
		`"2026-02-30T00:00:00Z"`, `"2026-11-23T24:00:00Z"`, `"1969-12-31T23:59:59Z"`, `"1970-01-01T00:00:00Z"`, `"0001-01-01T00:00:00Z"`,
		`"9999-12-31T23:59:59-01:00"`, `"` + strings.Repeat("9", 1<<16) + `"`,
	} {
		got := t0
		err := json.Unmarshal([]byte(text), &got)
		if err == nil || got != t0 {
			t.Errorf("%.40s read as %v, %v", text, got, err)
			continue
		}
		if len(err.Error()) > 200 {
			t.Errorf("%.40s: an error of %d bytes", text, len(err.Error()))
		}
	}
}

func TestTimeConvertsAndReckonsInMilliseconds(t *testing.T) {
	t.Parallel()
	std := time.Date(2026, 11, 23, 9, 0, 0, 1_999_999, time.FixedZone("CST", 8*3600))
	got := order.At(std)
	if got != t0+1 || !got.Std().Equal(std.Truncate(time.Millisecond)) || got.Std().Location() != time.UTC {
		t.Errorf("%v became %d, %v", std, got, got.Std())
	}
	if at := order.At(time.Time{}); at != 0 || !at.Std().IsZero() || at.String() != "" || !at.IsZero() {
		t.Errorf("no time became %d", at)
	}
	if got := t0.Add(1500*time.Millisecond + 999*time.Microsecond); got != t0+1500 || got.Sub(t0) != 1500*time.Millisecond || got.IsZero() {
		t.Errorf("%v", got)
	}
	if got := order.Time(253_402_300_799_999).Sub(1); got != math.MaxInt64 {
		t.Errorf("8000 years are %v, want the longest duration", got)
	}
}

// FuzzTime holds that what is read is written back as the same instant.
func FuzzTime(f *testing.F) {
	f.Add(`"2026-11-23T01:00:00.000Z"`)
	f.Add(`"2026-11-23T09:00:00+08:00"`)
	f.Add(`null`)
	f.Add("`2026-11-23T01:00:00Z`")
	f.Fuzz(func(t *testing.T, text string) {
		var read, again order.Time
		if json.Unmarshal([]byte(text), &read) != nil {
			return
		}
		raw, err := json.Marshal(read)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if err := json.Unmarshal(raw, &again); err != nil || again != read {
			t.Fatalf("%s wrote %s and read %v, %v", text, raw, again, err)
		}
	})
}
