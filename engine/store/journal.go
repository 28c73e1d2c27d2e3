package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"anxin/engine"
)

const (
	// Another row with the id is an error: none may take the place of one that was
	// acknowledged.
	sqlInsertEntry = `INSERT INTO journal (id, channel, dedupe_key, order_no, notification, raw) VALUES ($1, $2, $3, $4, $5, $6)`
	sqlWeighEntry  = `INSERT INTO callbacks (channel, dedupe_key, order_no, state, notification, raw, received_at)
SELECT channel, dedupe_key, order_no, $1, notification, raw, id / 1000000 FROM journal WHERE id = $2
ON CONFLICT (channel, dedupe_key) DO NOTHING`
	// An entry whose callback is not stored stays, whatever its node believes.
	sqlDropEntry = `DELETE FROM journal WHERE id = $1 AND EXISTS (
SELECT 1 FROM callbacks AS c WHERE c.channel = journal.channel AND c.dedupe_key = journal.dedupe_key)`

	sqlJournal     = `SELECT id, channel, dedupe_key, order_no, notification FROM journal WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3`
	sqlJournalSize = `SELECT COUNT(*) FROM journal`
)

// errEntryGone says that an entry to be weighed is neither in the journal nor among the
// callbacks.
var errEntryGone = errors.New("entry is not in the journal")

// writeJournal adds new entries and moves weighed ones. That one of them is stored already
// was checked before, but for one that comes alone.
func (e *encoded) writeJournal(ctx context.Context, w *writes) error {
	for i, c := range e.Journal {
		_, err := w.run(ctx, "write journal", w.insertEntry,
			int64(c.ID), c.Key.Channel, c.Key.DedupeKey, c.OrderNo, e.entries[i].notification, e.entries[i].raw)
		if err != nil {
			return err
		}
	}
	for _, c := range e.Weighed {
		moved, err := w.run(ctx, "move from the journal", w.weighEntry, string(c.State), int64(c.ID))
		switch {
		case err != nil:
			return err
		case moved == 0 && e.bare():
			return engine.ErrDuplicate
		case moved == 0:
			return errEntryGone
		}
		if err := w.dropFromJournal(ctx, c.ID); err != nil {
			return err
		}
	}
	for _, id := range e.Repeated {
		if err := w.dropFromJournal(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (w *writes) dropFromJournal(ctx context.Context, id engine.EntryID) error {
	_, err := w.run(ctx, "drop from the journal", w.dropEntry, int64(id))
	return err
}

// Journal pages through the journal; see engine.JournalReader.
func (s *Store) Journal(ctx context.Context, after, before engine.EntryID, limit int) ([]engine.Entry, error) {
	rows, err := s.reads.journal.QueryContext(ctx, int64(after), int64(before), bounded(limit))
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	list, err := collect(rows, func(r row) (engine.Entry, error) {
		var c engine.Entry
		var notification string
		if err := r.Scan(&c.ID, &c.Key.Channel, &c.Key.DedupeKey, &c.OrderNo, &notification); err != nil {
			return c, err
		}
		err := noticeForm.read(notification, reflect.ValueOf(&c.Notification).Elem())
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return list, nil
}

// JournalSize counts the entries; see engine.JournalReader.
func (s *Store) JournalSize(ctx context.Context) (n int64, err error) {
	if err := s.reads.journalSize.QueryRowContext(ctx).Scan(&n); err != nil {
		return 0, fmt.Errorf("count journal: %w", err)
	}
	return n, nil
}

// encodedEntry is what of an entry is not a column of its own.
type encodedEntry struct {
	notification string
	raw          []byte
}

func encodeEntries(list []engine.Entry) ([]encodedEntry, error) {
	if len(list) == 0 {
		return nil, nil
	}
	entries := make([]encodedEntry, len(list))
	for i := range list {
		text, err := noticeForm.text(reflect.ValueOf(&list[i].Notification).Elem())
		if err != nil {
			return nil, err
		}
		entries[i] = encodedEntry{text, encodeRaw(*list[i].Raw)}
	}
	return entries, nil
}
