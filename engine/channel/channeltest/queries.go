package channeltest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// settled is a script in which the payment succeeded.
func (h house) settled(t *testing.T) Script {
	t.Helper()
	return Script{Told: h.told(word(t, h.p.Answered, order.ClaimsSucceeded), 100)}
}

func testAnswered(t *testing.T, h house) {
	for _, w := range h.p.Answered {
		for _, share := range shares(w.Claims) {
			told := h.told(w, share)
			q := h.about()
			if told.Refund != nil {
				q.RefundIDs = []string{told.Refund.ID}
			}
			ev, err := h.gateway(t, Script{Told: told}).Query(t.Context(), q)
			if err != nil {
				t.Errorf("%s, %d %%: %v", w.State, share, err)
				continue
			}
			if ev.Claims != w.Claims || (ev.Source != order.FromQuery && ev.Source != "") {
				t.Errorf("%s, %d %%: %+v, want %s", w.State, share, ev, w.Claims)
			}
			h.wantNoSecret(t, ev)
			ev.Source = order.FromQuery
			wantMove(t, told, ev, false)
		}
	}
}

func testOtherOrder(t *testing.T, h house) {
	s := h.settled(t)
	s.Told.OrderNo = otherNo
	h.wantUnanswered(t, h.gateway(t, s), "an answer about another order", channel.CodeOtherOrder)
}

func testAnswerOtherAmount(t *testing.T, h house) {
	s := h.settled(t)
	s.Told.Amount.Minor += 100
	ev, err := h.gateway(t, s).Query(t.Context(), h.about())
	if err != nil || ev.Amount == nil || *ev.Amount != s.Told.Amount {
		t.Errorf("%+v, %v; want the amount %+v for the engine to compare", ev, err, s.Told.Amount)
	}
}

func testAnswerSignature(t *testing.T, h house) {
	if h.p.UnsignedAnswers {
		return
	}
	for _, fault := range []Fault{FaultWrongKey, FaultUnsigned, FaultTampered} {
		s := h.settled(t)
		s.Fault = fault
		h.wantUnanswered(t, h.gateway(t, s), string(fault), channel.CodeBadSignature)
	}
}

func testAnswerNonsense(t *testing.T, h house) {
	s := h.settled(t)
	s.Fault = FaultRepeated
	h.wantUnanswered(t, h.gateway(t, s), string(s.Fault), channel.CodeMalformed, channel.CodeBadSignature)
	for i, body := range nonsense {
		s := h.settled(t)
		s.Fault, s.Raw = FaultRaw, body
		h.wantUnanswered(t, h.gateway(t, s), fmt.Sprintf("nonsense %d", i), channel.CodeMalformed, channel.CodeBadSignature, channel.CodeOtherOrder)
	}
}

func testNotFound(t *testing.T, h house) {
	s := h.settled(t)
	s.Fault = FaultNotFound
	ch := h.gateway(t, s)
	long := second().Add(-90 * 24 * time.Hour)
	for name, test := range map[string]struct {
		expires   time.Time
		permanent bool
	}{
		"it never expires":    {time.Time{}, false},
		"it can be paid":      {second().Add(time.Hour), false},
		"it expired just now": {second().Add(-time.Second), false},
		"it expired long ago": {long, true},
	} {
		q := h.about()
		q.CreatedAt, q.ExpiresAt = long.Add(-time.Hour), test.expires
		_, err := ch.Query(t.Context(), q)
		failed := h.queryError(t, err)
		if failed.Outcome != order.QueryUnknown || failed.Code != channel.CodeNotFound || failed.Permanent != test.permanent {
			t.Errorf("%s: outcome %s, code %s, permanent %v", name, failed.Outcome, failed.Code, failed.Permanent)
		}
	}
}

func testRefusals(t *testing.T, h house) {
	for fault, permanent := range map[Fault]bool{FaultDenied: true, FaultParameters: true, FaultBusy: false} {
		s := h.settled(t)
		s.Fault = fault
		_, err := h.gateway(t, s).Query(t.Context(), h.about())
		failed := h.queryError(t, err)
		if failed.Permanent != permanent || (failed.Outcome == order.QueryRefused) != permanent {
			t.Errorf("%s: outcome %s, permanent %v; want permanent %v", fault, failed.Outcome, failed.Permanent, permanent)
		}
	}
}

func testStatuses(t *testing.T, h house) {
	for status, permanent := range map[int]bool{401: true, 403: true, 429: false, 500: false, 502: false, 503: false, 504: false} {
		ch := h.serving(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			_, _ = w.Write([]byte("<html>from a proxy on the way</html>"))
		})
		_, err := ch.Query(t.Context(), h.about())
		failed := h.queryError(t, err)
		if failed.Permanent != permanent || (failed.Outcome == order.QueryRefused) != permanent {
			t.Errorf("%d: outcome %s, permanent %v", status, failed.Outcome, failed.Permanent)
		}
		if wait := failed.RetryAfter; status == http.StatusTooManyRequests && wait != 7*time.Second {
			t.Errorf("%d: to be asked again after %v, want 7s", status, wait)
		}
	}
}

func testRedirect(t *testing.T, h house) {
	var followed atomic.Bool
	ch := h.serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			followed.Store(true)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	h.wantUnanswered(t, ch, "a redirect")
	if followed.Load() {
		t.Error("a signed question went to another address")
	}
}

func testTimeout(t *testing.T, h house) {
	ch := h.serving(t, hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := ch.Query(ctx, h.about())
	if failed := h.queryError(t, err); failed.Code != channel.CodeTimeout || failed.Permanent || failed.Outcome != order.QueryUnreachable {
		t.Errorf("%+v", failed)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	_, err = ch.Query(ctx, h.about())
	if failed := h.queryError(t, err); failed.Code != channel.CodeCanceled || failed.Permanent {
		t.Errorf("canceled: %+v", failed)
	}
}

func testNoGateway(t *testing.T, h house) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	h.wantUnanswered(t, h.Open(t, "http://"+address), "a closed port", channel.CodeConnection)
	var asked atomic.Int64
	ch := h.serving(t, func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		panic(http.ErrAbortHandler) // the connection ends without an answer
	})
	h.wantUnanswered(t, ch, "a connection that breaks", channel.CodeConnection)
	if n := asked.Load(); n > 2 { // the client of net/http may try once more on a connection that it held open
		t.Errorf("asked %d times: the engine has its own schedule", n)
	}
}

// A refund that the provider does not know says nothing about the payment, and nothing
// about the refund.
func testRefundUnknown(t *testing.T, h house) {
	if h.p.lacks(channel.CanQueryRefund) {
		return
	}
	s := h.settled(t)
	s.Fault = FaultRefundAbsent
	ev, err := h.gateway(t, s).Query(t.Context(), h.about("R404"))
	if err != nil {
		if failed := h.queryError(t, err); failed.Permanent || failed.Outcome == order.QueryRefused {
			t.Errorf("a refund that is not known: %+v", failed)
		}
		return
	}
	if ev.Claims != order.ClaimsSucceeded || ev.Refund != nil {
		t.Errorf("a refund that is not known: %+v", ev)
	}
}

func testClose(t *testing.T, h house) {
	if h.p.lacks(channel.CanClose) {
		return // testUnsupported holds it to that
	}
	pending := Script{Told: h.told(word(t, h.p.Answered, order.ClaimsPending, order.ClaimsClosed), 100), Close: Closes}
	if err := h.gateway(t, pending).Close(t.Context(), h.about()); err != nil {
		t.Errorf("closed: %v", err)
	}
	paid := h.settled(t)
	paid.Close = AlreadyPaid
	if err := h.gateway(t, paid).Close(t.Context(), h.about()); !errors.Is(err, channel.ErrAlreadyPaid) {
		t.Errorf("the payment won the race: %v", err)
	}
}

func testCloseFailed(t *testing.T, h house) {
	if h.p.lacks(channel.CanClose) {
		return
	}
	denied := h.settled(t)
	denied.Close = CloseDenied
	for name, ch := range map[string]channel.Channel{
		"denied": h.gateway(t, denied),
		"down":   h.serving(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }),
		"gone":   h.Open(t, nowhere),
	} {
		err := ch.Close(t.Context(), h.about())
		if err == nil || errors.Is(err, channel.ErrAlreadyPaid) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		h.queryError(t, err)
	}
}

// The channel's own number is what a lost callback never yields.
func testQuestions(t *testing.T, h house) {
	q := h.about()
	q.Amount, q.CreatedAt, q.ExpiresAt = order.Money{}, time.Time{}, time.Time{}
	if ev, err := h.gateway(t, h.settled(t)).Query(t.Context(), q); err != nil || ev.Claims != order.ClaimsSucceeded {
		t.Errorf("%+v, %v", ev, err)
	}
}
