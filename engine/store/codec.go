package store

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
)

// encoded is a Commit that is checked in itself and turned into text by its caller's
// goroutine, so that the one writer has nothing left to do but to execute.
type encoded struct {
	engine.Commit
	state         string
	contact       string
	events        []string
	notifications []string
	raws          []string
}

func encodeCommit(c engine.Commit) (*encoded, error) {
	if err := validate(c); err != nil {
		return nil, err
	}
	e := &encoded{Commit: c}
	var err error
	if c.Order != nil {
		if e.state, e.contact, err = encodeOrder(*c.Order); err != nil {
			return nil, err
		}
	}
	if e.events, err = encodeAll(c.Events, func(ev order.Event) any { return ev }); err != nil {
		return nil, err
	}
	if e.notifications, err = encodeAll(c.Callbacks, func(c engine.Callback) any { return c.Notification }); err != nil {
		return nil, err
	}
	e.raws, err = encodeAll(c.Callbacks, func(c engine.Callback) any { return rawOf(c.Raw) })
	return e, err
}

func encodeAll[T any](list []T, part func(T) any) ([]string, error) {
	texts := make([]string, len(list))
	for i, item := range list {
		text, err := encode(part(item))
		if err != nil {
			return nil, err
		}
		texts[i] = text
	}
	return texts, nil
}

func encode(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode %T: %w", v, err)
	}
	return string(text), nil
}

func decode(text string, into any) error {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("decode %T: %w", into, err)
	}
	return nil
}

// validate refuses what would be stored but could never be right.
func validate(c engine.Commit) error {
	seq := c.Expect
	for _, ev := range c.Events {
		seq++
		if c.Order == nil || ev.OrderNo != c.Order.OrderNo || ev.Seq != seq {
			return fmt.Errorf("%w: event %d is not the next of its order", ErrInvalid, ev.Seq)
		}
	}
	if c.Order != nil && c.Order.Seq != seq {
		return fmt.Errorf("%w: events lead to seq %d, the order is at %d", ErrInvalid, seq, c.Order.Seq)
	}
	seen := make(map[engine.CallbackKey]bool, len(c.Callbacks))
	for _, k := range c.Callbacks {
		if seen[k.CallbackKey] {
			return fmt.Errorf("%w: a callback is in it twice", ErrInvalid) // ErrDuplicate would say that it is stored
		}
		seen[k.CallbackKey] = true
	}
	return nil
}

// contact is what of a payer is personal. It has a column of its own, so that it can be
// encrypted or erased without touching the order's state.
type contact struct {
	Phone string   `json:"phone,omitempty"`
	Email string   `json:"email,omitempty"`
	Push  []string `json:"push,omitempty"`
}

func encodeOrder(o order.Order) (state, personal string, err error) {
	c := contact{o.Payer.Phone, o.Payer.Email, o.Payer.Push}
	o.Payer.Phone, o.Payer.Email, o.Payer.Push = "", "", nil
	if c.Phone != "" || c.Email != "" || len(c.Push) > 0 {
		if personal, err = encode(c); err != nil {
			return "", "", err
		}
	}
	state, err = encode(o)
	return state, personal, err
}

func decodeOrder(state, personal string) (order.Order, error) {
	var o order.Order
	if err := decode(state, &o); err != nil {
		return order.Order{}, err
	}
	if personal != "" {
		var c contact
		if err := decode(personal, &c); err != nil {
			return order.Order{}, err
		}
		o.Payer.Phone, o.Payer.Email, o.Payer.Push = c.Phone, c.Email, c.Push
	}
	return o, nil
}

// rawRequest is a callback's request as evidence. Header values and the query are bytes:
// as JSON strings those that are not UTF-8 would be changed, and a signature over them
// would no longer verify.
type rawRequest struct {
	Header     map[string][][]byte `json:"header,omitempty"`
	Query      []byte              `json:"query,omitempty"`
	Body       []byte              `json:"body,omitempty"`
	ReceivedAt time.Time           `json:"received_at"`
}

func rawOf(r channel.Request) rawRequest {
	raw := rawRequest{Query: []byte(r.Query), Body: r.Body, ReceivedAt: r.ReceivedAt}
	if r.Header != nil {
		raw.Header = make(map[string][][]byte, len(r.Header))
	}
	for name, values := range r.Header {
		for _, v := range values {
			raw.Header[name] = append(raw.Header[name], []byte(v))
		}
	}
	return raw
}

func (raw rawRequest) request() channel.Request {
	r := channel.Request{Query: string(raw.Query), Body: raw.Body, ReceivedAt: raw.ReceivedAt}
	if raw.Header != nil {
		r.Header = make(http.Header, len(raw.Header))
	}
	for name, values := range raw.Header {
		for _, v := range values {
			r.Header[name] = append(r.Header[name], string(v))
		}
	}
	return r
}
