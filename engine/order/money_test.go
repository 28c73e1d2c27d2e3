package order_test

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"anxin/engine/order"
)

// currencies are all that may be registered, found by asking for every three letters.
func currencies() []string {
	var known []string
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			for c := 'A'; c <= 'Z'; c++ {
				code := string([]rune{a, b, c})
				if _, ok := order.Digits(code); ok {
					known = append(known, code)
				}
			}
		}
	}
	return known
}

func TestDecimalsOfEveryCurrencyRoundTripExactly(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	codes := currencies()
	if len(codes) < 140 {
		t.Fatalf("only %d currencies", len(codes))
	}
	for _, code := range codes {
		digits, _ := order.Digits(code)
		scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil))
		minors := []int64{0, 1, 9, 10, 99, 100, 101, 999, 1000, 1001, 123456789, order.MaxMinor - 1, order.MaxMinor}
		for range 50 {
			minors = append(minors, random.Int64N(order.MaxMinor)+1)
		}
		for _, minor := range minors {
			m := order.Money{Minor: minor, Currency: code}
			got, err := order.ParseDecimal(m.Decimal(), code)
			if err != nil || got != m {
				t.Fatalf("%+v wrote %q and read %+v, %v", m, m.Decimal(), got, err)
			}
			exact, ok := new(big.Rat).SetString(m.Decimal())
			if !ok || exact.Mul(exact, scale).Cmp(new(big.Rat).SetInt64(minor)) != 0 {
				t.Fatalf("%+v is not worth %q", m, m.Decimal())
			}
		}
	}
}

func TestDecimalWritesTheDigitsOfTheCurrency(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]order.Money{
		"88.00": {Minor: 8800, Currency: "CNY"}, "0.05": {Minor: 5, Currency: "USD"}, "500": {Minor: 500, Currency: "JPY"},
		"1.234": {Minor: 1234, Currency: "KWD"}, "0.001": {Minor: 1, Currency: "BHD"}, "-0.05": {Minor: -5, Currency: "EUR"},
		"0": {Minor: 0, Currency: "KRW"}, "12.34": {Minor: 1234, Currency: "???"},
		"92233720368547758.07":  {Minor: math.MaxInt64, Currency: "CNY"},
		"-92233720368547758.08": {Minor: math.MinInt64, Currency: "CNY"},
	} {
		if got := m.Decimal(); got != want {
			t.Errorf("%+v: %q, want %q", m, got, want)
		}
	}
}

func TestParseDecimalTakesOnlyExactAmounts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text, currency string
		minor          int64
		err            error
	}{
		{"88", "CNY", 8800, nil},
		{"88.0", "CNY", 8800, nil},
		{"88.00", "CNY", 8800, nil},
		{"88.000", "CNY", 8800, nil},
		{"0.29", "USD", 29, nil},
		{"1.15", "USD", 115, nil},
		{"4.35", "USD", 435, nil}, // the classics of binary floats
		{"0088.10", "CNY", 8810, nil},
		{"500", "JPY", 500, nil},
		{"500.00", "JPY", 500, nil},
		{"1.2", "KWD", 1200, nil},
		{"88.001", "CNY", 0, order.ErrAmountDecimals},
		{"0.5", "JPY", 0, order.ErrAmountDecimals},
		{"1.2345", "KWD", 0, order.ErrAmountDecimals},
		{"", "CNY", 0, order.ErrAmountDecimals},
		{".", "CNY", 0, order.ErrAmountDecimals},
		{".5", "CNY", 0, order.ErrAmountDecimals},
		{"5.", "CNY", 0, order.ErrAmountDecimals},
		{"5.0.", "JPY", 0, order.ErrAmountDecimals},
		{"5.0.0", "CNY", 0, order.ErrAmountDecimals},
		{"-5", "CNY", 0, order.ErrAmountDecimals},
		{"+5", "CNY", 0, order.ErrAmountDecimals},
		{"5.-1", "CNY", 0, order.ErrAmountDecimals},
		{" 5", "CNY", 0, order.ErrAmountDecimals},
		{"5 ", "CNY", 0, order.ErrAmountDecimals},
		{"1,000.00", "CNY", 0, order.ErrAmountDecimals},
		{"1e3", "CNY", 0, order.ErrAmountDecimals},
		{"0x10", "CNY", 0, order.ErrAmountDecimals},
		{"1_000", "CNY", 0, order.ErrAmountDecimals},
		{"NaN", "CNY", 0, order.ErrAmountDecimals},
		{"Inf", "CNY", 0, order.ErrAmountDecimals},
		{"８８", "CNY", 0, order.ErrAmountDecimals},
		{strings.Repeat("9", 17), "CNY", 0, order.ErrAmountDecimals},
		{strings.Repeat("9", 16), "KWD", 0, order.ErrAmountRange},
		{"88", "cny", 0, order.ErrCurrency},
		{"88", "", 0, order.ErrCurrency},
		{"88", "XAU", 0, order.ErrCurrency},
	} {
		got, err := order.ParseDecimal(tc.text, tc.currency)
		if !errors.Is(err, tc.err) {
			t.Errorf("%q %s: error %v, want %v", tc.text, tc.currency, err, tc.err)
		}
		if tc.err == nil && (got != order.Money{Minor: tc.minor, Currency: tc.currency}) || tc.err != nil && got != (order.Money{}) {
			t.Errorf("%q %s: %+v, want %d", tc.text, tc.currency, got, tc.minor)
		}
	}
}

func TestAnErrorRepeatsOnlyTheBeginningOfABadAmount(t *testing.T) {
	t.Parallel()
	_, err := order.ParseDecimal(strings.Repeat("x", 1<<20), "CNY")
	if err == nil || len(err.Error()) > 200 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
}

// FuzzParseDecimal holds that whatever is read is worth exactly what was written.
func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"88.00", "0.29", "500", "1.234", "88.000", "-1", "1e9", "00.10"} {
		f.Add(s, "CNY")
		f.Add(s, "JPY")
		f.Add(s, "KWD")
	}
	f.Fuzz(func(t *testing.T, s, currency string) {
		m, err := order.ParseDecimal(s, currency)
		if err != nil {
			return
		}
		written, ok := new(big.Rat).SetString(s)
		again, ok2 := new(big.Rat).SetString(m.Decimal())
		if !ok || !ok2 || written.Cmp(again) != 0 || m.Minor < 0 || m.Currency != currency {
			t.Fatalf("%q %s became %+v", s, currency, m)
		}
	})
}
