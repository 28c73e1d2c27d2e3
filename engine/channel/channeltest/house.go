package channeltest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/order"
)

const (
	orderNo  = "A1001"
	otherNo  = "A1002"
	refundNo = "R1001"
	nowhere  = "http://127.0.0.1:9" // the port "discard": callbacks need no gateway
)

// house is what a test of the suite gets.
type house struct {
	Fixture
	p Provider
}

// second is the current time as providers tell it.
func second() time.Time { return time.Now().Truncate(time.Second) }

// told is a payment in a state, with a refund of a share of it where the state is one.
func (h house) told(w Word, share int64) Told {
	at := second().Add(-time.Minute)
	told := Told{OrderNo: orderNo, Merchant: h.p.Merchant, Amount: h.p.Price, Word: w, Txn: "txn1001", At: at}
	switch w.Claims {
	case order.ClaimsRefunding, order.ClaimsRefunded, order.ClaimsRefundFailed:
		amount := order.Money{Minor: h.p.Price.Minor * share / 100, Currency: h.p.Price.Currency}
		told.Refund = &Refund{ID: refundNo, Amount: amount, At: at.Add(30 * time.Second)}
	case order.ClaimsPending, order.ClaimsProcessing, order.ClaimsSucceeded, order.ClaimsFailed, order.ClaimsClosed:
	}
	return told
}

// shares are the parts of a payment that are refunded, in percent.
func shares(c order.Claimed) []int64 {
	switch c {
	case order.ClaimsRefunding, order.ClaimsRefunded, order.ClaimsRefundFailed:
		return []int64{100, 30}
	case order.ClaimsPending, order.ClaimsProcessing, order.ClaimsSucceeded, order.ClaimsFailed, order.ClaimsClosed:
	}
	return []int64{100}
}

// word returns the provider's word for what a test needs one for.
func word(t *testing.T, words []Word, claims ...order.Claimed) Word {
	t.Helper()
	for _, c := range claims {
		for _, w := range words {
			if w.Claims == c {
				return w
			}
		}
	}
	t.Fatalf("the provider has no word for any of %v", claims)
	return Word{}
}

// paid is a callback that tells of a success.
func (h house) paid(t *testing.T) Callback {
	t.Helper()
	now := second()
	return Callback{ID: "evt1001", Told: h.told(word(t, h.p.Notified, order.ClaimsSucceeded), 100), SignedAt: now, ReceivedAt: now}
}

// good returns a callback that must verify, with what is in it.
func (h house) good(t *testing.T, ch channel.Channel) (channel.Request, []channel.Notification) {
	t.Helper()
	r := h.Callback(t, h.paid(t))
	return r, h.verify(t, ch, r)
}

func (h house) verify(t *testing.T, ch channel.Channel, r channel.Request) []channel.Notification {
	t.Helper()
	notes, err := ch.Verify(t.Context(), r)
	if err != nil {
		t.Fatalf("a good callback is refused: %v", err)
	}
	if len(notes) != 1 {
		t.Fatalf("%d notifications in a callback about one order", len(notes))
	}
	h.wantNoSecret(t, notes)
	return notes
}

// refused checks that a callback is refused for one of the reasons.
func (h house) refused(t *testing.T, ch channel.Channel, r channel.Request, what string, reasons ...error) {
	t.Helper()
	notes, err := ch.Verify(t.Context(), r)
	if err == nil {
		t.Fatalf("%s passes as %+v", what, notes)
	}
	h.wantNoSecret(t, err.Error())
	for _, reason := range reasons {
		if errors.Is(err, reason) {
			return
		}
	}
	t.Fatalf("%s is refused as %q, want one of %q", what, err, reasons)
}

// wantNoSecret looks for credentials and payers in what leaves the adapter.
func (h house) wantNoSecret(t *testing.T, v any) {
	t.Helper()
	text, ok := v.(string)
	if !ok {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		text = string(raw)
	}
	for _, secret := range append([]string{MarkedPayer}, h.p.Secrets...) {
		if secret != "" && strings.Contains(text, secret) {
			t.Errorf("%q is in %s", secret, text)
		}
	}
}

// gateway opens the adapter with a gateway that answers by a script.
func (h house) gateway(t *testing.T, s Script) channel.Channel {
	t.Helper()
	return h.serving(t, func(w http.ResponseWriter, r *http.Request) { h.Answer(t, w, r, s) })
}

func (h house) serving(t *testing.T, answer http.HandlerFunc) channel.Channel {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return h.Open(t, server.URL)
}

// about is the question about the suite's order, which can be paid for an hour.
func (h house) about(refunds ...string) channel.Query {
	now := second()
	return channel.Query{OrderNo: orderNo, Amount: h.p.Price, RefundIDs: refunds, CreatedAt: now.Add(-time.Minute), ExpiresAt: now.Add(time.Hour)}
}

// neutral is what codes may look like: they are shown to agents and written to logs.
var neutral = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)

// queryError checks that err is one, and that it gives nothing away.
func (h house) queryError(t *testing.T, err error) channel.QueryError {
	t.Helper()
	failed, ok := errors.AsType[*channel.QueryError](err)
	if !ok {
		t.Fatalf("%v is no *channel.QueryError", err)
	}
	if !neutral.MatchString(failed.Code) {
		t.Errorf("code %q is not neutral", failed.Code)
	}
	h.wantNoSecret(t, err.Error())
	return *failed
}

// wantUnanswered asks, and wants no evidence but an error that lets the engine ask again.
func (h house) wantUnanswered(t *testing.T, ch channel.Channel, what string, codes ...string) {
	t.Helper()
	ev, err := ch.Query(t.Context(), h.about())
	if err == nil {
		t.Fatalf("%s passes as %+v", what, ev)
	}
	failed := h.queryError(t, err)
	if failed.Permanent || failed.Outcome != order.QueryUnreachable {
		t.Errorf("%s: outcome %s, permanent %v; want unreachable and asked again", what, failed.Outcome, failed.Permanent)
	}
	if len(codes) > 0 && !slices.Contains(codes, failed.Code) {
		t.Errorf("%s: code %q, want one of %q", what, failed.Code, codes)
	}
}

// wantMove gives evidence to the order machine and holds it against what was told. A refund
// that is told alone is one of a payment that is known.
func wantMove(t *testing.T, told Told, ev order.Evidence, alone bool) {
	t.Helper()
	now := order.At(second())
	c, err := order.Register(order.Registration{
		OrderNo: told.OrderNo, Backend: "shop", Channel: "pay", Merchant: told.Merchant, Mode: order.Managed,
		Amount: told.Amount, Subject: "tea", Payer: order.Payer{ID: "payer", Locale: "en"},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	if alone && told.Refund != nil {
		c = c.Order.Apply(order.Evidence{Source: order.FromQuery, Claims: order.ClaimsSucceeded, Amount: &told.Amount, Merchant: told.Merchant, ChannelTxn: ev.ChannelTxn}, now)
	}
	after := c.Order.Apply(ev, now).Order
	if after.Payment != payment(told) {
		t.Errorf("%s: the order becomes %s, want %s", told.State, after.Payment, payment(told))
	}
	var cases []order.CaseKind
	for _, k := range after.Cases {
		cases = append(cases, k.Kind)
	}
	var want []order.CaseKind
	if told.Claims == order.ClaimsRefundFailed {
		want = []order.CaseKind{order.CaseRefundFailed}
	}
	if !reflect.DeepEqual(cases, want) {
		t.Errorf("%s: cases %v, want %v", told.State, cases, want)
	}
	if told.Claims == order.ClaimsSucceeded && after.ChannelTxn == "" {
		t.Errorf("%s: the provider's number of the payment is lost", told.State)
	}
	if ev.OccurredAt != 0 {
		wantTime(t, told, ev.OccurredAt)
	}
	wantRefund(t, told, after.Refunds)
}

func wantTime(t *testing.T, told Told, at order.Time) {
	t.Helper()
	earliest, latest := told.At.Add(-time.Second), second().Add(time.Second)
	if at.Std().Before(earliest) || at.Std().After(latest) {
		t.Errorf("%s: happened at %v, told was %v", told.State, at.Std(), told.At)
	}
}

func wantRefund(t *testing.T, told Told, booked []order.Refund) {
	t.Helper()
	if told.Refund == nil {
		if len(booked) > 0 {
			t.Errorf("%s: refund %+v of nothing", told.State, booked)
		}
		return
	}
	if len(booked) != 1 {
		t.Fatalf("%s: refunds %+v, want one", told.State, booked)
	}
	r := booked[0]
	if r.ID != told.Refund.ID || r.Minor != told.Refund.Amount.Minor {
		t.Errorf("%s: refund %q of %d, want %q of %d", told.State, r.ID, r.Minor, told.Refund.ID, told.Refund.Amount.Minor)
	}
	credited, failed := told.Claims == order.ClaimsRefunded, told.Claims == order.ClaimsRefundFailed
	if (r.CreditedAt != 0) != credited || (r.FailedAt != 0) != failed {
		t.Errorf("%s: refund credited at %v, failed at %v", told.State, r.CreditedAt, r.FailedAt)
	}
	if credited {
		wantTime(t, told, r.CreditedAt)
	}
}

// payment is the state that an order is in after it was told something.
func payment(told Told) order.Payment {
	whole := told.Refund != nil && told.Refund.Amount == told.Amount
	switch told.Claims {
	case order.ClaimsSucceeded, order.ClaimsRefundFailed:
		return order.Succeeded
	case order.ClaimsFailed:
		return order.Failed
	case order.ClaimsClosed:
		return order.Closed
	case order.ClaimsRefunding:
		if whole {
			return order.Refunding
		}
		return order.Succeeded
	case order.ClaimsRefunded:
		if whole {
			return order.Refunded
		}
		return order.Succeeded
	case order.ClaimsPending, order.ClaimsProcessing:
	}
	return order.Pending
}

// hang answers nothing until the caller has gone.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the caller left
	<-r.Context().Done()
}
