package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

// writeDelivery logs a try and forgets the oldest beyond the bound.
func (e *encoded) writeDelivery(ctx context.Context, w *writes) error {
	if d := e.Delivery; d != nil {
		var n int64
		err := w.insertDelivery.one(ctx, d.WebhookID, int64(d.At), d.Took.Milliseconds(), d.Code, d.Reply.Status, d.Reply.Body).Scan(&n)
		if err != nil {
			return fmt.Errorf("log delivery: %w", err)
		}
		w.changed++
		if n > engine.MaxTries {
			if _, err := w.run(ctx, "trim deliveries", w.trimDeliveries, d.WebhookID, n-engine.MaxTries); err != nil {
				return err
			}
		}
	}
	ep := e.Endpoint
	if ep == nil {
		return nil
	}
	_, err := w.run(ctx, "write endpoint", w.putEndpoint, ep.Backend, int64(ep.GoneAt), int64(ep.DisabledAt))
	return err
}

// PruneWebhooks forgets webhooks that were accepted long ago; see engine.OutboxPruner.
func (s *Store) PruneWebhooks(ctx context.Context, before order.Time, limit int) (int, error) {
	var n int64
	err := s.writer.do(ctx, func(ctx context.Context, w *writes) (err error) {
		if _, err = w.run(ctx, "prune deliveries", w.pruneDeliveries, int64(before), limit); err != nil {
			return err
		}
		n, err = w.run(ctx, "prune webhooks", w.pruneWebhooks, int64(before), limit)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("prune webhooks: %w", err)
	}
	return int(n), nil
}

// NextWebhook returns the oldest webhook of an order after a seq that has not ended; see
// engine.OutboxReader.
func (s *Store) NextWebhook(ctx context.Context, orderNo string, after int64) (engine.Webhook, error) {
	h := engine.Webhook{OrderNo: orderNo}
	var body string
	var at int64
	if err := s.reads.webhook.QueryRowContext(ctx, orderNo, after).Scan(&h.ID, &h.Seq, &h.Type, &body, &at); err != nil {
		return engine.Webhook{}, fmt.Errorf("read next webhook: %w", notFound(err))
	}
	h.Body, h.CreatedAt = json.RawMessage(body), order.Time(at)
	return h, nil
}

// Webhooks lists an order's webhooks with their tries; see engine.OutboxReader. A page
// has at most 1,000, whatever the limit.
func (s *Store) Webhooks(ctx context.Context, orderNo, after string, limit int) ([]engine.WebhookRecord, error) {
	seq := int64(0)
	if after != "" {
		err := s.reads.place.QueryRowContext(ctx, after, orderNo).Scan(&seq)
		if errors.Is(err, sql.ErrNoRows) {
			err = engine.ErrBadCursor
		}
		if err != nil {
			return nil, fmt.Errorf("find webhook of cursor: %w", err)
		}
	}
	rows, err := s.reads.webhooks.QueryContext(ctx, orderNo, seq, after, bounded(limit))
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	list, err := collect(rows, func(r row) (engine.WebhookRecord, error) {
		h := engine.WebhookRecord{Webhook: engine.Webhook{OrderNo: orderNo}}
		var body string
		var created, accepted int64
		err := r.Scan(&h.ID, &h.Seq, &h.Type, &body, &created, &accepted)
		h.Body, h.CreatedAt, h.AcceptedAt = json.RawMessage(body), order.Time(created), order.Time(accepted)
		return h, err
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	tries, err := s.triesOf(ctx, orderNo, seq, after, list[len(list)-1].Seq)
	for i := range list {
		list[i].Tries = tries[list[i].ID]
	}
	return list, err
}

// triesOf returns the tries of an order's webhooks within a page, by webhook.
func (s *Store) triesOf(ctx context.Context, orderNo string, seq int64, after string, last int64) (map[string][]engine.Delivery, error) {
	rows, err := s.reads.tries.QueryContext(ctx, orderNo, seq, after, last)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	list, err := collect(rows, func(r row) (engine.Delivery, error) {
		var d engine.Delivery
		var at, took int64
		err := r.Scan(&d.WebhookID, &at, &took, &d.Code, &d.Reply.Status, &d.Reply.Body)
		d.At, d.Took = order.Time(at), time.Duration(took)*time.Millisecond
		return d, err
	})
	byWebhook := make(map[string][]engine.Delivery)
	for _, d := range list {
		byWebhook[d.WebhookID] = append(byWebhook[d.WebhookID], d)
	}
	return byWebhook, err
}

// Endpoint returns what is noted of one endpoint; see engine.OutboxReader.
func (s *Store) Endpoint(ctx context.Context, backend string) (engine.Endpoint, error) {
	ep := engine.Endpoint{Backend: backend}
	var gone, disabled int64
	err := s.reads.endpoint.QueryRowContext(ctx, backend).Scan(&gone, &disabled)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return engine.Endpoint{}, fmt.Errorf("read endpoint: %w", err)
	}
	ep.GoneAt, ep.DisabledAt = order.Time(gone), order.Time(disabled)
	return ep, nil
}

// Endpoints returns what is noted of all; see engine.OutboxReader.
func (s *Store) Endpoints(ctx context.Context) (map[string]engine.Endpoint, error) {
	rows, err := s.reads.endpoints.QueryContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	noted := make(map[string]engine.Endpoint)
	_, err = collect(rows, func(r row) (struct{}, error) {
		var ep engine.Endpoint
		var gone, disabled int64
		err := r.Scan(&ep.Backend, &gone, &disabled)
		ep.GoneAt, ep.DisabledAt = order.Time(gone), order.Time(disabled)
		noted[ep.Backend] = ep
		return struct{}{}, err
	})
	return noted, err
}

// ParkedTasks returns tasks that wait for a person; see engine.OutboxReader.
func (s *Store) ParkedTasks(ctx context.Context, kind engine.TaskKind, target string, limit int) ([]engine.Task, error) {
	rows, err := s.reads.parked.QueryContext(ctx, int64(engine.Parked), string(kind), target, bounded(limit))
	if err != nil {
		return nil, fmt.Errorf("list parked tasks: %w", err)
	}
	return collect(rows, func(r row) (engine.Task, error) {
		t := engine.Task{TaskKey: engine.TaskKey{Kind: kind, Target: target}}
		var due int64
		err := r.Scan(&t.OrderNo, &due, &t.Tries)
		t.DueAt = order.Time(due)
		return t, err
	})
}
