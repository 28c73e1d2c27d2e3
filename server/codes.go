package main

import (
	"context"
	"errors"

	"anxin/engine"
	"anxin/engine/order"
	"anxin/engine/support"
	"anxin/server/httpapi"
)

// codes sends the codes of order lookups as messages, to the payer's own contact.
type codes struct{ engine *engine.Engine }

var _ support.CodeSender = codes{}

// SendCode implements support.CodeSender.
func (c codes) SendCode(_ context.Context, o order.Order, code string) error {
	err := c.engine.SendCode(o.OrderNo, code, support.CodeLife)
	if errors.Is(err, engine.ErrNoMessages) {
		return support.ErrNoContact
	}
	return err
}

// buildLookup lets payers find their orders where codes can be sent.
func (a *app) buildLookup() (err error) {
	if !a.engine.SendsCodes() {
		return nil
	}
	a.lookup, err = support.NewLookup(support.LookupDeps{
		Store: a.store, Orders: a.engine, Sender: codes{a.engine}, Secret: a.cfg.TokenSecrets[0].Reveal(), Log: a.log,
	})
	return err
}

// lookups keeps an absent lookup from being an interface that is not nil.
func (a *app) lookups() httpapi.Lookup {
	if a.lookup == nil {
		return nil
	}
	return a.lookup
}
