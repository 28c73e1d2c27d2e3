package store

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	"anxin/engine"
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
	raws          [][]byte
	rejected      [][]byte // raw requests
	histories     []string // of messages
	address       string   // of an opt-in, sealed
	renewed       string   // address of a renewal, sealed
	template      string
}

func encodeCommit(c engine.Commit, seals *sealer) (*encoded, error) {
	if err := validate(c); err != nil {
		return nil, err
	}
	e := &encoded{Commit: c}
	var err error
	if c.Order != nil {
		if e.state, e.contact, err = seals.encodeOrder(*c.Order); err != nil {
			return nil, err
		}
	}
	for i := range c.Events {
		text, err := eventForm.text(reflect.ValueOf(&c.Events[i]).Elem())
		if err != nil {
			return nil, err
		}
		e.events = append(e.events, text)
	}
	for i := range c.Callbacks {
		text, err := noticeForm.text(reflect.ValueOf(&c.Callbacks[i].Notification).Elem())
		if err != nil {
			return nil, err
		}
		e.notifications = append(e.notifications, text)
		e.raws = append(e.raws, encodeRaw(c.Callbacks[i].Raw))
	}
	if c.Rejected != nil {
		for _, r := range c.Rejected.New {
			e.rejected = append(e.rejected, encodeRaw(r.Raw))
		}
	}
	return e, e.encodeMessages(seals)
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

func decode[T ~string | ~[]byte](text T, into any) error {
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
	if c.Order == nil && (len(c.Promises)+len(c.Ended) > 0 || c.Purchase != nil) {
		return fmt.Errorf("%w: promises and purchases belong to changes of an order", ErrInvalid)
	}
	return validateCallbacks(c)
}

func validateCallbacks(c engine.Commit) error {
	if len(c.Callbacks) < 2 {
		return nil
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

func (s *sealer) encodeOrder(o order.Order) (state, personal string, err error) {
	c := contact{o.Payer.Phone, o.Payer.Email, o.Payer.Push}
	o.Payer.Phone, o.Payer.Email, o.Payer.Push = "", "", nil
	if c.Phone != "" || c.Email != "" || len(c.Push) > 0 {
		if personal, err = contactForm.text(reflect.ValueOf(&c).Elem()); err != nil {
			return "", "", err
		}
		if personal, err = s.seal(personal, o.OrderNo); err != nil {
			return "", "", err
		}
	}
	state, err = orderForm.text(reflect.ValueOf(&o).Elem())
	return state, personal, err
}

// orderPool lends what an order is decoded into, *order.Order. It has to be on the heap for
// that, and one of its size and with so many pointers costs as much as the decoding.
var orderPool = sync.Pool{New: func() any { return new(order.Order) }}

func (s *sealer) decodeOrder(state, personal string) (order.Order, error) {
	into := orderPool.Get().(*order.Order) //nolint:forcetypeassert // it holds nothing else
	defer orderPool.Put(into)
	*into = order.Order{}
	if err := orderForm.read(state, reflect.ValueOf(into).Elem()); err != nil {
		return order.Order{}, err
	}
	o := *into
	if personal != "" {
		personal, err := s.unseal(personal, o.OrderNo)
		if err != nil {
			return order.Order{}, err
		}
		var c contact
		if err := contactForm.read(personal, reflect.ValueOf(&c).Elem()); err != nil {
			return order.Order{}, err
		}
		o.Payer.Phone, o.Payer.Email, o.Payer.Push = c.Phone, c.Email, c.Push
	}
	return o, nil
}
