package store

import (
	"context"

	"anxin/engine"
	"anxin/engine/order"
)

// writeRejections keeps refused callbacks and deletes what is too much of their channels.
func (e *encoded) writeRejections(ctx context.Context, w *writes) error {
	if e.Readmits != "" {
		if id, ok := idOf(e.Readmits); ok && id.rejected {
			if _, err := w.run(ctx, "drop rejected callback", w.dropRejected, id.number); err != nil {
				return err
			}
		}
	}
	if e.Rejected == nil {
		return nil
	}
	grown := make(map[string]bool)
	for i, r := range e.Rejected.New {
		if _, err := w.run(ctx, "write rejected callback", w.insertRejected, r.Channel, r.OrderNo, r.Reason,
			int64(order.At(r.Raw.ReceivedAt)), int64(r.ExpiresAt), len(e.rejected[i]), e.rejected[i]); err != nil {
			return err
		}
		grown[r.Channel] = true
	}
	for channel := range grown {
		if _, err := w.run(ctx, "bound rejected callbacks", w.trimRejected,
			channel, e.Rejected.Keep, e.Rejected.Bytes, engine.ReasonUnknownOrder); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoded) writeExpiry(ctx context.Context, w *writes) error {
	x := e.Expire
	if x == nil {
		return nil
	}
	if _, err := w.run(ctx, "expire rejected callbacks", w.expireRejected, int64(x.RejectedBefore), x.Limit); err != nil {
		return err
	}
	before := int64(x.QuarantinedBefore)
	if _, err := w.run(ctx, "move expired callbacks", w.moveExpired, before, x.Limit, engine.ReasonUnknownOrder, int64(x.KeepUntil)); err != nil {
		return err
	}
	_, err := w.run(ctx, "drop expired callbacks", w.dropExpired, before, x.Limit)
	return err
}
