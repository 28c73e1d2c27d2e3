package page

import (
	"testing"
	"time"

	"anxin/engine/order"
)

func TestMoneyIsWrittenWithTheDigitsOfItsCurrency(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]order.Money{
		"¥88.00":           {Minor: 8800, Currency: "CNY"},
		"¥0.05":            {Minor: 5, Currency: "CNY"},
		"JP¥500":           {Minor: 500, Currency: "JPY"},
		"KWD\u00a0123.456": {Minor: 123456, Currency: "KWD"},
		"US$1.10":          {Minor: 110, Currency: "USD"},
	} {
		if got := formatMoney(m); got != want {
			t.Errorf("%+v = %q, want %q", m, got, want)
		}
	}
}

func TestTimeOfAnotherDayCarriesItsDate(t *testing.T) {
	t.Parallel()
	r := setup(t)
	shanghai := time.FixedZone("", chinaOffset)
	now := at(t, "2026-11-23T15:59:00Z") // 23:59 in UTC+8
	for _, c := range []struct {
		lang, wire, want string
		zone             *time.Location
	}{
		{"zh-CN", "2026-11-23T15:59:30Z", "23:59:30", shanghai},
		{"zh-CN", "2026-11-23T16:00:00Z", "11月24日 00:00", shanghai},
		{"en", "2026-11-23T16:00:00Z", "16:00:00", time.UTC},
		{"en", "2026-12-24T06:07:08Z", "24 Dec, 06:07", time.UTC},
	} {
		got := r.catalogs.match(c.lang).formatTime(order.At(at(t, c.wire)), now, c.zone)
		if got != c.want {
			t.Errorf("%s in %s = %q, want %q", c.wire, c.lang, got, c.want)
		}
	}
}

func TestZoneIsNamedByItsDistanceFromUTC(t *testing.T) {
	t.Parallel()
	now := at(t, "2026-11-23T00:00:00Z")
	for want, offset := range map[string]int{"UTC": 0, "UTC+8": 28800, "UTC-3:30": -12600, "UTC+5:45": 20700} {
		if got := zoneName(now, time.FixedZone("", offset)); got != want {
			t.Errorf("offset %d = %q, want %q", offset, got, want)
		}
	}
}

func TestCountdownNeverRunsBelowZeroNorForHours(t *testing.T) {
	t.Parallel()
	start := at(t, "2026-11-23T00:00:00Z")
	s := screen{Ring: "count", RingFrom: start.UnixMilli(), RingTo: start.Add(90 * time.Second).UnixMilli()}
	for _, c := range []struct {
		after        time.Duration
		text, offset string
	}{
		{0, "1:30", "0.0"},
		{-time.Minute, "2:30", "0.0"}, // a clock behind the promise
		{45 * time.Second, "0:45", "169.6"},
		{89*time.Second + time.Millisecond, "0:01", "335.5"},
		{90 * time.Second, "0:00", "339.3"},
	} {
		if text, offset := countdown(s, start.Add(c.after)); text != c.text || offset != c.offset {
			t.Errorf("after %s: %q, %q", c.after, text, offset)
		}
	}
	s.RingTo = start.Add(2 * time.Hour).UnixMilli()
	if text, _ := countdown(s, start); text != "" {
		t.Errorf("counts two hours: %q", text)
	}
}
