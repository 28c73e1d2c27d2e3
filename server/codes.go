package main

import (
	"context"

	"github.com/sirupsen/logrus"

	"anxin/engine/order"
	"anxin/engine/support"
	"anxin/server/httpapi"
)

// printedCodes shows the codes of a development installation where its log is: there is
// nobody to send them to, and nobody else can read it.
type printedCodes struct{ log logrus.FieldLogger }

var _ support.CodeSender = printedCodes{}

// SendCode implements support.CodeSender.
func (p printedCodes) SendCode(_ context.Context, o order.Order, code string) error {
	p.log.WithField("order_no", o.OrderNo).Infof("development: the payer would be sent the code %s", code)
	return nil
}

// buildLookup lets payers find their orders where codes can be sent.
func (a *app) buildLookup() (err error) {
	if !a.cfg.Development {
		return nil
	}
	a.lookup, err = support.NewLookup(support.LookupDeps{
		Store: a.store, Orders: a.engine, Sender: printedCodes{a.log}, Secret: a.cfg.TokenSecrets[0].Reveal(), Log: a.log,
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
