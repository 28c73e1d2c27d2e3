package standardhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/strictjson"
	"anxin/engine/order"
	"anxin/engine/webhook"
)

var (
	// No dot: it separates what is signed.
	messageID = regexp.MustCompile(`^[!-\-/-~]{1,128}$`)
	seconds   = regexp.MustCompile(`^[1-9][0-9]{0,10}$`)
)

// Verify authenticates a callback and reads its one notification, or none when it is of
// a type that tells nothing of an order.
func (c *Channel) Verify(_ context.Context, r channel.Request) ([]channel.Notification, error) {
	id, err := c.authentic(r.Header, r.Body, r.ReceivedAt)
	if err != nil && (!r.AnyAge || !errors.Is(err, channel.ErrStale)) {
		return nil, refused(r.Body, err)
	}
	event, err := readEvent(r.Body)
	switch {
	case err != nil:
		return nil, err
	case event.Type != TypePayment && event.Type != TypeRefund:
		return nil, nil
	}
	return []channel.Notification{{
		OrderNo: event.OrderNo, DedupeKey: id, Evidence: event.evidence(order.FromCallback, nil),
	}}, nil
}

// authentic checks the signature of a message before its age, and returns its id.
func (c *Channel) authentic(h http.Header, body []byte, now time.Time) (id string, err error) {
	id, timestamp := channel.OnlyHeader(h, webhook.HeaderID), channel.OnlyHeader(h, webhook.HeaderTimestamp)
	if !messageID.MatchString(id) || !seconds.MatchString(timestamp) {
		return "", errHeaders
	}
	if webhook.VerifySignature(c.verifiers, id, timestamp, channel.OnlyHeader(h, webhook.HeaderSignature), body) != nil {
		return "", channel.ErrSignature
	}
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return "", errHeaders
	}
	if now.Sub(time.Unix(at, 0)).Abs() > webhook.Tolerance {
		return id, channel.ErrStale
	}
	return id, nil
}

func readEvent(body []byte) (Event, error) {
	var kind struct {
		Type string `json:"type"`
	}
	if err := strictjson.DecodeKnown(body, &kind); err != nil {
		return Event{}, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	e := Event{Type: kind.Type}
	switch kind.Type {
	case TypePayment, TypeRefund:
	case "":
		return Event{}, malformed("type")
	default:
		return e, nil // whatever else is in it has another format
	}
	if err := strictjson.DecodeKnown(body, &e); err != nil {
		return Event{}, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	e.Refunds = nil // each refund comes by an event of its own
	if kind.Type == TypeRefund {
		if e.Refund == nil {
			return Event{}, malformed("refund")
		}
		e.Refunds = []Refund{*e.Refund}
	}
	return e, e.validate()
}

// refused names the order of a refused callback where it can be read.
func refused(body []byte, reason error) error {
	e, err := readEvent(body)
	if err != nil || e.OrderNo == "" {
		return reason
	}
	return &channel.CallbackError{OrderNo: e.OrderNo, Err: reason}
}
