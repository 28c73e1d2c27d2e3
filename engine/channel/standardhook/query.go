package standardhook

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"anxin/engine/channel"
	"anxin/engine/channel/strictjson"
	"anxin/engine/order"
	"anxin/engine/webhook"
)

var (
	errOtherQuestion = errors.New("answer is to another question")
	errOtherOrder    = errors.New("answer is about another order")
	errNotClosed     = errors.New("answer is about an order that is not closed")
)

// Query asks for the payment and its refunds. Errors are *channel.QueryError.
func (c *Channel) Query(ctx context.Context, q channel.Query) (order.Evidence, error) {
	a, err := c.ask(ctx, c.cfg.QueryURL, Question{OrderNo: q.OrderNo, RefundIDs: q.RefundIDs})
	if err != nil {
		return order.Evidence{}, err
	}
	p, err := c.read(a, q)
	if err != nil {
		return order.Evidence{}, err
	}
	return p.evidence(order.FromQuery, q.RefundIDs), nil
}

// Close asks the other side to take no more payment. It returns channel.ErrAlreadyPaid
// when the payment won the race, else *channel.QueryError.
func (c *Channel) Close(ctx context.Context, q channel.Query) error {
	a, err := c.ask(ctx, c.cfg.CloseURL, Question{OrderNo: q.OrderNo})
	if err != nil {
		return err
	}
	if a.status == http.StatusConflict && a.code() == CodeAlreadyPaid {
		return channel.ErrAlreadyPaid
	}
	p, err := c.read(a, q)
	if err != nil {
		return err
	}
	if p.Status != StatusClosed && p.Status != StatusFailed {
		return channel.Unreachable(channel.CodeMalformed, errNotClosed)
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
	if strictjson.DecodeKnown(a.body, &p) != nil {
		return ""
	}
	return p.Code
}

// ask sends a signed question and returns the answer once its signature holds.
func (c *Channel) ask(ctx context.Context, address string, question Question) (answer, error) {
	if address == "" {
		return answer{}, channel.Refused(channel.CodeUnsupported, channel.ErrUnsupported)
	}
	body, err := json.Marshal(question)
	if err != nil {
		return answer{}, channel.Refused(channel.CodeMalformed, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return answer{}, channel.Refused(channel.CodeMalformed, err)
	}
	id, now := "qry_"+rand.Text(), c.clock()
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(webhook.HeaderID, id)
	request.Header.Set(webhook.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(webhook.HeaderSignature, webhook.Sign(c.signers, id, now, body))
	response, err := c.client.Do(request)
	if err != nil {
		return answer{}, channel.TransportError(err)
	}
	defer response.Body.Close()
	raw, err := channel.ReadAnswer(response.Body, maxAnswer)
	if err != nil {
		return answer{}, err
	}
	switch status := response.StatusCode; {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests, status >= 500:
		return answer{}, channel.StatusError(status, response.Header, c.clock())
	}
	answered, err := c.authentic(response.Header, raw, c.clock())
	switch {
	case err != nil:
		return answer{}, channel.Unreachable(channel.CodeBadSignature, err)
	case answered != id:
		return answer{}, channel.Unreachable(channel.CodeBadSignature, errOtherQuestion)
	}
	return answer{response.StatusCode, raw}, nil
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
	if err := strictjson.DecodeKnown(a.body, &p); err != nil {
		return Payment{}, channel.Unreachable(channel.CodeMalformed, fmt.Errorf("read answer: %w", err))
	}
	if err := p.validate(); err != nil {
		return Payment{}, channel.Unreachable(channel.CodeMalformed, fmt.Errorf("read answer: %w", err))
	}
	if p.OrderNo != q.OrderNo {
		return Payment{}, channel.Unreachable(channel.CodeOtherOrder, errOtherOrder)
	}
	return p, nil
}
