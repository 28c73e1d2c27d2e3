package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"anxin/engine/order"
)

// The neutral codes of queries that brought no usable answer, besides http_NNN.
const (
	CodeTimeout      = "timeout"
	CodeCanceled     = "canceled"
	CodeConnection   = "connection"
	CodeMalformed    = "malformed"
	CodeBadSignature = "bad_signature"
	CodeOtherOrder   = "other_order"
	CodeNotFound     = "not_found"
	CodeUnsupported  = "unsupported"
)

// maxRetryAfter bounds how long a channel may ask to be left alone; a longer wish is a
// mistake or a trick, and the engine's own schedule is sparser by then anyway.
const maxRetryAfter = time.Hour

var errTooLong = errors.New("answer is too long")

// OnlyHeader returns a header's value, or "" unless it came exactly once: two values would
// leave open which of them was signed.
func OnlyHeader(h http.Header, name string) string {
	if values := h.Values(name); len(values) == 1 {
		return values[0]
	}
	return ""
}

// ReadAnswer reads an answer of at most limit bytes. Errors are *QueryError.
func ReadAnswer(r io.Reader, limit int) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case err != nil:
		return nil, TransportError(err)
	case len(body) > limit:
		return nil, Unreachable(CodeMalformed, errTooLong)
	}
	return body, nil
}

// Unreachable says that no usable answer came, so that the query is put again.
func Unreachable(code string, cause error) error {
	return &QueryError{Outcome: order.QueryUnreachable, Code: code, Err: cause}
}

// Refused says that asking again the same way cannot help.
func Refused(code string, cause error) error {
	return &QueryError{Outcome: order.QueryRefused, Code: code, Permanent: true, Err: cause}
}

// NotFound says that the channel does not know the order. While the order can still be
// paid that is no answer; once it has expired (and grace has passed, for a channel whose
// books lag behind) asking again cannot help.
func NotFound(q Query, grace time.Duration, now time.Time) error {
	expired := !q.ExpiresAt.IsZero() && now.After(q.ExpiresAt.Add(grace))
	return &QueryError{Outcome: order.QueryUnknown, Code: CodeNotFound, Permanent: expired}
}

// TransportError says what became of a request that got no answer.
func TransportError(err error) error {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, errTooLong):
		return Unreachable(CodeMalformed, errTooLong)
	case errors.Is(err, context.Canceled):
		return Unreachable(CodeCanceled, err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Unreachable(CodeTimeout, err)
	}
	return Unreachable(CodeConnection, err)
}

// StatusError reads a status that is no success: 401 and 403 and other refusals of the
// request are permanent, 408, 425, 429, 5xx and what belongs to no API are not. Adapters
// look at their provider's error codes first.
func StatusError(status int, h http.Header, now time.Time) error {
	code := fmt.Sprintf("http_%d", status)
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return &QueryError{Outcome: order.QueryUnreachable, Code: code, RetryAfter: RetryAfter(h, now)}
	case status >= 400:
		return Refused(code, nil)
	}
	return Unreachable(code, nil)
}

// RetryAfter reads Retry-After in both of its forms (RFC 9110, 10.2.3), 0 when it says
// nothing usable, an hour at most.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	wait := time.Duration(0)
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// NoRedirects is for http.Client.CheckRedirect: a signature is for one address, and a
// question that is sent on would not be the one signed.
func NoRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
