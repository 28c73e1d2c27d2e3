package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
)

const (
	messageColumns = `id, order_no, backend, notice, channel, provider, provider_id, fingerprint, masked, language, template, version,
status, code, segments, cost_micros, cost_currency, created_at, updated_at, took_ms, history`
	sqlPutMessage = `INSERT INTO messages (` + messageColumns + `)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
ON CONFLICT (id) DO UPDATE SET provider = excluded.provider, provider_id = excluded.provider_id, language = excluded.language,
template = excluded.template, version = excluded.version, status = excluded.status, code = excluded.code, segments = excluded.segments,
cost_micros = excluded.cost_micros, cost_currency = excluded.cost_currency, updated_at = excluded.updated_at, took_ms = excluded.took_ms,
history = excluded.history`
	sqlMessagesOf        = `SELECT ` + messageColumns + ` FROM messages WHERE order_no = $1 ORDER BY created_at, id LIMIT $2`
	sqlMessage           = `SELECT ` + messageColumns + ` FROM messages WHERE id = $1`
	sqlMessageByProvider = `SELECT ` + messageColumns + ` FROM messages WHERE provider = $1 AND provider_id = $2 AND provider_id <> '' LIMIT 1`
	sqlCounted           = `SELECT n FROM message_counts WHERE name = $1`
	sqlCount             = `INSERT INTO message_counts (name, n, expires_at) VALUES ($1, 1, $2)
ON CONFLICT (name) DO UPDATE SET n = message_counts.n + 1`
	sqlSweepMessages = `DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE created_at < $1 ORDER BY created_at LIMIT $2)`
	sqlSweepCounts   = `DELETE FROM message_counts WHERE expires_at < $1`
)

// checkCounts refuses what would go beyond a bound, before anything is written.
func (e *encoded) checkCounts(ctx context.Context, w *writes) error {
	if e.Messages == nil {
		return nil
	}
	for _, c := range e.Messages.Counts {
		n := 0
		if err := w.counted.one(ctx, c.Name).Scan(&n); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("check bound: %w", err)
		}
		if n >= c.Limit {
			return &engine.CappedError{Name: c.Name}
		}
	}
	return nil
}

func (e *encoded) writeMessages(ctx context.Context, w *writes) error {
	m := e.Messages
	if m == nil {
		return nil
	}
	for _, c := range m.Counts {
		if _, err := w.run(ctx, "count message", w.count, c.Name, int64(c.ExpiresAt)); err != nil {
			return err
		}
	}
	for i, r := range m.Records {
		if _, err := w.run(ctx, "write message", w.putMessage, r.ID, r.OrderNo, r.Backend, string(r.Notice), string(r.Channel), r.Provider,
			r.ProviderID, r.Fingerprint, r.To, r.Language, r.Template, r.Version, string(r.Status), r.Code, r.Segments, r.Cost.Micros,
			r.Cost.Currency, int64(r.CreatedAt), int64(r.UpdatedAt), r.Took.Milliseconds(), e.histories[i]); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context, *writes) error{e.writeInbox, e.writeConsent, e.writeRenewal, e.writeTemplate} {
		if err := step(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func scanMessage(r row) (notify.Record, error) {
	var m notify.Record
	var created, updated, took int64
	var history string
	err := r.Scan(&m.ID, &m.OrderNo, &m.Backend, &m.Notice, &m.Channel, &m.Provider, &m.ProviderID, &m.Fingerprint, &m.To, &m.Language,
		&m.Template, &m.Version, &m.Status, &m.Code, &m.Segments, &m.Cost.Micros, &m.Cost.Currency, &created, &updated, &took, &history)
	if err != nil {
		return m, err
	}
	m.CreatedAt, m.UpdatedAt, m.Took = order.Time(created), order.Time(updated), time.Duration(took)*time.Millisecond
	return m, decode(history, &m.History)
}

// MessagesOf returns the messages about an order; see engine.MessageStore.
func (s *Store) MessagesOf(ctx context.Context, orderNo string) ([]notify.Record, error) {
	rows, err := s.reads.messagesOf.QueryContext(ctx, orderNo, maxRows)
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	list, err := collect(rows, scanMessage)
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	return list, nil
}

// MessageOf returns one message; see engine.MessageStore.
func (s *Store) MessageOf(ctx context.Context, provider, providerID, id string) (notify.Record, error) {
	statement, args := s.reads.message, []any{id}
	if id == "" {
		statement, args = s.reads.messageByProvider, []any{provider, providerID}
	}
	m, err := scanMessage(statement.QueryRowContext(ctx, args...))
	if err != nil {
		return notify.Record{}, fmt.Errorf("read message: %w", notFound(err))
	}
	if id != "" && provider != "" && m.Provider != provider {
		return notify.Record{}, fmt.Errorf("read message: %w", engine.ErrNotFound)
	}
	return m, nil
}

// Messages lists messages, newest first; see engine.MessageStore. A page has at most
// 1,000 messages, whatever the limit.
func (s *Store) Messages(ctx context.Context, f engine.MessageFilter) ([]notify.Record, string, error) {
	limit := bounded(f.Limit)
	query, args, err := messageQuery(f, limit+1)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.reads.pool.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, "", fmt.Errorf("list messages: %w", err)
	}
	list, err := collect(rows, scanMessage)
	if err != nil {
		return nil, "", fmt.Errorf("list messages: %w", err)
	}
	list, next := cut(list, limit, messageFields(f), func(m notify.Record) mark { return mark{m.CreatedAt, m.ID} })
	return list, next, nil
}

func messageQuery(f engine.MessageFilter, limit int) (string, []any, error) {
	var c conditions
	c.equal("order_no", f.OrderNo)
	c.equal("channel", string(f.Channel))
	c.equal("notice", string(f.Notice))
	c.equal("provider", f.Provider)
	c.equal("status", string(f.Status))
	c.within("created_at", f.Since, f.Until)
	if err := c.behind("created_at", "id", f.Cursor, messageFields(f)); err != nil {
		return "", nil, err
	}
	query, args := c.list("SELECT "+messageColumns+" FROM messages", "created_at DESC, id", limit)
	return query, args, nil
}

func messageFields(f engine.MessageFilter) fields {
	return fields{"messages", f.OrderNo, string(f.Channel), string(f.Notice), f.Provider, string(f.Status), f.Since.String(), f.Until.String()}
}

// SweepMessages forgets old messages; see engine.MessageStore.
func (s *Store) SweepMessages(ctx context.Context, before, now order.Time, limit int) (int, error) {
	var n int64
	err := s.writer.do(ctx, func(ctx context.Context, w *writes) (err error) {
		if n, err = w.run(ctx, "sweep messages", w.sweepMessages, int64(before), limit); err != nil {
			return err
		}
		_, err = w.run(ctx, "sweep counts", w.sweepCounts, int64(now))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sweep messages: %w", err)
	}
	return int(n), nil
}
