package channeltest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// everyClaim are the states that a provider has a word for, or says that it has none.
var everyClaim = []order.Claimed{
	order.ClaimsPending, order.ClaimsProcessing, order.ClaimsSucceeded, order.ClaimsFailed, order.ClaimsClosed,
	order.ClaimsRefunding, order.ClaimsRefunded, order.ClaimsRefundFailed,
}

func testComplete(t *testing.T, h house) {
	if h.p.Price.Minor < 100 || h.p.Price.Validate() != nil {
		t.Errorf("price %+v cannot be refunded in part", h.p.Price)
	}
	if len(h.p.Secrets) == 0 {
		t.Error("no secret is marked")
	}
	complete := func(list string, words []Word, without []order.Claimed) {
		for _, c := range everyClaim {
			said := slices.ContainsFunc(words, func(w Word) bool { return w.Claims == c })
			if said == slices.Contains(without, c) {
				t.Errorf("%s: %s must be either said or listed as unsaid", list, c)
			}
		}
	}
	complete("callbacks", h.p.Notified, h.p.Unnotified)
	if !h.p.lacks(channel.CanQuery) {
		complete("answers", h.p.Answered, h.p.Unanswered)
	}
	for what, words := range map[channel.Capability][]Word{channel.CanNotifyRefund: h.p.Notified, channel.CanQueryRefund: h.p.Answered} {
		says := slices.ContainsFunc(words, func(w Word) bool { return len(shares(w.Claims)) > 1 })
		if says == h.p.lacks(what) {
			t.Errorf("%s is lacking: %v, but there are words for it: %v", what, h.p.lacks(what), says)
		}
	}
	tells := slices.ContainsFunc(h.p.Notified, func(w Word) bool { return w.Claims == order.ClaimsFailed || w.Claims == order.ClaimsClosed })
	if told := h.Open(t, nowhere).Policy().NotifiesFailures; told != tells {
		t.Errorf("the policy says that failures are notified: %v; there are words for it: %v", told, tells)
	}
}

func testPolicy(t *testing.T, h house) {
	ch := h.Open(t, nowhere)
	p := ch.Policy()
	if !reflect.DeepEqual(p, ch.Policy()) {
		t.Error("the policy changes")
	}
	if p.Merchant != h.p.Merchant || p.Freshness != h.p.Freshness {
		t.Errorf("merchant %q, freshness %v; want %q, %v", p.Merchant, p.Freshness, h.p.Merchant, h.p.Freshness)
	}
	lacks, want := slices.Sorted(slices.Values(p.Lacks)), slices.Sorted(slices.Values(h.p.Lacks))
	if !slices.Equal(lacks, want) {
		t.Errorf("the policy lacks %v, the provider %v", lacks, want)
	}
	if p.QueryTimeout < 0 || p.QPS < 0 || p.MaxBody < 0 || p.MaxBody > channel.DefaultMaxBody {
		t.Errorf("policy %+v is out of bounds", p)
	}
	if p.Late < p.Typical || !slices.IsSorted(p.Schedule) {
		t.Errorf("waits %v, %v or schedule %v do not rise", p.Typical, p.Late, p.Schedule)
	}
}

func testInspect(t *testing.T, h house) {
	ch, ok := h.Open(t, nowhere).(channel.Inspector)
	if !ok {
		t.Fatal("the adapter cannot be inspected")
	}
	findings := ch.Inspect(time.Now())
	if len(findings) == 0 {
		t.Error("nothing was looked at")
	}
	for _, f := range findings {
		if f.Level != channel.LevelOK || f.Subject == "" || f.Text == "" {
			t.Errorf("finding %+v", f)
		}
		h.wantNoSecret(t, f)
	}
	for _, f := range ch.Inspect(time.Now().AddDate(100, 0, 0)) {
		if !f.ExpiresAt.IsZero() && f.Level != channel.LevelError {
			t.Errorf("in a hundred years: %+v", f)
		}
	}
}

func testNotified(t *testing.T, h house) {
	ch := h.Open(t, nowhere)
	for _, w := range h.p.Notified {
		for _, share := range shares(w.Claims) {
			c := h.paid(t)
			c.Told = h.told(w, share)
			n := h.verify(t, ch, h.Callback(t, c))[0]
			if n.OrderNo != orderNo || n.DedupeKey == "" || n.Evidence.Source != order.FromCallback || n.Evidence.Claims != w.Claims {
				t.Errorf("%s: %+v, want %s", w.State, n, w.Claims)
			}
			wantMove(t, c.Told, n.Evidence, h.p.RefundsAlone)
		}
	}
}

func testConcurrent(t *testing.T, h house) {
	ch := h.Open(t, nowhere)
	r, want := h.good(t, ch)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				if got, err := ch.Verify(t.Context(), r); err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%+v, %v", got, err)
					return
				}
			}
		})
	}
	all.Wait()
}

func testUnrelated(t *testing.T, h house) {
	if h.p.NoUnrelated {
		return
	}
	c := h.paid(t)
	c.Twist = TwistUnrelated
	if notes, err := h.Open(t, nowhere).Verify(t.Context(), h.Callback(t, c)); err != nil || len(notes) != 0 {
		t.Errorf("%+v, %v; want nothing, acknowledged", notes, err)
	}
}

func testRedelivery(t *testing.T, h house) {
	ch := h.Open(t, nowhere)
	c := h.paid(t)
	first := h.verify(t, ch, h.Callback(t, c))[0]
	c.SignedAt, c.ReceivedAt = c.SignedAt.Add(time.Hour), c.ReceivedAt.Add(time.Hour)
	if again := h.verify(t, ch, h.Callback(t, c))[0]; again.DedupeKey != first.DedupeKey {
		t.Errorf("sent again it is %q, first it was %q", again.DedupeKey, first.DedupeKey)
	}
	c.ID = "evt1002"
	if next := h.verify(t, ch, h.Callback(t, c))[0]; next.DedupeKey == first.DedupeKey {
		t.Errorf("another callback is %q too", next.DedupeKey)
	}
}

// Amounts and merchants are the engine's to compare: it opens a case with what it was
// told, where a refusal would only have the channel come again.
func testOtherAmount(t *testing.T, h house) {
	c := h.paid(t)
	c.Told.Amount.Minor++
	n := h.verify(t, h.Open(t, nowhere), h.Callback(t, c))[0]
	if n.OrderNo != orderNo || n.Evidence.Amount == nil || *n.Evidence.Amount != c.Told.Amount {
		t.Errorf("%+v, want amount %+v", n, c.Told.Amount)
	}
}

func testOtherMerchant(t *testing.T, h house) {
	if h.p.Merchant == "" {
		return // testPolicy holds the adapter to naming none
	}
	c := h.paid(t)
	c.Told.Merchant = otherOf(h.p.Merchant)
	n := h.verify(t, h.Open(t, nowhere), h.Callback(t, c))[0]
	if n.OrderNo != orderNo || n.Evidence.Merchant == h.p.Merchant || n.Evidence.Merchant == "" {
		t.Errorf("%+v, want merchant %q", n, c.Told.Merchant)
	}
}

// otherOf is another account number of the same form.
func otherOf(merchant string) string {
	last := merchant[len(merchant)-1]
	if last == '1' {
		return merchant[:len(merchant)-1] + "2"
	}
	return merchant[:len(merchant)-1] + "1"
}

// flips change a byte in its lowest bit, in its case and beyond ASCII.
var flips = []byte{0x01, 0x20, 0x80}

func testFlipped(t *testing.T, h house) {
	ch := h.Open(t, nowhere)
	r, want := h.good(t, ch)
	refused := 0
	try := func(what string, mayReadTheSame bool, r channel.Request) {
		notes, err := ch.Verify(t.Context(), r)
		switch {
		case err == nil && mayReadTheSame && reflect.DeepEqual(notes, want):
		case err == nil:
			t.Fatalf("%s passes as %+v", what, notes)
		case !errors.Is(err, channel.ErrSignature) && !errors.Is(err, channel.ErrMalformed) && !errors.Is(err, channel.ErrStale):
			t.Fatalf("%s: %v is none of the reasons to refuse", what, err)
		default:
			refused++
		}
	}
	for i := range r.Body {
		for _, flip := range flips {
			try(fmt.Sprintf("body with byte %d ^ %#x", i, flip), h.p.SignsFields, with(r, "", flipped(string(r.Body), i, flip)))
		}
	}
	tried := len(r.Body) * len(flips)
	for _, name := range h.p.Headers {
		value := r.Header.Get(name)
		for i := range value {
			for _, flip := range flips {
				// The padding bits of base64 say nothing: such a flip may read the same.
				try(fmt.Sprintf("%s with byte %d ^ %#x", name, i, flip), true, with(r, name, flipped(value, i, flip)))
			}
		}
		tried += len(value) * len(flips)
	}
	if refused < tried*9/10 {
		t.Errorf("only %d of %d flips are refused", refused, tried)
	}
}

func flipped(s string, i int, flip byte) string {
	b := []byte(s)
	b[i] ^= flip
	return string(b)
}

// with copies a request and sets a header, or the body where name is "".
func with(r channel.Request, name, value string) channel.Request {
	r.Header = r.Header.Clone()
	if name == "" {
		r.Body = []byte(value)
	} else {
		r.Header.Set(name, value)
	}
	return r
}

func testHeaders(t *testing.T, h house) {
	ch := h.Open(t, nowhere)
	r, _ := h.good(t, ch)
	for _, name := range h.p.Headers {
		value := r.Header.Get(name)
		if value == "" {
			t.Fatalf("the fixture's callback has no header %s", name)
		}
		without := with(r, name, "")
		without.Header.Del(name)
		h.refused(t, ch, without, "without "+name, channel.ErrSignature, channel.ErrMalformed)
		h.refused(t, ch, with(r, name, ""), "with an empty "+name, channel.ErrSignature, channel.ErrMalformed)
		for _, second := range []string{value, "0", ""} {
			twice := with(r, name, value)
			twice.Header.Add(name, second)
			h.refused(t, ch, twice, "twice "+name, channel.ErrSignature, channel.ErrMalformed)
		}
	}
	// What proxies add and reorder does not matter.
	more := with(r, "X-Forwarded-For", "192.0.2.1")
	more.Header.Add("X-Forwarded-For", "192.0.2.2")
	h.verify(t, ch, more)
}

func testWrongKey(t *testing.T, h house) {
	ch := h.Open(t, nowhere)
	c := h.paid(t)
	c.Twist = TwistWrongKey
	h.refused(t, ch, h.Callback(t, c), "another key's signature", channel.ErrSignature)
	if h.p.Freshness > 0 {
		c.SignedAt = c.SignedAt.Add(-2 * h.p.Freshness)
		h.refused(t, ch, h.Callback(t, c), "an old signature of another key", channel.ErrSignature)
	}
}

func testProbe(t *testing.T, h house) {
	if h.p.NoProbes {
		return
	}
	ch := h.Open(t, nowhere)
	c := h.paid(t)
	c.Twist = TwistProbe
	h.refused(t, ch, h.Callback(t, c), "a probe", channel.ErrSignature)
}

func testFreshness(t *testing.T, h house) {
	ch := h.Open(t, nowhere)
	received := second().Add(-30 * 24 * time.Hour) // long ago: it is not the clock that counts
	at := func(off time.Duration) channel.Request {
		c := h.paid(t)
		c.SignedAt, c.ReceivedAt = received.Add(off), received
		return h.Callback(t, c)
	}
	window := h.p.Freshness
	if window == 0 {
		for _, off := range []time.Duration{-365 * 24 * time.Hour, -time.Hour, 0, time.Hour} {
			h.verify(t, ch, at(off))
		}
		return
	}
	for _, off := range []time.Duration{0, window - time.Second, time.Second - window} {
		h.verify(t, ch, at(off))
	}
	for _, off := range []time.Duration{window + time.Second, -window - time.Second, 365 * 24 * time.Hour, -365 * 24 * time.Hour} {
		h.refused(t, ch, at(off), "a callback signed "+off.String()+" off", channel.ErrStale)
	}
}

func testAnyAge(t *testing.T, h house) {
	ch := h.Open(t, nowhere)
	c := h.paid(t)
	c.SignedAt = c.SignedAt.Add(-30 * 24 * time.Hour)
	r := h.Callback(t, c)
	r.AnyAge = true
	h.verify(t, ch, r)
	body := with(r, "", string(r.Body)+" ")
	if !h.p.SignsFields {
		h.refused(t, ch, body, "a changed body of any age", channel.ErrSignature, channel.ErrMalformed)
	}
	c.Twist = TwistWrongKey
	r = h.Callback(t, c)
	r.AnyAge = true
	h.refused(t, ch, r, "another key's signature of any age", channel.ErrSignature)
}

func testRepeatedField(t *testing.T, h house) {
	ch := h.Open(t, nowhere)
	c := h.paid(t)
	c.Twist = TwistRepeated
	h.refused(t, ch, h.Callback(t, c), "a field that is there twice", channel.ErrMalformed, channel.ErrSignature)
}

// nonsense are bodies that no provider sends.
var nonsense = [][]byte{
	nil,
	{},
	[]byte("{}"), []byte("[]"), []byte("null"), []byte("{"), []byte("true"), []byte(`""`), []byte("\xff\xfe"), []byte("a=b"),
	[]byte("%"), []byte("&&&==="), []byte(strings.Repeat("[", 20000)), []byte(strings.Repeat(`{"a":`, 20000)), bytes.Repeat([]byte{0}, 1000),
	[]byte("a=" + strings.Repeat("x", channel.DefaultMaxBody)), bytes.Repeat([]byte("x"), 2*channel.DefaultMaxBody),
}

func testNonsense(t *testing.T, h house) {
	ch := h.Open(t, nowhere)
	if notes, err := ch.Verify(t.Context(), channel.Request{}); err == nil {
		t.Errorf("an empty request passes as %+v", notes)
	}
	good, _ := h.good(t, ch)
	for i, body := range nonsense {
		h.refused(t, ch, with(good, "", string(body)), fmt.Sprintf("nonsense %d", i), channel.ErrSignature, channel.ErrMalformed)
		now := second()
		r := h.Sign(t, body, now)
		r.ReceivedAt = now
		h.refused(t, ch, r, fmt.Sprintf("signed nonsense %d", i), channel.ErrSignature, channel.ErrMalformed, channel.ErrMerchant)
	}
}

func testAcknowledge(t *testing.T, h house) {
	ch := h.Open(t, nowhere)
	if got := ch.Acknowledge(nil); !reflect.DeepEqual(got, h.p.Success) {
		t.Errorf("a stored callback is answered %+v, want %+v", got, h.p.Success)
	}
	marked := errors.New("marked-cause-9f3c")
	for reason, want := range map[error]int{
		channel.ErrSignature: http.StatusUnauthorized, channel.ErrStale: http.StatusUnauthorized, channel.ErrMalformed: http.StatusBadRequest,
		channel.ErrMerchant: http.StatusUnauthorized, channel.ErrStore: http.StatusInternalServerError, marked: http.StatusInternalServerError,
	} {
		for _, err := range []error{reason, fmt.Errorf("%w: %w", reason, marked), &channel.CallbackError{OrderNo: orderNo, Err: reason}} {
			got := ch.Acknowledge(err)
			if got.Status/100 != want/100 || (want < 500 && got.Status != want) {
				t.Errorf("%v is answered %d, want %d", err, got.Status, want)
			}
			if len(h.p.Success.Body) > 0 && bytes.Contains(got.Body, h.p.Success.Body) {
				t.Errorf("%v is answered as a success: %s", err, got.Body)
			}
			if bytes.Contains(got.Body, []byte("marked-cause")) || bytes.Contains(got.Body, []byte(orderNo)) {
				t.Errorf("the answer tells the cause: %s", got.Body)
			}
		}
	}
}

func testUnsupported(t *testing.T, h house) {
	ch := h.Open(t, nowhere)
	calls := map[channel.Capability]func() error{
		channel.CanQuery: func() error { _, err := ch.Query(t.Context(), h.about()); return err },
		channel.CanClose: func() error { return ch.Close(t.Context(), h.about()) },
	}
	for _, c := range slices.Sorted(maps.Keys(calls)) {
		if err := calls[c](); h.p.lacks(c) != errors.Is(err, channel.ErrUnsupported) {
			t.Errorf("%s: %v; lacking is %v", c, err, h.p.lacks(c))
		}
	}
}
