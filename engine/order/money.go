package order

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// MaxMinor bounds an amount: 10^15 minor units, far above any payment and far below
// what would overflow when refunds are added up or a JavaScript number reads it.
const MaxMinor = 1_000_000_000_000_000

// Errors of amounts.
var (
	ErrAmountRange    = errors.New("amount must be 1 to 1000000000000000 minor units")
	ErrCurrency       = errors.New("currency is not an active ISO 4217 code")
	ErrAmountDecimals = errors.New("amount is not an exact decimal of its currency")
)

// Money is an amount in the minor unit of its ISO 4217 currency: fen for CNY, whole
// yen for JPY. It is never a float.
type Money struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

// Validate refuses amounts that no payment can have.
func (m Money) Validate() error {
	if _, ok := currencyDigits[m.Currency]; !ok {
		return ErrCurrency
	}
	if m.Minor < 1 || m.Minor > MaxMinor {
		return ErrAmountRange
	}
	return nil
}

// Digits returns how many digits the minor unit of a currency has (ISO 4217), false
// for a code that is not active.
func Digits(currency string) (int, bool) {
	d, ok := currencyDigits[currency]
	return d, ok
}

// Decimal writes the amount as a decimal string with the digits of its currency:
// 8800 CNY is "88.00", 500 JPY is "500". An unknown currency is written with two.
func (m Money) Decimal() string {
	digits, ok := currencyDigits[m.Currency]
	if !ok {
		digits = 2
	}
	sign, n := "", uint64(m.Minor)
	if m.Minor < 0 {
		sign, n = "-", uint64(-(m.Minor+1))+1
	}
	s := strconv.FormatUint(n, 10)
	if digits == 0 {
		return sign + s
	}
	if len(s) <= digits {
		s = strings.Repeat("0", digits-len(s)+1) + s
	}
	return sign + s[:len(s)-digits] + "." + s[len(s)-digits:]
}

// ParseDecimal reads what Alipay and PayPal send ("88", "88.0", "88.00") exactly,
// without a float on the way. Digits beyond those of the currency must be zeros:
// "88.000" CNY is 8800, "88.001" is refused with ErrAmountDecimals.
func ParseDecimal(s, currency string) (Money, error) {
	digits, ok := currencyDigits[currency]
	if !ok {
		return Money{}, ErrCurrency
	}
	whole, frac, _ := strings.Cut(s, ".")
	for len(frac) > digits && frac[len(frac)-1] == '0' {
		frac = frac[:len(frac)-1]
	}
	if whole == "" || len(whole) > 16 || len(frac) > digits || strings.HasSuffix(s, ".") || !allDigits(whole) || !allDigits(frac) {
		return Money{}, fmt.Errorf("%w: %q %s", ErrAmountDecimals, clip(s, 32), currency)
	}
	frac += strings.Repeat("0", digits-len(frac))
	minor, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil || minor > math.MaxInt64/2 {
		return Money{}, ErrAmountRange
	}
	return Money{Minor: minor, Currency: currency}, nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// currencyDigits: active ISO 4217 codes with their minor-unit digits (list one,
// amendment 176). Fund codes, metals and test codes are left out: nobody pays in them.
var currencyDigits = digitsTable(map[int]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
	2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF " +
		"CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG " +
		"HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU " +
		"MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR " +
		"SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED " +
		"VES WST XCD XCG YER ZAR ZMW ZWG",
	3: "BHD IQD JOD KWD LYD OMR TND",
})

func digitsTable(lists map[int]string) map[string]int {
	table := make(map[string]int, 160)
	for digits, codes := range lists {
		for code := range strings.FieldsSeq(codes) {
			table[code] = digits
		}
	}
	return table
}
