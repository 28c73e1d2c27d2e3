package engine

import (
	"context"
	"fmt"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// Wish is what a payer asks for on the page: to be told by a channel at an address.
type Wish struct {
	Channel notify.Channel // SMS, Email or WebPush
	Phone   string
	Email   string
	WebPush notify.Subscription
	Locale  string
}

// subscribable is a provider whose addresses browsers make, for its key only.
type subscribable interface {
	PublicKey() string
	// Check refuses a subscription that the provider would never send to.
	Check(s notify.Subscription) error
}

// OptInOffers tells by which channels payers may ask to be told, with the key that
// browsers subscribe with.
func (e *Engine) OptInOffers() map[notify.Channel]string {
	offers := make(map[notify.Channel]string)
	if e.messages == nil {
		return offers
	}
	for _, c := range []notify.Channel{notify.SMS, notify.Email, notify.WebPush} {
		for _, s := range e.messages.providers[c] {
			key := ""
			if k, ok := s.Provider.(subscribable); ok {
				key = k.PublicKey()
			}
			offers[c] = key
		}
	}
	return offers
}

// OptIn records that the payer of an order wants to be told, and returns where, masked. It
// fails with a *order.FieldError.
func (e *Engine) OptIn(ctx context.Context, orderNo string, w Wish) (string, error) {
	if e.messages == nil {
		return "", ErrNoMessages
	}
	o, err := e.deps.Store.Order(ctx, orderNo)
	if err != nil {
		return "", err
	}
	to, err := w.address(e.OptInOffers())
	if err != nil {
		return "", err
	}
	if w.Channel == notify.WebPush && !e.takesSubscription(w.WebPush) {
		return "", &order.FieldError{Field: "subscription", Reason: "is of no push service that can be reached"}
	}
	in := OptIn{
		Payer: InboxID(o.Backend, o.Payer.ID), Channel: w.Channel, To: to, Fingerprint: e.messages.deps.Key.Fingerprint(w.Channel, to),
		Locale: w.Locale, OrderNo: orderNo, At: now(),
	}
	if err := e.commit(ctx, Commit{Messages: &MessageWrites{OptIn: &in}}); err != nil {
		return "", fmt.Errorf("store opt-in: %w", err)
	}
	return to.Mask(), nil
}

func (e *Engine) takesSubscription(s notify.Subscription) bool {
	for _, p := range e.messages.providers[notify.WebPush] {
		if k, ok := p.Provider.(subscribable); !ok || k.Check(s) == nil {
			return true
		}
	}
	return false
}

func (w Wish) address(offers map[notify.Channel]string) (notify.Address, error) {
	if _, ok := offers[w.Channel]; !ok {
		return notify.Address{}, &order.FieldError{Field: "kind", Reason: "is not offered here"}
	}
	switch w.Channel {
	case notify.SMS:
		phone, ok := notify.Phone(w.Phone, w.Locale)
		if !ok {
			return notify.Address{}, &order.FieldError{Field: "phone", Reason: "must be a phone number, with its country code unless it is a Chinese mobile number"}
		}
		return notify.Address{Phone: phone}, nil
	case notify.Email:
		if !notify.ValidEmail(w.Email) {
			return notify.Address{}, &order.FieldError{Field: "email", Reason: "must be an e-mail address"}
		}
		return notify.Address{Email: w.Email}, nil
	case notify.WebPush:
		if !w.WebPush.Valid() {
			return notify.Address{}, &order.FieldError{Field: "subscription", Reason: "must be a PushSubscription as the browser serialises it"}
		}
		return notify.Address{WebPush: w.WebPush}, nil
	case notify.Push, notify.Inbox, notify.Gateway, notify.Robot:
	}
	return notify.Address{}, &order.FieldError{Field: "kind", Reason: "must be sms, email or webpush"}
}

// OptOut records that a payer, by the id of the inbox, wants no more messages of a channel
// that are not part of a payment. It may be repeated.
func (e *Engine) OptOut(ctx context.Context, payer string, c notify.Channel) error {
	if err := e.commit(ctx, Commit{Messages: &MessageWrites{OptOut: &OptOut{Payer: payer, Channel: c, At: now()}}}); err != nil {
		return fmt.Errorf("store opt-out: %w", err)
	}
	return nil
}
