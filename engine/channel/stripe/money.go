package stripe

import (
	"strings"

	"anxin/engine/order"
)

// digitsAtStripe are the currencies that Stripe counts in another unit than ISO 4217 has as
// the minor one (https://docs.stripe.com/currencies): krónur and Ugandan shillings in
// hundredths, though these are not in use any more, and ariary whole, though ISO has two
// digits for them. All others, with none, two or three digits, are as in ISO 4217.
var digitsAtStripe = map[string]int{"ISK": 2, "UGX": 2, "MGA": 0}

// amount reads what Stripe says something costs. Errors wrap channel.ErrMalformed.
func amount(units int64, currency string) (order.Money, error) {
	code := strings.ToUpper(currency)
	digits, ok := order.Digits(code)
	if !ok || code == currency || units < 0 || units > order.MaxMinor {
		return order.Money{}, malformed("amount")
	}
	theirs, differs := digitsAtStripe[code]
	if !differs {
		theirs = digits
	}
	for ; theirs < digits; theirs++ {
		units *= 10
	}
	for ; theirs > digits; theirs-- {
		if units%10 != 0 {
			return order.Money{}, malformed("amount")
		}
		units /= 10
	}
	m := order.Money{Minor: units, Currency: code}
	if m.Validate() != nil {
		return order.Money{}, malformed("amount")
	}
	return m, nil
}
