package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"anxin/engine"
	"anxin/engine/store/journal"
)

// journalFolder is what the folder of a database's journal is called, behind its path.
const journalFolder = "-intake"

// entryVersion is the first byte of a stored entry. Behind it are texts in the encoding of
// raw.go: channel, dedupe key, order, notification (JSON) and raw request.
const entryVersion = 1

const entryTexts = 5

// errEntry says that a stored entry is of another version or not one.
var errEntry = errors.New("entry of the journal cannot be read")

// AddEntries appends to the journal; see engine.Journal.
func (s *Store) AddEntries(_ context.Context, list []engine.Entry) ([]engine.EntryID, error) {
	values := make([][]byte, len(list))
	for i := range list {
		var err error
		if values[i], err = encodeEntry(&list[i]); err != nil {
			return nil, fmt.Errorf("add to the journal: %w", err)
		}
	}
	places, err := s.journal.Append(values...)
	if err != nil {
		return nil, fmt.Errorf("add to the journal: %w", err)
	}
	ids := make([]engine.EntryID, len(places))
	for i, p := range places {
		ids[i] = engine.EntryID(p)
	}
	return ids, nil
}

// Entries reads entries; see engine.Journal.
func (s *Store) Entries(_ context.Context, ids []engine.EntryID) ([]engine.Entry, error) {
	list := make([]engine.Entry, 0, len(ids))
	var failed error
	for _, id := range ids {
		switch n, err := s.entry(id); {
		case err == nil:
			list = append(list, n)
		case !errors.Is(err, journal.ErrGone):
			failed = errors.Join(failed, fmt.Errorf("read entry %d: %w", id, err))
		}
	}
	return list, failed
}

func (s *Store) entry(id engine.EntryID) (engine.Entry, error) {
	value, err := s.journal.Read(journal.Place(id))
	if err != nil {
		return engine.Entry{}, err
	}
	n, err := decodeEntry(value)
	n.ID = id
	return n, err
}

// EntriesBetween pages through the journal; see engine.Journal.
func (s *Store) EntriesBetween(ctx context.Context, after, before engine.EntryID, limit int) ([]engine.Entry, error) {
	places := s.journal.Places(journal.Place(after), journal.Place(before), bounded(limit))
	ids := make([]engine.EntryID, len(places))
	for i, p := range places {
		ids[i] = engine.EntryID(p)
	}
	return s.Entries(ctx, ids)
}

// DropEntries forgets entries; see engine.Journal.
func (s *Store) DropEntries(_ context.Context, ids []engine.EntryID) error {
	places := make([]journal.Place, len(ids))
	for i, id := range ids {
		places[i] = journal.Place(id)
	}
	s.journal.Done(places...)
	return nil
}

// JournalEnd returns where the journal ends; see engine.Journal.
func (s *Store) JournalEnd(context.Context) (engine.EntryID, error) {
	return engine.EntryID(s.journal.End()), nil
}

// JournalSize counts the entries; see engine.Journal.
func (s *Store) JournalSize(context.Context) (int64, error) { return s.journal.Size(), nil }

func encodeEntry(n *engine.Entry) ([]byte, error) {
	notification, err := noticeForm.text(reflect.ValueOf(&n.Notification).Elem())
	if err != nil {
		return nil, err
	}
	raw := encodeRaw(n.Raw)
	value := make([]byte, 0, 32+len(n.Key.Channel)+len(n.Key.DedupeKey)+len(n.OrderNo)+len(notification)+len(raw))
	value = append(value, entryVersion)
	for _, text := range []string{n.Key.Channel, n.Key.DedupeKey, n.OrderNo, notification} {
		value = appendText(value, text)
	}
	return appendText(value, string(raw)), nil
}

func decodeEntry(value []byte) (n engine.Entry, err error) {
	if len(value) == 0 || value[0] != entryVersion {
		return n, errEntry
	}
	texts, err := splitTexts(value[1:])
	if err != nil || len(texts) != entryTexts {
		return n, errEntry
	}
	n.Key = engine.CallbackKey{Channel: texts[0], DedupeKey: texts[1]}
	n.OrderNo = texts[2]
	if err := noticeForm.read(texts[3], reflect.ValueOf(&n.Notification).Elem()); err != nil {
		return n, err
	}
	n.Raw, err = decodeRaw([]byte(texts[4]))
	return n, err
}
