package stripe

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v86/webhook"

	"anxin/engine/channel"
	"anxin/engine/channel/channeltest"
	"anxin/engine/channel/stripe/stripetest"
	"anxin/engine/order"
)

func anEvent(kind string, o object) object { return stripetest.Event("evt_1", kind, paidAt, o) }

// verify reads an event that Stripe signed just now.
func verify(tb testing.TB, e object) ([]channel.Notification, error) {
	tb.Helper()
	return deaf(tb).Verify(tb.Context(), stripetest.Request(e.JSON(), time.Now(), stripetest.Secret))
}

func TestPaymentIsTold(t *testing.T) {
	t.Parallel()
	notes, err := verify(t, anEvent("payment_intent.succeeded", anIntent("succeeded").With("latest_charge", "ch_1")))
	if err != nil || len(notes) != 1 {
		t.Fatalf("%+v, %v", notes, err)
	}
	ev := notes[0].Evidence
	if notes[0].OrderNo != "A1001" || notes[0].DedupeKey != "evt_1" || ev.Claims != order.ClaimsSucceeded || *ev.Amount != cny(8800) ||
		ev.Merchant != "test" || ev.ChannelTxn != "pi_1" || !ev.OccurredAt.Std().Equal(paidAt) || ev.Source != order.FromCallback {
		t.Errorf("%+v", notes[0])
	}
}

// While a secret is rolled Stripe signs with both; any one that is configured is enough.
func TestSecretsAreRolled(t *testing.T) {
	t.Parallel()
	body, now := anEvent("payment_intent.succeeded", anIntent("succeeded")).JSON(), time.Now()
	for what, test := range map[string]struct {
		signed []string
		good   bool
	}{
		"the old":                {[]string{stripetest.Secret}, true},
		"the new":                {[]string{stripetest.NextSecret}, true},
		"both":                   {[]string{stripetest.Secret, stripetest.NextSecret}, true},
		"an unknown and the new": {[]string{"whsec_unknown_1", stripetest.NextSecret}, true},
		"two unknown":            {[]string{"whsec_unknown_1", "whsec_unknown_2"}, false},
		"none":                   {nil, false},
	} {
		_, err := deaf(t).Verify(t.Context(), stripetest.Request(body, now, test.signed...))
		if test.good != (err == nil) || !test.good && !errors.Is(err, channel.ErrSignature) {
			t.Errorf("signed by %s: %v", what, err)
		}
	}
}

// What the library lets through: it reads the clock, looks back only, takes the last of
// several times, and reads a time with a sign.
func TestTimeIsOneAndJudgedBothWays(t *testing.T) {
	t.Parallel()
	body := anEvent("payment_intent.succeeded", anIntent("succeeded")).JSON()
	for off, want := range map[time.Duration]error{
		0: nil, freshness: nil, -freshness: nil,
		freshness + time.Second: channel.ErrStale, -freshness - time.Second: channel.ErrStale, time.Hour: channel.ErrStale,
	} {
		r := stripetest.Request(body, paidAt.Add(off), stripetest.Secret)
		r.ReceivedAt = paidAt
		_, err := deaf(t).Verify(t.Context(), r)
		if !errors.Is(err, want) {
			t.Errorf("signed %s after receipt: %v, want %v", off, err, want)
		}
		if off == time.Hour && webhook.ValidatePayload(body, stripetest.Signature(body, time.Now().Add(off), stripetest.Secret), stripetest.Secret) != nil {
			t.Error("the library refuses the future now: the guard may go")
		}
		r.AnyAge = true
		if _, err := deaf(t).Verify(t.Context(), r); err != nil {
			t.Errorf("replayed: %v", err)
		}
	}
	now := time.Now()
	good := stripetest.Signature(body, now, stripetest.Secret)
	stamp := "t=" + strconv.FormatInt(now.Unix(), 10)
	for what, header := range map[string]string{
		"two times":          stamp + "," + good,
		"an old one first":   "t=1," + good,
		"a time with a sign": strings.Replace(good, "t=", "t=+", 1),
		"no time":            strings.TrimPrefix(good, stamp+","),
		"a long header":      good + strings.Repeat(",v1=00", 1000),
		"blanks":             strings.ReplaceAll(good, ",", ", "),
	} {
		r := stripetest.Request(body, now, stripetest.Secret)
		r.Header.Set(signatureHeader, header)
		if _, err := deaf(t).Verify(t.Context(), r); !errors.Is(err, channel.ErrSignature) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What is there and read as it should not be is refused; what concerns no order is not.
func TestEventsThatAreNone(t *testing.T) {
	t.Parallel()
	intent := anIntent("succeeded").With("latest_charge", "ch_1")
	good := anEvent("payment_intent.succeeded", intent)
	session := stripetest.Session("pi_1", "A1001", "paid", 8800, "cny", paidAt, "")
	for what, e := range map[string]object{
		"thin":                          good.With("object", "v2.core.event"),
		"without id":                    good.With("id", nil),
		"with a strange id":             good.With("id", "x1"),
		"without type":                  good.With("type", nil),
		"of no mode":                    good.With("livemode", nil),
		"of a strange account":          good.With("account", "<b>"),
		"at no time":                    good.With("created", nil),
		"without an object":             good.With("data", nil),
		"about another kind":            anEvent("payment_intent.succeeded", session),
		"in an unknown state":           anEvent("payment_intent.succeeded", intent.With("status", "paid")),
		"of an unknown currency":        anEvent("payment_intent.succeeded", intent.With("currency", "xts")),
		"of a currency in capitals":     anEvent("payment_intent.succeeded", intent.With("currency", "CNY")),
		"of nothing":                    anEvent("payment_intent.succeeded", intent.With("amount_received", 0)),
		"of less than nothing":          anEvent("payment_intent.succeeded", intent.With("amount_received", -1)),
		"of a part of a unit":           anEvent("payment_intent.succeeded", intent.With("amount_received", 88.5)),
		"of a text":                     anEvent("payment_intent.succeeded", intent.With("amount_received", "8800")),
		"without an id of the intent":   anEvent("payment_intent.succeeded", intent.With("id", nil)),
		"a session with a strange one":  anEvent("checkout.session.completed", session.With("payment_intent", "../x")),
		"a refund in an unknown state":  anEvent("refund.created", stripetest.Refund("re_1", "pi_1", "A1001", "done", 100, "cny", paidAt)),
		"a refund of nothing":           anEvent("refund.created", stripetest.Refund("re_1", "pi_1", "A1001", "pending", 0, "cny", paidAt)),
		"a refund without id":           anEvent("refund.created", stripetest.Refund("", "pi_1", "A1001", "pending", 100, "cny", paidAt)),
		"a refund of a strange payment": anEvent("refund.created", stripetest.Refund("re_1", "x/y", "A1001", "pending", 100, "cny", paidAt)),
		"a charge of a strange payment": anEvent("charge.refunded", aCharge(8800).With("payment_intent", "x/y")),
	} {
		if notes, err := verify(t, e); !errors.Is(err, channel.ErrMalformed) {
			t.Errorf("%s: %+v, %v", what, notes, err)
		}
	}
	for what, e := range map[string]object{
		"a dispute":                    anEvent("charge.dispute.created", object{"object": "dispute", "payment_intent": "pi_1"}),
		"an intent without a number":   anEvent("payment_intent.succeeded", intent.With("metadata", object{})),
		"an intent with another's":     anEvent("payment_intent.succeeded", intent.With("metadata", object{"order_no": "2026/17"})),
		"a refund without a number":    anEvent("refund.created", aRefund("re_1", "pending", 100)),
		"a session that sets up":       anEvent("checkout.session.completed", session.With("mode", "setup")),
		"a session that costs nothing": anEvent("checkout.session.completed", session.With("payment_status", "no_payment_required", "amount_total", 0)),
		"a charge that was released":   anEvent("charge.refunded", aCharge(8800).With("amount_captured", 0)),
		"a charge without an intent":   anEvent("charge.refunded", aCharge(8800).With("payment_intent", nil)),
		"something that Stripe adds":   anEvent("payment_intent.renamed", intent),
		"a session failed and paid":    anEvent("checkout.session.async_payment_failed", session),
	} {
		if notes, err := verify(t, e); err != nil || len(notes) != 0 {
			t.Errorf("%s: %+v, %v; want nothing, acknowledged", what, notes, err)
		}
	}
}

// A test's payment must not pay a live order, nor one account's another's.
func TestModeAndAccountAreTold(t *testing.T) {
	t.Parallel()
	good := anEvent("payment_intent.succeeded", anIntent("succeeded").With("latest_charge", "ch_1"))
	for want, e := range map[string]object{
		"test": good, "live": good.With("livemode", true),
		"test/acct_1": good.With("account", "acct_1"), "live/acct_1": good.With("livemode", true, "account", "acct_1"),
	} {
		notes, err := verify(t, e)
		if err != nil || len(notes) != 1 || notes[0].Evidence.Merchant != want {
			t.Errorf("%+v, %v; want merchant %s", notes, err, want)
		}
	}
	live := config("", stripetest.Account)
	live.APIKey = stripetest.LiveKey
	if got := open(t, live).Policy().Merchant; got != "live/acct_1001" {
		t.Errorf("the account is %s", got)
	}
}

// A merchant may capture less than was authorized: only that was paid.
func TestWhatWasReceivedCounts(t *testing.T) {
	t.Parallel()
	notes, err := verify(t, anEvent("payment_intent.succeeded", anIntent("succeeded").With("latest_charge", "ch_1", "amount_received", 8000)))
	if err != nil || *notes[0].Evidence.Amount != cny(8000) {
		t.Errorf("%+v, %v", notes, err)
	}
}

func TestNumberOfASession(t *testing.T) {
	t.Parallel()
	session := stripetest.Session("pi_1", "", "paid", 8800, "cny", paidAt, "").With("metadata", object{"order_no": "A1001"})
	for what, s := range map[string]object{
		"in its metadata": session, "null, then in its metadata": session.With("client_reference_id", "not one"),
		"of the client": session.With("client_reference_id", "A1001", "metadata", object{"order_no": "A2"}),
	} {
		notes, err := verify(t, anEvent("checkout.session.completed", s))
		if err != nil || len(notes) != 1 || notes[0].OrderNo != "A1001" {
			t.Errorf("%s: %+v, %v", what, notes, err)
		}
	}
	expired := anEvent("checkout.session.expired", session.With("payment_intent", nil, "payment_status", "unpaid"))
	if notes, err := verify(t, expired); err != nil || notes[0].Evidence.ChannelTxn != "" || notes[0].Evidence.Claims != order.ClaimsClosed {
		t.Errorf("expired: %+v, %v", notes, err)
	}
}

// Stripe counts most currencies as ISO 4217 does, and three in another unit.
func TestUnitsOfCurrencies(t *testing.T) {
	t.Parallel()
	for currency, test := range map[string]struct{ units, minor int64 }{
		"cny": {8800, 8800}, "usd": {1, 1}, "jpy": {500, 500}, "krw": {500, 500}, "xof": {7, 7},
		"kwd": {5120, 5120}, "bhd": {10, 10}, "huf": {1000, 1000}, "twd": {80000, 80000},
		"isk": {500, 5}, "ugx": {500, 5}, "mga": {500, 50000},
	} {
		m, err := amount(test.units, currency)
		if err != nil || m != (order.Money{Minor: test.minor, Currency: strings.ToUpper(currency)}) {
			t.Errorf("%d %s is %+v, %v; want %d", test.units, currency, m, err, test.minor)
		}
	}
	for currency, units := range map[string]int64{"isk": 501, "ugx": 5, "mga": order.MaxMinor, "cny": order.MaxMinor + 1, "": 1, "zzz": 1, "JPY": 1, "usd": 0} {
		if m, err := amount(units, currency); !errors.Is(err, channel.ErrMalformed) {
			t.Errorf("%d %s is %+v, %v", units, currency, m, err)
		}
	}
}

func TestRefusedEventNamesItsOrder(t *testing.T) {
	t.Parallel()
	for what, o := range map[string]object{
		"intent": anIntent("succeeded"), "session": stripetest.Session("pi_1", "A1001", "paid", 8800, "cny", paidAt, channeltest.MarkedPayer),
	} {
		_, err := deaf(t).Verify(t.Context(), stripetest.Request(anEvent("payment_intent.succeeded", o).JSON(), time.Now(), "whsec_of_somebody_else"))
		if refused, ok := errors.AsType[*channel.CallbackError](err); !ok || refused.OrderNo != "A1001" || !errors.Is(err, channel.ErrSignature) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
