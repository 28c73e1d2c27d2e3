package page

import (
	"fmt"
	"strconv"
	"time"

	"anxin/engine/order"
)

// clockLayout shows seconds: a promised check is a matter of seconds.
const clockLayout = "15:04:05"

// symbol is what stands before an amount: the sign that payers of the page's languages
// write, and for other currencies the ISO code, which is never ambiguous.
func symbol(currency string) string {
	switch currency {
	case "CNY":
		return "¥"
	case "EUR":
		return "€"
	case "GBP":
		return "£"
	case "HKD":
		return "HK$"
	case "JPY":
		return "JP¥"
	case "KRW":
		return "₩"
	case "SGD":
		return "S$"
	case "TWD":
		return "NT$"
	case "USD":
		return "US$"
	}
	return currency + "\u00a0"
}

// moneyFormat is how amounts of one currency are written, by the server and by the
// script: the prefix and the number of digits of the minor unit.
type moneyFormat struct {
	Prefix string `json:"prefix"`
	Digits int    `json:"digits"`
}

func moneyFormatOf(currency string) moneyFormat {
	digits, ok := order.Digits(currency)
	if !ok {
		digits = 2
	}
	return moneyFormat{Prefix: symbol(currency), Digits: digits}
}

func formatMoney(m order.Money) string {
	return moneyFormatOf(m.Currency).Prefix + m.Decimal()
}

// formatTime writes an instant in the page's zone: the clock alone on the day of now,
// with the date on any other.
func (c *catalog) formatTime(t order.Time, now time.Time, zone *time.Location) string {
	local, today := t.Std().In(zone), now.In(zone)
	clock := local.Format(clockLayout)
	if local.Year() == today.Year() && local.YearDay() == today.YearDay() {
		return clock
	}
	return c.text("date", vars{
		"day":   strconv.Itoa(local.Day()),
		"month": c.months[local.Month()-1],
		"clock": local.Format("15:04"),
	})
}

// workingDaysAfter counts from Monday to Friday: public holidays differ by country and
// bank, which is why the page says "about".
func workingDaysAfter(t time.Time, n int) time.Time {
	for n > 0 {
		t = t.AddDate(0, 0, 1)
		if day := t.Weekday(); day != time.Saturday && day != time.Sunday {
			n--
		}
	}
	return t
}

// dayNumber orders calendar days.
func dayNumber(t time.Time) int { return t.Year()*1000 + t.YearDay() }

// zoneName writes the zone as its distance from UTC at an instant, which needs no
// translation: "UTC+8", "UTC-3:30".
func zoneName(now time.Time, zone *time.Location) string {
	_, offset := now.In(zone).Zone()
	sign := '+'
	if offset < 0 {
		sign, offset = '-', -offset
	}
	hours, minutes := offset/3600, offset%3600/60
	switch {
	case hours == 0 && minutes == 0:
		return "UTC"
	case minutes == 0:
		return fmt.Sprintf("UTC%c%d", sign, hours)
	default:
		return fmt.Sprintf("UTC%c%d:%02d", sign, hours, minutes)
	}
}
