package wechatpay

import (
	"context"
	"errors"
	"net/http"

	"anxin/engine/channel"
	"anxin/engine/channel/strictjson"
	"anxin/engine/order"
)

// notice is the body of a callback.
type notice struct {
	ID         string    `json:"id"` // stays the same when it is sent again
	CreateTime string    `json:"create_time"`
	EventType  string    `json:"event_type"`
	Resource   *resource `json:"resource"`
}

var (
	idPattern    = channel.NewClass("A-Za-z0-9_-", 1, 64)
	eventPattern = channel.NewClass("A-Z0-9_.", 1, 64)
)

// events are the notifications about payments, and the state that each of them must tell.
// Others are about coupons, contracts and whatever else a merchant has at WeChat Pay.
var events = map[string]struct {
	read  func(c *Channel, plain []byte, state string) (channel.Notification, error)
	state string
}{
	"TRANSACTION.SUCCESS": {(*Channel).readPayment, stateSuccess},
	"REFUND.SUCCESS":      {(*Channel).readRefund, "SUCCESS"},
	"REFUND.ABNORMAL":     {(*Channel).readRefund, "ABNORMAL"},
	"REFUND.CLOSED":       {(*Channel).readRefund, "CLOSED"},
}

// Verify authenticates a callback and reads its one notification; one that is about no
// payment has none. A callback about another merchant account or app is authentic all the
// same: its evidence names that one.
func (c *Channel) Verify(ctx context.Context, r channel.Request) ([]channel.Notification, error) {
	err := c.seals.check(ctx, r.Header, r.ReceivedAt, r.Body)
	if err != nil && (!r.AnyAge || !errors.Is(err, channel.ErrStale)) {
		return nil, c.refused(r, err)
	}
	return c.read(r.Body)
}

func (c *Channel) read(body []byte) ([]channel.Notification, error) {
	var n notice
	if strictjson.DecodeKnown(body, &n) != nil {
		return nil, malformed("body")
	}
	event, known := events[n.EventType]
	switch {
	case !idPattern.MatchString(n.ID):
		return nil, malformed("id")
	case !eventPattern.MatchString(n.EventType):
		return nil, malformed("event_type")
	case !known:
		return nil, nil
	case n.Resource == nil:
		return nil, malformed("resource")
	}
	told, err := instant(n.CreateTime)
	if err != nil {
		return nil, malformed("create_time")
	}
	plain, err := n.Resource.open(c.aead)
	if err != nil {
		return nil, err
	}
	note, err := event.read(c, plain, event.state)
	if err != nil {
		return nil, err
	}
	note.DedupeKey = n.ID
	if note.Evidence.OccurredAt == 0 {
		note.Evidence.OccurredAt = told // a refund that was closed says no time of its own
	}
	return []channel.Notification{note}, nil
}

func (c *Channel) readPayment(plain []byte, state string) (channel.Notification, error) {
	var p payment
	if strictjson.DecodeKnown(plain, &p) != nil {
		return channel.Notification{}, malformed("resource")
	}
	if p.TradeState != state {
		return channel.Notification{}, malformed("trade_state")
	}
	ev, err := p.evidence(order.FromCallback, c.apps)
	return channel.Notification{OrderNo: p.OutTradeNo, Evidence: ev}, err
}

func (c *Channel) readRefund(plain []byte, state string) (channel.Notification, error) {
	var r refund
	if strictjson.DecodeKnown(plain, &r) != nil {
		return channel.Notification{}, malformed("resource")
	}
	if r.RefundStatus != state {
		return channel.Notification{}, malformed("refund_status")
	}
	if !mchIDPattern.MatchString(r.MchID) {
		return channel.Notification{}, malformed("mchid")
	}
	ev, err := r.evidence(order.FromCallback, r.MchID)
	return channel.Notification{OrderNo: r.OutTradeNo, Evidence: ev}, err
}

// refused names the order of a refused callback that only WeChat Pay, or whoever else
// knows the APIv3 key, can have encrypted; none for a probe, which says nothing about
// the order that it borrows.
func (c *Channel) refused(r channel.Request, reason error) error {
	if probe(r.Header) {
		return reason
	}
	notes, err := c.read(r.Body)
	if err != nil || len(notes) == 0 {
		return reason
	}
	return &channel.CallbackError{OrderNo: notes[0].OrderNo, Err: reason}
}

// fail is the answer upon which WeChat Pay sends the callback again.
const fail = `{"code":"FAIL","message":"失败"}`

// Acknowledge answers 204 once a callback is stored, else FAIL with a status that says
// the same: one that is 200 would count as a success.
func (c *Channel) Acknowledge(err error) channel.Answer {
	answer := channel.Answer{ContentType: "application/json", Body: []byte(fail)}
	switch {
	case err == nil:
		return channel.Answer{Status: http.StatusNoContent}
	case errors.Is(err, channel.ErrSignature), errors.Is(err, channel.ErrStale), errors.Is(err, channel.ErrMerchant):
		answer.Status = http.StatusUnauthorized
	case errors.Is(err, channel.ErrMalformed):
		answer.Status = http.StatusBadRequest
	default:
		answer.Status = http.StatusInternalServerError
	}
	return answer
}
