package store

import (
	"context"
	"fmt"
	"reflect"

	"anxin/engine"
	"anxin/engine/order"
)

// Events returns at most limit (and at most 1,000) events of an order with seq > after,
// oldest first.
func (s *Store) Events(ctx context.Context, orderNo string, after int64, limit int) ([]order.Event, error) {
	rows, err := s.reads.events.QueryContext(ctx, orderNo, after, bounded(limit))
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	list, err := collect(rows, func(r row) (order.Event, error) {
		var ev order.Event
		var seq, at int64
		var kind, text string
		if err := r.Scan(&seq, &kind, &at, &text); err != nil {
			return order.Event{}, err
		}
		err := eventForm.read(text, reflect.ValueOf(&ev).Elem())
		ev.OrderNo, ev.Seq, ev.Type, ev.At = orderNo, seq, order.EventType(kind), order.Time(at)
		return ev, err
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return list, nil
}

// Key returns what an idempotency key of an order was used for; see engine.OrderReader.
func (s *Store) Key(ctx context.Context, orderNo, key string) (engine.Key, error) {
	k := engine.Key{OrderNo: orderNo, Key: key}
	var at int64
	if err := s.reads.key.QueryRowContext(ctx, orderNo, key).Scan(&k.Hash, &k.Seq, &at); err != nil {
		return engine.Key{}, fmt.Errorf("read idempotency key: %w", notFound(err))
	}
	k.At = order.Time(at)
	return k, nil
}

// Callbacks returns at most limit (and at most 1,000) callbacks of an order in a state,
// in the order in which they were stored.
func (s *Store) Callbacks(ctx context.Context, orderNo string, state engine.CallbackState, limit int) ([]engine.Callback, error) {
	rows, err := s.reads.callbacks.QueryContext(ctx, orderNo, string(state), bounded(limit))
	if err != nil {
		return nil, fmt.Errorf("read callbacks: %w", err)
	}
	list, err := collect(rows, func(r row) (engine.Callback, error) {
		c := engine.Callback{OrderNo: orderNo, State: state}
		var notification string
		var raw []byte
		if err := r.Scan(&c.Channel, &c.DedupeKey, &notification, &raw); err != nil {
			return c, err
		}
		var err error
		if c.Raw, err = decodeRaw(raw); err != nil {
			return c, err
		}
		err = noticeForm.read(notification, reflect.ValueOf(&c.Notification).Elem())
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("read callbacks: %w", err)
	}
	return list, nil
}
