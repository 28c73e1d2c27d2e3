package engine

import (
	"context"
	"errors"
	"slices"
	"time"

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
	Wording string // what was read before; see order.ValidWording. "" = an app's own words
}

// Asked is by what a payer has asked to be told, and where, masked.
type Asked struct {
	Channel notify.Channel
	To      []string
}

// askable are the channels of which payers have an address to give.
var askable = []notify.Channel{notify.SMS, notify.Email, notify.WebPush}

// subscribable is a provider whose addresses browsers make, for its key only.
type subscribable interface {
	PublicKey() string
	// Check refuses a subscription that the provider would never send to.
	Check(s notify.Subscription) error
}

// OptInOffers tells by which channels the payer of an order may ask to be told how it ends,
// with the key that browsers subscribe with: those that have a provider, and a place for
// this order in the plan.
func (e *Engine) OptInOffers(o order.Order) map[notify.Channel]string {
	offers := make(map[notify.Channel]string)
	if e.messages == nil {
		return offers
	}
	plan := e.messages.plan.Load()
	for _, c := range askable {
		if !plan.Tells(c, o) {
			continue
		}
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

// Asked tells by what the payer of an order has asked to be told and, by those who tell of
// this order, still is.
func (e *Engine) Asked(ctx context.Context, o order.Order) ([]Asked, error) {
	if e.messages == nil {
		return nil, nil
	}
	f := notify.Facts{Order: o, OptedOut: make(map[notify.Channel]bool)}
	if err := e.addContacts(ctx, &f); err != nil {
		return nil, err
	}
	offers := e.OptInOffers(o)
	var list []Asked
	for _, c := range askable {
		if _, ok := offers[c]; !ok || f.OptedOut[c] {
			continue
		}
		var to []string
		for _, contact := range f.Contacts {
			if masked := contact.To.Mask(); contact.Asked && contact.Channel == c && !contact.Dead && !slices.Contains(to, masked) {
				to = append(to, masked)
			}
		}
		if len(to) > 0 {
			list = append(list, Asked{c, to})
		}
	}
	return list, nil
}

// OptIn records that the payer of an order wants to be told, and returns where, masked. It
// fails with a *order.FieldError.
func (e *Engine) OptIn(ctx context.Context, orderNo string, w Wish) (string, error) {
	if e.messages == nil {
		return "", ErrNoMessages
	}
	var to notify.Address
	_, err := e.decide(ctx, orderNo, func(o order.Order, now order.Time) (decision, error) {
		var err error
		if to, err = e.addressOf(w, o); err != nil {
			return decision{}, err
		}
		in := &OptIn{
			Payer: InboxID(o.Backend, o.Payer.ID), Channel: w.Channel, To: to, Fingerprint: e.messages.deps.Key.Fingerprint(w.Channel, to),
			Locale: w.Locale, OrderNo: orderNo, Wording: w.Wording, At: now,
		}
		counts, err := e.protect(ctx, *in)
		if err != nil {
			return decision{}, err
		}
		return decision{
			Change: o.NoteConsent(string(w.Channel), to.Mask(), w.Wording, now),
			with:   Commit{Messages: &MessageWrites{OptIn: in, Counts: counts}},
		}, nil
	})
	if _, ok := errors.AsType[*CappedError](err); ok {
		err = ErrAskedTooOften
	}
	return to.Mask(), err
}

// ErrAskedTooOften says that an address was left too often, or too many were for an order.
var ErrAskedTooOften = errors.New("opted in too often")

const (
	// maxAskedAddress bounds how often in a day an address may be left, on whichever pages:
	// a family buys less often, and who is made a target of is written to no more than that.
	maxAskedAddress = 10
	// maxAskedOrder bounds how often addresses are left on the page of one order.
	maxAskedOrder = 10
	// unwantedFor is how long an address is left alone that asked for it.
	unwantedFor = messageLife
)

// protect keeps people from having messages sent to strangers: what somebody types may be
// anybody's. Browsers ask their owners themselves.
func (e *Engine) protect(ctx context.Context, in OptIn) ([]Count, error) {
	if in.Channel == notify.WebPush {
		return nil, nil
	}
	unwanted, err := e.deps.Store.Unwanted(ctx, in.Channel, in.Fingerprint, in.At.Add(-unwantedFor))
	if err != nil {
		return nil, err
	}
	if unwanted {
		field := "phone"
		if in.Channel == notify.Email {
			field = "email"
		}
		return nil, &order.FieldError{Field: field, Reason: "wants no messages from here, as was asked there"}
	}
	day := in.At.Std().UTC().Format(time.DateOnly)
	return []Count{
		{"asked:" + string(in.Channel) + ":" + day + ":" + in.Fingerprint, maxAskedAddress, in.At.Add(48 * time.Hour)},
		{"asked:" + in.OrderNo, maxAskedOrder, in.At.Add(messageLife)},
	}, nil
}

func (e *Engine) addressOf(w Wish, o order.Order) (notify.Address, error) {
	to, err := w.address(e.OptInOffers(o))
	switch {
	case err != nil:
		return to, err
	case w.Channel == notify.WebPush && !e.takesSubscription(w.WebPush):
		return to, &order.FieldError{Field: "subscription", Reason: "is of no push service that can be reached"}
	case w.Wording != "" && !order.ValidWording(w.Wording):
		return to, &order.FieldError{Field: "wording", Reason: "must be language/key@version as the page has it"}
	}
	return to, nil
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
		return notify.Address{}, &order.FieldError{Field: "kind", Reason: "is not offered for this order"}
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
// that are not part of a payment, and forgets the addresses that were left on pages for it,
// by whomever: it is asked for at the address, by the link of a message. It may be repeated.
func (e *Engine) OptOut(ctx context.Context, payer string, c notify.Channel) error {
	return e.commit(ctx, Commit{Messages: &MessageWrites{OptOut: &OptOut{Payer: payer, Channel: c, At: now(), There: true}}})
}

// TakeBack is OptOut by the payer of an order, whose timeline keeps it. It may be repeated,
// and fails with a *order.FieldError.
func (e *Engine) TakeBack(ctx context.Context, orderNo string, c notify.Channel) error {
	if !slices.Contains(askable, c) {
		return &order.FieldError{Field: "kind", Reason: "must be sms, email or webpush"}
	}
	_, err := e.decide(ctx, orderNo, func(o order.Order, now order.Time) (decision, error) {
		return decision{
			Change: o.NoteWithdrawal(string(c), now),
			with:   Commit{Messages: &MessageWrites{OptOut: &OptOut{Payer: InboxID(o.Backend, o.Payer.ID), Channel: c, At: now}}},
		}, nil
	})
	return err
}
