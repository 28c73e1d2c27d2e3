package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"anxin/engine/channel"
	"anxin/engine/channel/strictjson"
	"anxin/engine/order"
)

var (
	errOtherNonce = errors.New("answer repeats another nonce")
	errOtherOrder = errors.New("answer is about another order")
)

// Query asks for the payment and its refunds. Errors are *channel.QueryError.
func (c *Channel) Query(ctx context.Context, q channel.Query) (order.Evidence, error) {
	answer, err := c.ask(ctx, http.MethodGet, "/v1/payments/"+q.OrderNo)
	if err != nil {
		return order.Evidence{}, err
	}
	payment, err := c.read(answer, q)
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
	payment, err := c.read(answer, q)
	if err != nil {
		return err
	}
	if payment.State != StateClosed && payment.State != StateFailed {
		return channel.Unreachable(channel.CodeMalformed, malformed("state"))
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
	if strictjson.Decode(a.body, &p) != nil {
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
		return answer{}, channel.Refused(channel.CodeMalformed, err)
	}
	nonce := NewNonce()
	Seal(request.Header, c.secret, c.clock(), nonce, RequestMessage(method, path, nil))
	response, err := c.client.Do(request)
	if err != nil {
		return answer{}, channel.TransportError(err)
	}
	defer func() { _ = response.Body.Close() }() // read to the end or given up: nothing to report
	body, err := channel.ReadAnswer(response.Body, maxAnswer)
	if err != nil {
		return answer{}, err
	}
	if err := c.authentic(response, nonce, body); err != nil {
		return answer{}, err
	}
	return answer{status: response.StatusCode, body: body}, nil
}

// authentic lets through what the channel signed for this question.
func (c *Channel) authentic(r *http.Response, nonce string, body []byte) error {
	switch status := r.StatusCode; {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests, status >= 500:
		return channel.StatusError(status, r.Header, c.clock())
	}
	if err := Check(r.Header, c.secret, c.clock(), body); err != nil {
		return channel.Unreachable(channel.CodeBadSignature, err)
	}
	if channel.OnlyHeader(r.Header, HeaderNonce) != nonce {
		return channel.Unreachable(channel.CodeBadSignature, errOtherNonce)
	}
	return nil
}

// read takes the payment out of an authentic answer.
func (c *Channel) read(a answer, q channel.Query) (Payment, error) {
	switch {
	case a.status == http.StatusOK:
	case a.status == http.StatusNotFound && a.code() == CodeNotFound:
		return Payment{}, channel.NotFound(q, notFoundGrace, c.clock())
	default:
		return Payment{}, channel.StatusError(a.status, nil, c.clock())
	}
	var p Payment
	if err := strictjson.Decode(a.body, &p); err != nil {
		return Payment{}, channel.Unreachable(channel.CodeMalformed, fmt.Errorf("read answer: %w", err))
	}
	if err := p.validate(); err != nil {
		return Payment{}, channel.Unreachable(channel.CodeMalformed, fmt.Errorf("read answer: %w", err))
	}
	if p.OutTradeNo != q.OrderNo {
		return Payment{}, channel.Unreachable(channel.CodeOtherOrder, errOtherOrder)
	}
	return p, nil
}
