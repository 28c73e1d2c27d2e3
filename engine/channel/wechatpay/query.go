package wechatpay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/core"

	"anxin/engine/channel"
	"anxin/engine/channel/strictjson"
	"anxin/engine/order"
)

// rateWait is how long WeChat Pay says to wait once it has limited the rate; its answer
// names no time.
const rateWait = time.Minute

// The codes of refusals that say something of the order. Some have changed their spelling.
var (
	codesNotFound = []string{"ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"}
	codesPaid     = []string{"ORDERPAID", "ORDER_PAID"}
	codesClosed   = []string{"ORDER_CLOSED", "ORDERCLOSED"}
)

// Query asks for the payment and, where it is paid, for the refunds that are named.
// Errors are *channel.QueryError.
func (c *Channel) Query(ctx context.Context, q channel.Query) (order.Evidence, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	body, err := c.ask(ctx, "/v3/pay/transactions/out-trade-no/"+url.PathEscape(q.OrderNo)+"?mchid="+c.mchID, nil)
	if err != nil {
		return order.Evidence{}, c.queryError(q, err)
	}
	var p payment
	if strictjson.DecodeKnown(body, &p) != nil {
		return order.Evidence{}, unreadable("answer")
	}
	ev, err := p.evidence(order.FromQuery, c.apps)
	switch {
	case err != nil:
		return order.Evidence{}, channel.Unreachable(channel.CodeMalformed, err)
	case p.OutTradeNo != q.OrderNo, p.MchID != c.mchID:
		return order.Evidence{}, errOtherOrder()
	case ev.Claims != order.ClaimsSucceeded:
		return ev, nil
	}
	return c.withRefunds(ctx, p, ev, q.RefundIDs)
}

// withRefunds tells a paid payment as the refund that says the most: one that came to an
// end before one that is on its way. One that is not known (yet), or cannot be asked about
// now, is no reason to keep back what is known of another.
func (c *Channel) withRefunds(ctx context.Context, p payment, paid order.Evidence, ids []string) (order.Evidence, error) {
	var failed error
	for _, id := range ids {
		ev, err := c.queryRefund(ctx, p, paid.Merchant, id)
		switch {
		case unknown(err):
		case err != nil:
			failed = err
		case ev.Claims != order.ClaimsRefunding:
			return ev, nil
		default:
			paid = ev
		}
	}
	if failed != nil && paid.Refund == nil {
		return order.Evidence{}, c.queryError(channel.Query{}, failed)
	}
	return paid, nil
}

// queryRefund asks about one refund of a payment. Errors are as those of ask.
func (c *Channel) queryRefund(ctx context.Context, p payment, merchant, id string) (order.Evidence, error) {
	body, err := c.ask(ctx, "/v3/refund/domestic/refunds/"+url.PathEscape(id), nil)
	if err != nil {
		return order.Evidence{}, err
	}
	var r refund
	if strictjson.DecodeKnown(body, &r) != nil {
		return order.Evidence{}, unreadable("answer")
	}
	ev, err := r.evidence(order.FromQuery, merchant)
	switch {
	case err != nil:
		return order.Evidence{}, channel.Unreachable(channel.CodeMalformed, err)
	case r.OutTradeNo != p.OutTradeNo, r.TransactionID != p.TransactionID, r.OutRefundNo != id:
		return order.Evidence{}, errOtherOrder()
	}
	return ev, nil
}

// unknown reports whether a question was refused because what it is about does not exist.
func unknown(err error) bool {
	var refused *refusal
	return errors.As(err, &refused) && refused.status == http.StatusNotFound && slices.Contains(codesNotFound, refused.code)
}

// Close asks WeChat Pay to take no more payment. It returns channel.ErrAlreadyPaid when
// the payment won the race, else *channel.QueryError. One that is closed already is closed.
func (c *Channel) Close(ctx context.Context, q channel.Query) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	_, err := c.ask(ctx, "/v3/pay/transactions/out-trade-no/"+url.PathEscape(q.OrderNo)+"/close", closing{c.mchID})
	var refused *refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && slices.Contains(codesPaid, refused.code):
		return channel.ErrAlreadyPaid
	case errors.As(err, &refused) && slices.Contains(codesClosed, refused.code):
		return nil
	}
	return c.queryError(q, err)
}

type closing struct {
	MchID string `json:"mchid"`
}

// refusal is an answer that is no success. Nobody signed it: it may steer when we ask
// again, and says nothing of the payment.
type refusal struct {
	status int
	code   string
	header http.Header
}

func (r *refusal) Error() string { return "refused with status " + strconv.Itoa(r.status) }

// ask puts a question, a POST when there is a body, and returns the answer once its
// signature holds. Errors are *refusal, or *channel.QueryError.
func (c *Channel) ask(ctx context.Context, path string, body any) ([]byte, error) {
	var result *core.APIResult
	var err error
	if body == nil {
		result, err = c.client.Get(ctx, c.gateway+path)
	} else {
		result, err = c.client.Post(ctx, c.gateway+path, body)
	}
	if result != nil && result.Response != nil {
		defer result.Response.Body.Close()
	}
	var refused *core.APIError
	switch {
	case errors.As(err, &refused):
		return nil, &refusal{refused.StatusCode, refused.Code, refused.Header}
	case errors.Is(err, channel.ErrSignature), errors.Is(err, channel.ErrStale):
		return nil, channel.Unreachable(channel.CodeBadSignature, err)
	case err != nil:
		return nil, channel.TransportError(cause(err))
	}
	answer, err := io.ReadAll(result.Response.Body)
	if err != nil {
		return nil, channel.TransportError(cause(err))
	}
	return answer, nil
}

// cause takes the address of the question off an error: it names order and merchant.
func cause(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

// queryError says what a failed question means.
func (c *Channel) queryError(q channel.Query, err error) error {
	var refused *refusal
	if !errors.As(err, &refused) {
		return err
	}
	switch {
	case unknown(err):
		return channel.NotFound(q, grace, c.clock())
	case refused.status == http.StatusNotFound: // of a host on the way
		return channel.Unreachable("http_404", nil)
	case refused.status == http.StatusTooManyRequests && channel.RetryAfter(refused.header, c.clock()) == 0:
		return &channel.QueryError{Outcome: order.QueryUnreachable, Code: "http_429", RetryAfter: rateWait}
	}
	return channel.StatusError(refused.status, refused.header, c.clock())
}

func unreadable(part string) error {
	return channel.Unreachable(channel.CodeMalformed, malformed(part))
}

var errOther = errors.New("answer is about another order")

func errOtherOrder() error { return channel.Unreachable(channel.CodeOtherOrder, errOther) }

// answers checks what the client gets back. It stands in for the SDK's own check, which
// takes the names and times of any key and tells the serial in its errors.
type answers struct{ c *Channel }

// Validate implements auth.Validator.
func (a answers) Validate(ctx context.Context, response *http.Response) error {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	_ = response.Body.Close() // read to the end: nothing to report
	response.Body = io.NopCloser(bytes.NewReader(body))
	return a.c.seals.check(ctx, response.Header, a.c.clock(), body)
}

// GetAcceptSerial implements auth.Validator: the key that the answer is wanted by.
func (a answers) GetAcceptSerial(context.Context) (string, error) { return a.c.seals.asked, nil }
