package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	sdk "github.com/stripe/stripe-go/v86"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// Bounds of lists. An order has one payment intent as a rule, and a few refunds.
const (
	maxIntents = "10"
	maxRefunds = "100" // what Stripe puts on one page
)

var (
	errOtherOrder  = errors.New("answer is about another order")
	errOtherIntent = errors.New("answer is about another payment intent")
	errOrderNo     = errors.New("is no order number")
)

// list is a page of objects.
type list[T any] struct {
	Object string `json:"object"`
	Data   []T    `json:"data"`
}

func (l *list[T]) kind() string { return l.Object }

// payment is a payment intent with its last charge.
type payment struct {
	intent
	LatestCharge *struct {
		Created  int64 `json:"created"`
		Refunded bool  `json:"refunded"` // all of it, be it on its way
	} `json:"latest_charge"`
}

// Query finds the payment intent of an order and tells it, or the first of the refunds that
// are named which ended. Errors are *channel.QueryError.
func (c *Channel) Query(ctx context.Context, q channel.Query) (order.Evidence, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	ev, err := c.query(ctx, q)
	return ev, unanswered(err)
}

func (c *Channel) query(ctx context.Context, q channel.Query) (order.Evidence, error) {
	p, err := c.find(ctx, q)
	if err != nil {
		return order.Evidence{}, err
	}
	ev, err := c.told(p)
	whole := p.LatestCharge != nil && p.LatestCharge.Refunded
	if err != nil || ev.Claims != order.ClaimsSucceeded || len(q.RefundIDs) == 0 && !whole {
		return ev, err
	}
	refunds, err := c.refunds(ctx, p.ID)
	if err != nil {
		return order.Evidence{}, err
	}
	if told, ok := named(refunds, q.RefundIDs); ok {
		return withRefund(ev, told)
	}
	if whole {
		return withRefunds(ev, refunds)
	}
	return ev, nil
}

// told is the evidence of a payment intent that was asked for.
func (c *Channel) told(p payment) (order.Evidence, error) {
	ev, err := p.evidence()
	if err != nil {
		return order.Evidence{}, channel.Unreachable(channel.CodeMalformed, err)
	}
	ev.Source, ev.Merchant = order.FromQuery, merchant(*p.Livemode, c.account)
	switch {
	case ev.Claims == order.ClaimsClosed:
		ev.OccurredAt = seconds(p.CanceledAt)
	case ev.Claims == order.ClaimsSucceeded && p.LatestCharge != nil:
		ev.OccurredAt = seconds(p.LatestCharge.Created)
	}
	return ev, nil
}

// find returns the payment intent of an order, as it is now: the one that the engine knows,
// or that the search finds. Of several the one that came furthest counts.
func (c *Channel) find(ctx context.Context, q channel.Query) (payment, error) {
	if intentPattern.MatchString(q.ChannelTxn) {
		p, err := c.retrieve(ctx, q.ChannelTxn, q.OrderNo)
		if !missing(err) {
			return p, err
		}
	}
	ids, err := c.search(ctx, q)
	if err != nil {
		return payment{}, err
	}
	var found []payment
	for _, id := range ids {
		p, err := c.retrieve(ctx, id, q.OrderNo)
		if err != nil {
			return payment{}, err
		}
		found = append(found, p)
	}
	if len(found) == 0 {
		return payment{}, channel.NotFound(q, notFoundGrace, c.clock())
	}
	return slices.MaxFunc(found, func(a, b payment) int { return progress(a) - progress(b) }), nil
}

// progress tells which of an order's payment intents says most about it. The search lists
// the newest first, which is the one taken of those alike.
func progress(p payment) int {
	return slices.Index([]order.Claimed{order.ClaimsClosed, order.ClaimsPending, order.ClaimsProcessing, order.ClaimsSucceeded}, claims[p.Status])
}

// search returns the ids of an order's payment intents. Stripe's comparison knows no case,
// order numbers do.
func (c *Channel) search(ctx context.Context, q channel.Query) ([]string, error) {
	if !order.ValidOrderNo(q.OrderNo) { // it could end the quotes
		return nil, channel.Refused(channel.CodeMalformed, errOrderNo)
	}
	var page list[intent]
	question := url.Values{"query": {fmt.Sprintf("metadata['%s']:'%s'", OrderNo, q.OrderNo)}, "limit": {maxIntents}}
	if err := c.ask(ctx, http.MethodGet, "/v1/payment_intents/search", question, "search_result", &page); err != nil {
		return nil, err
	}
	var ids []string
	for _, i := range page.Data {
		switch {
		case i.Metadata.OrderNo == q.OrderNo && intentPattern.MatchString(i.ID):
			ids = append(ids, i.ID)
		case !strings.EqualFold(i.Metadata.OrderNo, q.OrderNo):
			return nil, channel.Unreachable(channel.CodeOtherOrder, errOtherOrder)
		}
	}
	return ids, nil
}

// retrieve reads a payment intent, which must be the order's.
func (c *Channel) retrieve(ctx context.Context, id, orderNo string) (payment, error) {
	var p payment
	err := c.ask(ctx, http.MethodGet, "/v1/payment_intents/"+id, url.Values{"expand[]": {"latest_charge"}}, intentKind, &p)
	switch {
	case err != nil:
		return payment{}, err
	case p.ID != id:
		return payment{}, channel.Unreachable(channel.CodeOtherOrder, errOtherIntent)
	case p.Metadata.OrderNo != orderNo:
		return payment{}, channel.Unreachable(channel.CodeOtherOrder, errOtherOrder)
	case p.Livemode == nil:
		return payment{}, channel.Unreachable(channel.CodeMalformed, malformed("livemode"))
	}
	return p, nil
}

// refunds lists the refunds of a payment intent.
func (c *Channel) refunds(ctx context.Context, id string) ([]refund, error) {
	var page list[refund]
	question := url.Values{"payment_intent": {id}, "limit": {maxRefunds}}
	if err := c.ask(ctx, http.MethodGet, "/v1/refunds", question, "list", &page); err != nil {
		return nil, err
	}
	for _, r := range page.Data {
		if r.PaymentIntent != id {
			return nil, channel.Unreachable(channel.CodeOtherOrder, errOtherIntent)
		}
	}
	return page.Data, nil
}

// named returns the refund that was asked about, of several the first that has ended.
func named(refunds []refund, ids []string) (told refund, ok bool) {
	for _, id := range ids {
		at := slices.IndexFunc(refunds, func(r refund) bool { return r.ID == id })
		if at < 0 {
			continue
		}
		if !ok {
			told, ok = refunds[at], true
		}
		if refundClaims[refunds[at].Status] != order.ClaimsRefunding {
			return refunds[at], true
		}
	}
	return told, ok
}

// withRefund tells a refund of a payment.
func withRefund(ev order.Evidence, r refund) (order.Evidence, error) {
	told, err := r.evidence()
	if err != nil {
		return order.Evidence{}, channel.Unreachable(channel.CodeMalformed, err)
	}
	ev.Claims, ev.Refund = told.Claims, told.Refund
	ev.OccurredAt = 0 // when a refund arrived, its object does not say
	return ev, nil
}

// withRefunds tells that all of a payment was refunded: by one refund, or by several
// together, which then go without an id.
func withRefunds(ev order.Evidence, refunds []refund) (order.Evidence, error) {
	given := slices.DeleteFunc(slices.Clone(refunds), func(r refund) bool { return refundClaims[r.Status] == order.ClaimsRefundFailed })
	switch len(given) {
	case 0: // all of them failed since the intent was read
		return ev, nil
	case 1:
		return withRefund(ev, given[0])
	}
	ev.Claims, ev.Refund, ev.OccurredAt = order.ClaimsRefunded, &order.RefundEvidence{}, 0
	for _, r := range given {
		if r.Status != sdk.RefundStatusSucceeded {
			ev.Claims = order.ClaimsRefunding
		}
	}
	return ev, nil
}

// Close cancels the payment intent of an order. It returns channel.ErrAlreadyPaid when the
// payer was faster, be the money still on its way or not collected yet, else
// *channel.QueryError. That there is no intent is one of them: nothing was closed, and one
// may still be made. What a checkout session made cannot be canceled.
func (c *Channel) Close(ctx context.Context, q channel.Query) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	p, err := c.find(ctx, q)
	if err != nil {
		return unanswered(err)
	}
	if claims[p.Status] != order.ClaimsPending {
		return closedAs(p)
	}
	err = c.ask(ctx, http.MethodPost, "/v1/payment_intents/"+p.ID+"/cancel", nil, intentKind, &payment{})
	if refused, ok := errors.AsType[*refusal](err); !ok || refused.code != sdk.ErrorCodePaymentIntentUnexpectedState {
		return unanswered(err)
	}
	if p, err = c.retrieve(ctx, p.ID, q.OrderNo); err != nil { // it has changed meanwhile
		return unanswered(err)
	}
	return closedAs(p)
}

// closedAs tells what it means that a payment intent cannot be canceled.
func closedAs(p payment) error {
	switch claims[p.Status] {
	case order.ClaimsClosed:
		return nil
	case order.ClaimsProcessing, order.ClaimsSucceeded:
		return channel.ErrAlreadyPaid
	default:
		return channel.Unreachable(string(sdk.ErrorCodePaymentIntentUnexpectedState), nil)
	}
}
