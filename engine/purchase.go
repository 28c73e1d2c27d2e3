package engine

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"anxin/engine/order"
)

// defaultDuplicateWindow is how far apart two orders for one purchase are registered at
// most. A payer who fears that the first payment was lost pays again within the day.
const defaultDuplicateWindow = 24 * time.Hour

// Purchase is the claim of a commit to be the only payment of what was bought. Orders of
// one backend and payer with the same amount and subject are for one purchase.
type Purchase struct {
	Key   string // fingerprint of what was bought by whom
	Paid  bool   // the order has the money from now on; false: no longer
	At    order.Time
	Since order.Time // other orders count that were registered from here
	Until order.Time // to here, both included
	Known string     // order that is known to have been paid too, "" = none may be
}

// PaidTwiceError refuses a commit that would take the money for a purchase which another
// order has been paid for.
type PaidTwiceError struct {
	OrderNo string // the other order
}

func (e *PaidTwiceError) Error() string { return "the purchase was paid with order " + e.OrderNo }

// owePurchase tells the store when an order gets the money for a purchase and when it has
// given it back. Once a twin is known, a person is asked to look at the later payment.
func (e *Engine) owePurchase(d *decision, before order.Order, twin string) {
	after := d.Order
	if before.HasMoney() == after.HasMoney() {
		return
	}
	d.with.Purchase = &Purchase{
		Key: purchaseKey(after), Paid: after.HasMoney(), At: after.CreatedAt, Known: twin,
		Since: after.CreatedAt.Add(-e.cfg.DuplicateWindow), Until: after.CreatedAt.Add(e.cfg.DuplicateWindow),
	}
	if twin != "" && after.HasMoney() {
		d.Change = d.Change.Then(after.OpenCase(order.CaseDuplicatePayment, after.UpdatedAt, order.Detail{Other: twin}))
	}
}

// purchaseKey is short, of one length, and tells nobody who bought what.
func purchaseKey(o order.Order) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d %s %q", o.Backend, o.Payer.ID, o.Amount.Minor, o.Amount.Currency, o.Subject))
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}

// maxOfPayer bounds how many of a payer's orders are looked at: no person has as many.
const maxOfPayer = 200

// SamePurchase returns a payer's orders at a backend of the last DuplicateWindow that may
// be for one purchase, newest first: those with the subject, unless that is empty, and the
// amount, unless that is nil.
func (e *Engine) SamePurchase(ctx context.Context, backend, payerID, subject string, amount *order.Money) ([]order.Order, error) {
	orders, err := e.deps.Store.OrdersOfPayer(ctx, backend, payerID, now().Add(-e.cfg.DuplicateWindow), maxOfPayer)
	if err != nil {
		return nil, fmt.Errorf("load orders of payer: %w", err)
	}
	return slices.DeleteFunc(orders, func(o order.Order) bool {
		return subject != "" && o.Subject != subject || amount != nil && o.Amount != *amount
	}), nil
}
