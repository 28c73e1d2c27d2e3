package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"anxin/engine"
	"anxin/engine/order"
)

const (
	sqlRaiseInbox = `INSERT INTO inboxes (id, seq, unread) VALUES ($1, 1, 1)
ON CONFLICT (id) DO UPDATE SET seq = inboxes.seq + 1, unread = inboxes.unread + 1 RETURNING seq`
	sqlInsertItem = `INSERT INTO inbox_items (inbox_id, n, id, order_no, notice, language, title, body, at, read_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)`
	sqlReadUpTo  = `UPDATE inbox_items SET read_at = $3 WHERE inbox_id = $1 AND n <= $2 AND read_at = 0`
	sqlReadOne   = `UPDATE inbox_items SET read_at = $3 WHERE inbox_id = $1 AND id = $2 AND read_at = 0`
	sqlWasRead   = `UPDATE inboxes SET seq = seq + 1, unread = unread - $2 WHERE id = $1`
	sqlInbox     = `SELECT seq, unread FROM inboxes WHERE id = $1`
	sqlInboxPage = `SELECT n, id, order_no, notice, language, title, body, at, read_at FROM inbox_items
WHERE inbox_id = $1 AND n < $2 ORDER BY n DESC LIMIT $3`
)

func (e *encoded) writeInbox(ctx context.Context, w *writes) error {
	if it := e.Messages.Item; it != nil {
		var seq int64
		if err := w.raiseInbox.one(ctx, it.InboxID).Scan(&seq); err != nil {
			return fmt.Errorf("raise inbox: %w", err)
		}
		w.changed++
		if _, err := w.run(ctx, "write inbox item", w.insertItem, it.InboxID, seq, it.ID, it.OrderNo, string(it.Notice), it.Language,
			it.Title, it.Body, int64(it.At)); err != nil {
			return err
		}
	}
	r := e.Messages.Read
	if r == nil {
		return nil
	}
	read, err := w.run(ctx, "read inbox", w.readUpTo, r.InboxID, r.UpTo, int64(r.At))
	if err != nil {
		return err
	}
	for _, id := range r.IDs {
		n, err := w.run(ctx, "read inbox item", w.readOne, r.InboxID, id, int64(r.At))
		if err != nil {
			return err
		}
		read += n
	}
	if read == 0 {
		return nil
	}
	_, err = w.run(ctx, "count unread", w.wasRead, r.InboxID, read)
	return err
}

// Inbox returns an inbox; see engine.MessageStore. The seq is read first: what is shown
// with it may be newer, never older.
func (s *Store) Inbox(ctx context.Context, id string, below int64, limit int) (engine.Inbox, error) {
	in := engine.Inbox{ID: id}
	err := s.reads.inbox.QueryRowContext(ctx, id).Scan(&in.Seq, &in.Unread)
	if errors.Is(err, sql.ErrNoRows) {
		return in, nil
	}
	if err != nil {
		return engine.Inbox{}, fmt.Errorf("read inbox: %w", err)
	}
	if below <= 0 {
		below = 1 << 62
	}
	limit = bounded(limit)
	rows, err := s.reads.inboxPage.QueryContext(ctx, id, below, limit+1)
	if err != nil {
		return engine.Inbox{}, fmt.Errorf("read inbox: %w", err)
	}
	if in.Items, err = collect(rows, func(r row) (engine.InboxItem, error) {
		it := engine.InboxItem{InboxID: id}
		var at, read int64
		err := r.Scan(&it.N, &it.ID, &it.OrderNo, &it.Notice, &it.Language, &it.Title, &it.Body, &at, &read)
		it.At, it.ReadAt = order.Time(at), order.Time(read)
		return it, err
	}); err != nil {
		return engine.Inbox{}, fmt.Errorf("read inbox: %w", err)
	}
	if in.More = len(in.Items) > limit; in.More {
		in.Items = in.Items[:limit]
	}
	return in, nil
}

// InboxSeqs returns the seqs of inboxes; see engine.MessageStore.
func (s *Store) InboxSeqs(ctx context.Context, ids []string) (map[string]int64, error) {
	found := make(map[string]int64, len(ids))
	for _, id := range ids {
		var seq int64
		var unread int
		switch err := s.reads.inbox.QueryRowContext(ctx, id).Scan(&seq, &unread); {
		case err == nil:
			found[id] = seq
		case !errors.Is(err, sql.ErrNoRows):
			return nil, fmt.Errorf("read inbox seqs: %w", err)
		}
	}
	return found, nil
}
