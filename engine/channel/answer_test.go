package channel_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/order"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestStatusSaysWhetherAskingAgainHelps(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]channel.QueryError{
		302: {Outcome: order.QueryUnreachable, Code: "http_302"},
		400: {Outcome: order.QueryRefused, Code: "http_400", Permanent: true},
		401: {Outcome: order.QueryRefused, Code: "http_401", Permanent: true},
		403: {Outcome: order.QueryRefused, Code: "http_403", Permanent: true},
		408: {Outcome: order.QueryUnreachable, Code: "http_408", RetryAfter: 7 * time.Second},
		429: {Outcome: order.QueryUnreachable, Code: "http_429", RetryAfter: 7 * time.Second},
		503: {Outcome: order.QueryUnreachable, Code: "http_503", RetryAfter: 7 * time.Second},
	} {
		got, ok := errors.AsType[*channel.QueryError](channel.StatusError(status, http.Header{"Retry-After": {"7"}}, noon))
		if !ok || *got != want {
			t.Errorf("%d: %+v", status, got)
		}
	}
}

func TestNotFoundIsFinalOnlyAfterTheOrderExpired(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		expires   time.Time
		permanent bool
	}{
		"never expires": {time.Time{}, false},
		"can be paid":   {noon.Add(time.Minute), false},
		"within grace":  {noon.Add(-time.Minute), false},
		"after grace":   {noon.Add(-3 * time.Minute), true},
	} {
		got, ok := errors.AsType[*channel.QueryError](channel.NotFound(channel.Query{ExpiresAt: test.expires}, 2*time.Minute, noon))
		if !ok || got.Outcome != order.QueryUnknown || got.Code != "not_found" || got.Permanent != test.permanent {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

type lateError struct{ error }

func (lateError) Timeout() bool { return true }

func TestTransportErrorsAreTellable(t *testing.T) {
	t.Parallel()
	for code, cause := range map[string]error{
		"canceled": context.Canceled, "timeout": context.DeadlineExceeded, "connection": errors.New("reset"),
	} {
		if got, ok := errors.AsType[*channel.QueryError](channel.TransportError(cause)); !ok || got.Code != code || got.Permanent {
			t.Errorf("%v: %+v", cause, got)
		}
	}
	if got, ok := errors.AsType[*channel.QueryError](channel.TransportError(lateError{errors.New("read")})); !ok || got.Code != "timeout" {
		t.Errorf("a network timeout: %+v", got)
	}
}

func TestExpiryIsWarnedOfAndThenAnError(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for name, test := range map[string]struct {
		from, to time.Duration
		want     channel.Level
	}{
		"fresh":   {-day, 365 * day, channel.LevelOK},
		"soon":    {-day, 29 * day, channel.LevelWarn},
		"expired": {-2 * day, -day, channel.LevelError},
		"not yet": {day, 365 * day, channel.LevelError},
	} {
		f := channel.Expiring("certificate", noon.Add(test.from), noon.Add(test.to), noon)
		if f.Level != test.want || f.ExpiresAt != noon.Add(test.to) || f.Text == "" {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// FuzzRetryAfter holds the wait that a channel asks for within its bounds.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"5", "-1", "99999999999999999999", "1e3", "Mon, 23 Nov 2026 08:05:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if wait := channel.RetryAfter(http.Header{"Retry-After": {value}}, noon); wait < 0 || wait > time.Hour {
			t.Fatalf("%q asks for %s", value, wait)
		}
	})
}
