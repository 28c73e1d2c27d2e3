package channeltest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"testing"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// reasons are the errors that Verify may give.
var reasons = []error{channel.ErrSignature, channel.ErrStale, channel.ErrMalformed, channel.ErrMerchant}

// FuzzCallback changes a true callback in whatever way: either it is refused for one of
// the reasons, or it reads as the true one does.
func FuzzCallback(f *testing.F, fixture Fixture) {
	h := house{fixture, fixture.Provider()}
	ch := h.Open(f, nowhere)
	now := second()
	var success Word
	for _, w := range h.p.Notified {
		if w.Claims == order.ClaimsSucceeded {
			success = w
		}
	}
	good := h.Callback(f, Callback{ID: "evt1001", Told: h.told(success, 100), SignedAt: now, ReceivedAt: now})
	want, err := ch.Verify(f.Context(), good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good.Body, 0, "")
	for i, name := range h.p.Headers {
		f.Add(good.Body, i, good.Header.Get(name))
		f.Add(good.Body, i, "\x00")
	}
	for _, body := range nonsense {
		f.Add(body, 0, "")
	}
	f.Fuzz(func(t *testing.T, body []byte, which int, value string) {
		r := with(good, "", string(body))
		if value != "" && len(h.p.Headers) > 0 {
			r.Header.Set(h.p.Headers[max(which, -which, 0)%len(h.p.Headers)], value)
		}
		notes, err := ch.Verify(t.Context(), r)
		if err != nil {
			wantReason(t, err)
		} else if !reflect.DeepEqual(notes, want) {
			t.Fatalf("%q passes as %+v", body, notes)
		}
	})
}

func wantReason(t *testing.T, err error) {
	t.Helper()
	for _, reason := range reasons {
		if errors.Is(err, reason) {
			return
		}
	}
	t.Fatalf("%v is none of the reasons to refuse", err)
}

// FuzzSigned signs any body: what the provider could have signed is read or refused, and
// what is read can be stored.
func FuzzSigned(f *testing.F, fixture Fixture) {
	h := house{fixture, fixture.Provider()}
	ch := h.Open(f, nowhere)
	now := second()
	for _, w := range h.p.Notified {
		for _, share := range shares(w.Claims) {
			f.Add(h.Callback(f, Callback{ID: "evt1001", Told: h.told(w, share), SignedAt: now, ReceivedAt: now}).Body)
		}
	}
	for _, body := range nonsense {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := h.Sign(t, body, now)
		r.ReceivedAt = now
		notes, err := ch.Verify(t.Context(), r)
		if err != nil {
			wantReason(t, err)
			return
		}
		for _, n := range notes {
			if !order.ValidOrderNo(n.OrderNo) || n.DedupeKey == "" || len(n.DedupeKey) > 256 || n.Evidence.Source != order.FromCallback {
				t.Fatalf("%q was read as %+v", body, n)
			}
			wantSane(t, body, n.Evidence)
		}
	})
}

// FuzzAnswer signs any answer to a query: it is read as one about the order that was
// asked for, or it is a *channel.QueryError.
func FuzzAnswer(f *testing.F, fixture Fixture) {
	h := house{fixture, fixture.Provider()}
	for _, body := range nonsense[:12] {
		f.Add(body)
	}
	for _, w := range h.p.Answered {
		recorder := httptest.NewRecorder()
		s := Script{Told: h.told(w, 100)}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			recorder = httptest.NewRecorder()
			h.Answer(f, recorder, r, s)
			_, _ = w.Write(recorder.Body.Bytes())
		}))
		_, _ = h.Open(f, server.URL).Query(f.Context(), h.about(refundNo)) // to learn what an answer looks like
		server.Close()
		f.Add(recorder.Body.Bytes())
	}
	var raw atomic.Pointer[[]byte]
	raw.Store(&nonsense[1])
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.Answer(f, w, r, Script{Told: h.told(h.p.Answered[0], 100), Fault: FaultRaw, Raw: *raw.Load()})
	}))
	f.Cleanup(server.Close)
	ch := h.Open(f, server.URL)
	f.Fuzz(func(t *testing.T, body []byte) {
		raw.Store(&body)
		ev, err := ch.Query(t.Context(), h.about(refundNo))
		if err != nil {
			h.queryError(t, err)
			return
		}
		wantSane(t, body, ev)
	})
}

// wantSane holds evidence to what can be stored and weighed.
func wantSane(t *testing.T, body []byte, ev order.Evidence) {
	t.Helper()
	known := false
	for _, c := range everyClaim {
		known = known || ev.Claims == c
	}
	if !known || !neutral.MatchString(ev.Reason+"x") || len(ev.ChannelTxn) > 256 || len(ev.Merchant) > 256 {
		t.Fatalf("%q is evidence %+v", body, ev)
	}
	if ev.Refund != nil && len(ev.Refund.ID) > 256 {
		t.Fatalf("%q is evidence of refund %+v", body, ev.Refund)
	}
}
