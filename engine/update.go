package engine

import (
	"context"
	"errors"
	"fmt"

	"anxin/engine/order"
)

// Update takes in what the backend of a pushed order tells, once per idempotency key:
// the same request again is answered with the order as it is and changes nothing.
// hash is the fingerprint of the request's content. It fails with a *order.FieldError,
// ErrNotPushed, ErrKeyReused or ErrNotFound.
func (e *Engine) Update(ctx context.Context, orderNo, key, hash string, u order.Update) (order.Order, error) {
	if err := u.Validate(); err != nil {
		return order.Order{}, err
	}
	o, err := e.decide(ctx, orderNo, func(o order.Order, now order.Time) (decision, error) {
		if o.Mode != order.Pushed {
			return decision{}, ErrNotPushed
		}
		switch used, err := e.deps.Store.Key(ctx, orderNo, key); {
		case err == nil && used.Hash != hash:
			return decision{}, ErrKeyReused
		case err == nil:
			return decision{Change: order.Change{Order: o}}, nil
		case !errors.Is(err, ErrNotFound):
			return decision{}, fmt.Errorf("load idempotency key: %w", err)
		}
		change := o.Push(u, e.waitOf(o), now)
		return decision{Change: change, with: Commit{Key: &Key{OrderNo: orderNo, Key: key, Hash: hash, Seq: change.Order.Seq, At: now}}}, nil
	})
	if errors.Is(err, ErrKeyUsed) { // the same request at the same moment
		return e.Update(ctx, orderNo, key, hash, u)
	}
	return o, err
}
