package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// The codes of a query that brought no usable answer, besides http_NNN.
const (
	codeTimeout    = "timeout"
	codeCanceled   = "canceled"
	codeConnection = "connection"
	codeMalformed  = "malformed"
	codeOtherOrder = "other_order"
)

var (
	errOtherNonce = errors.New("answer repeats another nonce")
	errOtherOrder = errors.New("answer is about another order")
	errTooLong    = errors.New("answer is too long")
)

// maxRetryAfter bounds how long the channel may ask to be left alone; a longer wish is
// a mistake or a trick, and the engine's own schedule is sparser by then anyway.
const maxRetryAfter = time.Hour

// Query asks for the payment and its refunds. Errors are *channel.QueryError.
func (c *Channel) Query(ctx context.Context, q channel.Query) (order.Evidence, error) {
	answer, err := c.ask(ctx, http.MethodGet, "/v1/payments/"+q.OrderNo)
	if err != nil {
		return order.Evidence{}, err
	}
	payment, err := c.read(answer, q.OrderNo)
	if err != nil {
		return order.Evidence{}, err
	}
	return payment.evidence(order.FromQuery, q.RefundIDs), nil
}

// Close asks the channel to take no more payment. It returns channel.ErrAlreadyPaid
// when the payment won the race, else *channel.QueryError.
func (c *Channel) Close(ctx context.Context, q channel.Query) error {
	answer, err := c.ask(ctx, http.MethodPost, "/v1/payments/"+q.OrderNo+"/close")
	if err != nil {
		return err
	}
	if answer.status == http.StatusConflict && answer.code() == CodeAlreadyPaid {
		return channel.ErrAlreadyPaid
	}
	payment, err := c.read(answer, q.OrderNo)
	if err != nil {
		return err
	}
	if payment.State != StateClosed && payment.State != StateFailed {
		return unreachable(codeMalformed, malformed("state"))
	}
	return nil
}

// answer is a response whose signature holds.
type answer struct {
	status int
	body   []byte
}

// code returns the code of a refusal, "" when the body is not one.
func (a answer) code() string {
	var p Problem
	if Decode(a.body, &p) != nil {
		return ""
	}
	return p.Code
}

// ask sends a signed request and returns the answer once its signature holds. Answers
// that say "not now" need none: nothing is concluded from them.
func (c *Channel) ask(ctx context.Context, method, path string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.gateway+path, http.NoBody)
	if err != nil {
		return answer{}, &channel.QueryError{Outcome: order.QueryRefused, Code: codeMalformed, Permanent: true, Err: err}
	}
	nonce := NewNonce()
	Seal(request.Header, c.secret, c.clock(), nonce, RequestMessage(method, path, nil))
	response, err := c.client.Do(request)
	if err != nil {
		return answer{}, transportError(err)
	}
	defer func() { _ = response.Body.Close() }() // read to the end or given up: nothing to report
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return answer{}, transportError(err)
	case len(body) > maxAnswer:
		return answer{}, unreachable(codeMalformed, errTooLong)
	}
	if err := c.authentic(response, nonce, body); err != nil {
		return answer{}, err
	}
	return answer{status: response.StatusCode, body: body}, nil
}

// authentic lets through what the channel signed for this question.
func (c *Channel) authentic(r *http.Response, nonce string, body []byte) error {
	switch status := r.StatusCode; {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return &channel.QueryError{Outcome: order.QueryRefused, Code: httpCode(status), Permanent: true}
	case status == http.StatusTooManyRequests, status >= 500:
		return &channel.QueryError{Outcome: order.QueryUnreachable, Code: httpCode(status), RetryAfter: c.retryAfter(r.Header)}
	}
	if err := Check(r.Header, c.secret, c.clock(), body); err != nil {
		return unreachable(CodeSignature, err)
	}
	if only(r.Header, HeaderNonce) != nonce {
		return unreachable(CodeSignature, errOtherNonce)
	}
	return nil
}

// read takes the payment out of an authentic answer.
func (c *Channel) read(a answer, orderNo string) (Payment, error) {
	switch {
	case a.status == http.StatusOK:
	case a.status == http.StatusNotFound && a.code() == CodeNotFound:
		return Payment{}, &channel.QueryError{Outcome: order.QueryUnknown, Code: CodeNotFound}
	case a.status >= 400:
		return Payment{}, &channel.QueryError{Outcome: order.QueryRefused, Code: httpCode(a.status), Permanent: true}
	default:
		return Payment{}, unreachable(httpCode(a.status), nil)
	}
	var p Payment
	if err := Decode(a.body, &p); err != nil {
		return Payment{}, unreachable(codeMalformed, fmt.Errorf("read answer: %w", err))
	}
	if err := p.validate(); err != nil {
		return Payment{}, unreachable(codeMalformed, fmt.Errorf("read answer: %w", err))
	}
	if p.OutTradeNo != orderNo {
		return Payment{}, unreachable(codeOtherOrder, errOtherOrder)
	}
	return p, nil
}

func unreachable(code string, err error) error {
	return &channel.QueryError{Outcome: order.QueryUnreachable, Code: code, Err: err}
}

func transportError(err error) error {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.Canceled):
		return unreachable(codeCanceled, err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return unreachable(codeTimeout, err)
	default:
		return unreachable(codeConnection, err)
	}
}

func httpCode(status int) string { return "http_" + strconv.Itoa(status) }

// retryAfter reads Retry-After in both of its forms (RFC 9110, 10.2.3), 0 when it says
// nothing usable.
func (c *Channel) retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	wait := time.Duration(0)
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(c.clock())
	}
	return min(max(wait, 0), maxRetryAfter)
}
