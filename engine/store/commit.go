package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"anxin/engine"
	"anxin/engine/order"
)

// Commit makes c durable; see engine.Committer. Beyond the port it refuses, with
// ErrInvalid, a commit whose events do not lead from Expect to the order's seq without a
// gap: this is the last place that can keep a timeline gapless.
func (s *Store) Commit(ctx context.Context, c engine.Commit) error {
	e, err := encodeCommit(c, s.sealer)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if err := s.writer.do(ctx, e.write); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// CommitEach makes each of the list durable, in one transaction where it can; see
// engine.Committer.
func (s *Store) CommitEach(ctx context.Context, list []engine.Commit) []error {
	outcomes := make([]error, len(list))
	parts := make([]*encoded, len(list))
	for i, c := range list {
		parts[i], outcomes[i] = encodeCommit(c, s.sealer)
	}
	refusals := make([]error, len(list))
	err := s.writer.doMany(ctx, len(list), func(ctx context.Context, w *writes) error {
		for i, e := range parts {
			if e == nil {
				continue
			}
			if refusals[i] = e.write(ctx, w); refusals[i] != nil && !refused(refusals[i]) {
				return refusals[i]
			}
		}
		return nil
	})
	for i, e := range parts {
		switch {
		case e == nil:
			outcomes[i] = fmt.Errorf("commit: %w", outcomes[i])
		case err != nil: // a refusal may rest on a neighbour that was not written
			outcomes[i] = fmt.Errorf("commit: %w", err)
		case refusals[i] != nil:
			outcomes[i] = fmt.Errorf("commit: %w", refusals[i])
		}
	}
	return outcomes
}

// write does all checks before the first write, so that a refusal leaves nothing
// behind. The own check of a callback is its write, and so is that of the order: when it
// refuses, the callbacks are taken back.
func (e *encoded) write(ctx context.Context, w *writes) error {
	if err := e.check(ctx, w); err != nil {
		return err
	}
	written, err := e.writeCallbacks(ctx, w)
	if err == nil {
		err = e.writeOrder(ctx, w)
	}
	if err != nil {
		return cmp.Or(e.takeBack(ctx, w, written), err)
	}
	for _, step := range []func(context.Context, *writes) error{e.moveCallbacks, e.writeEvents, e.writeTasks, e.writeRejections, e.writeExpiry, e.writeWebhooks, e.writeDelivery, e.writeKey, e.writePause, e.writeAudit, e.writePromises, e.writePurchase} {
		if err := step(ctx, w); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context, *writes) error{e.writeCases, e.writeSettlement, e.writePayment, e.writeMessages} {
		if err := step(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoded) check(ctx context.Context, w *writes) error {
	if e.Fence != nil && !w.leases.holds(e.Fence) {
		return engine.ErrFenced
	}
	if err := e.checkPurchase(ctx, w); err != nil {
		return err
	}
	if err := e.checkCounts(ctx, w); err != nil {
		return err
	}
	if err := e.checkTemplate(ctx, w); err != nil {
		return err
	}
	if k := e.Key; k != nil {
		return absent(ctx, engine.ErrKeyUsed, w.keyExists, k.OrderNo, k.Key)
	}
	return nil
}

// absent returns present when the query finds something.
func absent(ctx context.Context, present error, query *prepared, args ...any) error {
	var one int64
	switch err := query.one(ctx, args...).Scan(&one); {
	case err == nil:
		return present
	case errors.Is(err, sql.ErrNoRows):
		return nil
	default:
		return fmt.Errorf("check for duplicate: %w", err)
	}
}

func (e *encoded) writeOrder(ctx context.Context, w *writes) error {
	o := e.Order
	if o == nil {
		return nil
	}
	write := e.insertOrder
	if e.Expect != 0 {
		write = e.updateOrder
	}
	diagnosis := o.Diagnosis()
	live := asInt(o.Stage != order.Resolved || diagnosis != order.DiagnosisResolved)
	if err := write(ctx, w, o, string(diagnosis), live); err != nil {
		return err
	}
	w.written = append(w.written, orderSeq{o.OrderNo, o.Seq})
	return nil
}

func (e *encoded) insertOrder(ctx context.Context, w *writes, o *order.Order, diagnosis string, live int) error {
	changed, err := w.run(ctx, "write order", w.insertOrder, o.OrderNo, o.Seq, string(o.Status()), o.Channel, diagnosis, string(o.Stage),
		int64(o.CreatedAt), int64(o.UpdatedAt), e.state, e.contact, o.Backend, live)
	if err == nil && changed == 0 {
		err = engine.ErrConflict
	}
	return err
}

// updateOrder first tries to leave the order's place in the lists as it is. That finds no
// row if the place must change, as if another had changed the order meanwhile.
func (e *encoded) updateOrder(ctx context.Context, w *writes, o *order.Order, diagnosis string, live int) error {
	args := []any{o.Seq, diagnosis, string(o.Stage), int64(o.UpdatedAt), e.state, e.contact, string(o.Status()), live, o.OrderNo, e.Expect}
	statements := []*prepared{w.updateOrder, w.turnOrder}
	if e.turns() {
		statements = statements[1:]
	}
	for _, statement := range statements {
		if changed, err := w.run(ctx, "write order", statement, args...); err != nil || changed > 0 {
			return err
		}
	}
	return engine.ErrConflict
}

// turns reports whether an event is one of those that come with another status as a rule.
func (e *encoded) turns() bool {
	return slices.ContainsFunc(e.Events, func(ev order.Event) bool {
		return ev.Type == order.EventStatus || ev.Type == order.EventClaimed
	})
}

func (e *encoded) writeEvents(ctx context.Context, w *writes) error {
	for i, ev := range e.Events {
		if _, err := w.run(ctx, "write event", w.insertEvent, ev.OrderNo, ev.Seq, string(ev.Type), int64(ev.At), e.events[i]); err != nil {
			return err
		}
	}
	return nil
}

// writeCallbacks returns how many it has written: all, or those before one that was there.
func (e *encoded) writeCallbacks(ctx context.Context, w *writes) (int, error) {
	for i, c := range e.Callbacks {
		written, err := w.run(ctx, "write callback", w.insertCallback,
			c.Channel, c.DedupeKey, c.OrderNo, string(c.State), e.notifications[i], e.raws[i], int64(order.At(c.Raw.ReceivedAt)))
		if err == nil && written == 0 {
			err = engine.ErrDuplicate
		}
		if err != nil {
			return i, err
		}
	}
	return len(e.Callbacks), nil
}

// takeBack removes the first n callbacks, which this transaction has written.
func (e *encoded) takeBack(ctx context.Context, w *writes, n int) error {
	for _, c := range e.Callbacks[:n] {
		if _, err := w.run(ctx, "take callback back", w.dropCallback, c.Channel, c.DedupeKey); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoded) moveCallbacks(ctx context.Context, w *writes) error {
	if err := move(ctx, w, e.Processed, engine.CallbackProcessed); err != nil {
		return err
	}
	return move(ctx, w, e.Reopened, engine.CallbackPending)
}

// move gives stored callbacks a state; one that is gone meanwhile is no error.
func move(ctx context.Context, w *writes, keys []engine.CallbackKey, state engine.CallbackState) error {
	for _, k := range keys {
		if _, err := w.run(ctx, "move callback", w.settleCallback, string(state), k.Channel, k.DedupeKey); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoded) writeWebhooks(ctx context.Context, w *writes) error {
	for _, h := range e.Webhooks {
		if _, err := w.run(ctx, "write webhook", w.insertWebhook, h.ID, h.OrderNo, h.Seq, h.Type, string(h.Body), int64(h.CreatedAt)); err != nil {
			return err
		}
	}
	end := e.Accepted
	if end == nil {
		return nil
	}
	accepted, givenUp := end.At, order.Time(0)
	if !end.Accepted {
		accepted, givenUp = 0, end.At
	}
	_, err := w.run(ctx, "end webhook", w.endWebhook, end.ID, int64(accepted), int64(givenUp))
	return err
}

func (e *encoded) writeKey(ctx context.Context, w *writes) error {
	k := e.Key
	if k == nil {
		return nil
	}
	_, err := w.run(ctx, "write idempotency key", w.insertKey, k.OrderNo, k.Key, k.Hash, k.Seq, int64(k.At))
	return err
}

func (e *encoded) writeAudit(ctx context.Context, w *writes) error {
	if e.Audit == nil {
		return nil
	}
	return w.audit(ctx, e.Audit)
}

func (w *writes) audit(ctx context.Context, a *engine.Audit) error {
	_, err := w.run(ctx, "write audit", w.insertAudit, int64(a.At), a.Actor, a.Action, a.Target, a.Reason)
	return err
}
