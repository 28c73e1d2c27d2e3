package stripe

import (
	"encoding/json"
	"fmt"
	"regexp"

	sdk "github.com/stripe/stripe-go/v86"

	"anxin/engine/channel"
	"anxin/engine/channel/strictjson"
	"anxin/engine/order"
)

// OrderNo is the key of the metadata under which a payment intent, and each refund, names
// its order.
const OrderNo = "order_no"

// metadata is what the merchant wrote to an object. Only the order's number is read.
type metadata struct {
	OrderNo string `json:"order_no"`
}

// event is what is read of a webhook's body.
type event struct {
	ID       string `json:"id"`
	Object   string `json:"object"`
	Type     string `json:"type"`
	Account  string `json:"account"` // of events of connected accounts
	Livemode *bool  `json:"livemode"`
	Created  int64  `json:"created"`
	Data     struct {
		Object json.RawMessage `json:"object"`
	} `json:"data"`
}

// statement is what an object tells of an order; "" as the number is of none.
type statement struct {
	orderNo  string
	evidence order.Evidence
}

// reader reads the object of an event. Errors wrap channel.ErrMalformed.
type reader func(event) (statement, error)

// readers are the events that tell of orders, by type. What is not among them (disputes,
// customers, payouts) moves no order.
var readers = map[sdk.EventType]reader{
	sdk.EventTypePaymentIntentCreated:                 readIntentEvent,
	sdk.EventTypePaymentIntentRequiresAction:          readIntentEvent,
	sdk.EventTypePaymentIntentProcessing:              readIntentEvent,
	sdk.EventTypePaymentIntentAmountCapturableUpdated: readIntentEvent,
	sdk.EventTypePaymentIntentPaymentFailed:           readIntentEvent,
	sdk.EventTypePaymentIntentSucceeded:               readIntentEvent,
	sdk.EventTypePaymentIntentCanceled:                readIntentEvent,

	sdk.EventTypeChargeRefunded:      readChargeEvent,
	sdk.EventTypeChargeRefundUpdated: readRefundEvent, // what refund.updated was called before 2024
	sdk.EventTypeRefundCreated:       readRefundEvent,
	sdk.EventTypeRefundUpdated:       readRefundEvent,
	sdk.EventTypeRefundFailed:        readRefundEvent,

	sdk.EventTypeCheckoutSessionCompleted:             readSessionEvent,
	sdk.EventTypeCheckoutSessionAsyncPaymentSucceeded: readSessionEvent,
	sdk.EventTypeCheckoutSessionAsyncPaymentFailed:    readSessionEvent,
	sdk.EventTypeCheckoutSessionExpired:               readSessionEvent,
}

var eventIDPattern = regexp.MustCompile(`^evt_[A-Za-z0-9_]{1,128}$`)

func malformed(what string) error { return fmt.Errorf("%w: %s", channel.ErrMalformed, what) }

// read reads an authentic event; told says whether it is about an order. Errors wrap
// channel.ErrMalformed.
func read(body []byte) (n channel.Notification, told bool, err error) {
	var e event
	if err := strictjson.DecodeKnown(body, &e); err != nil {
		return n, false, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	switch {
	case e.Object != "event": // "v2.core.event" is a thin one, which holds no object
		return n, false, malformed("object")
	case !eventIDPattern.MatchString(e.ID):
		return n, false, malformed("id")
	case e.Type == "":
		return n, false, malformed("type")
	case e.Livemode == nil:
		return n, false, malformed("livemode")
	case e.Account != "" && !accountPattern.MatchString(e.Account):
		return n, false, malformed("account")
	case !plausible(e.Created):
		return n, false, malformed("created")
	}
	readObject, ok := readers[sdk.EventType(e.Type)]
	if !ok {
		return n, false, nil
	}
	s, err := readObject(e)
	if err != nil || s.orderNo == "" {
		return n, false, err
	}
	s.evidence.Source, s.evidence.Merchant = order.FromCallback, merchant(*e.Livemode, e.Account)
	return channel.Notification{OrderNo: s.orderNo, DedupeKey: e.ID, Evidence: s.evidence}, true, nil
}

// object reads the object that an event is about, of the kind that its type promises.
func (e event) object(kind string, into interface{ kind() string }) error {
	if json.Unmarshal(e.Data.Object, into) != nil || into.kind() != kind {
		return malformed(kind)
	}
	return nil
}

// number returns the first that is an order's number. Other systems at the same account
// may use the name for numbers of their own, which are no reason to refuse an event.
func number(candidates ...string) string {
	for _, no := range candidates {
		if order.ValidOrderNo(no) {
			return no
		}
	}
	return ""
}

// refused names the order of a refused event where it can be read.
func refused(body []byte, reason error) error {
	var e struct {
		Data struct {
			Object struct {
				Metadata          metadata `json:"metadata"`
				ClientReferenceID string   `json:"client_reference_id"`
			} `json:"object"`
		} `json:"data"`
	}
	if strictjson.DecodeKnown(body, &e) != nil {
		return reason
	}
	if no := number(e.Data.Object.ClientReferenceID, e.Data.Object.Metadata.OrderNo); no != "" {
		return &channel.CallbackError{OrderNo: no, Err: reason}
	}
	return reason
}

// plausible bounds a time in seconds to what fits into order.Time and into a calendar.
func plausible(seconds int64) bool { return seconds > 0 && seconds < 1<<36 }
