package storetest

import (
	"net/http"
	"slices"
	"testing"

	"anxin/engine"
	"anxin/engine/channel"
)

// entry is a notification whose raw request has what a journal might lose.
func entry(orderNo, key string) engine.Entry {
	c := callback(orderNo, key, "")
	c.Raw.Body = []byte("\x00\xff " + key)
	c.Raw.Header = http.Header{"Twice": {"a", "\xfe"}}
	return engine.Entry{Key: c.CallbackKey, OrderNo: orderNo, Notification: c.Notification, Raw: c.Raw}
}

// enter adds entries and returns them with their ids.
func enter(t *testing.T, s engine.Store, list ...engine.Entry) []engine.Entry {
	t.Helper()
	ids, err := s.AddEntries(t.Context(), list)
	if err != nil || len(ids) != len(list) || !slices.IsSorted(ids) {
		t.Fatalf("ids %v, %v", ids, err)
	}
	list = slices.Clone(list)
	for i := range list {
		list[i].ID = ids[i]
	}
	return list
}

// wantJournal reads the journal in pages.
func wantJournal(t *testing.T, s engine.Store, before engine.EntryID, want ...engine.Entry) {
	t.Helper()
	var got []engine.Entry
	for after := engine.EntryID(0); ; {
		page, err := s.EntriesBetween(t.Context(), after, before, 2)
		if err != nil {
			t.Fatalf("read journal: %v", err)
		}
		if len(page) == 0 {
			break
		}
		got, after = append(got, page...), page[len(page)-1].ID
	}
	equal(t, "journal", got, want)
}

func journalEnd(t *testing.T, s engine.Store) engine.EntryID {
	t.Helper()
	end, err := s.JournalEnd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return end
}

func testJournal(t *testing.T, s engine.Store) {
	t.Helper()
	wantJournal(t, s, journalEnd(t, s))
	list := enter(t, s, entry("A1", "one"))
	mark := journalEnd(t, s)
	list = append(list, enter(t, s, entry("A1", "two"), entry("A2", "three"))...)
	list = append(list, enter(t, s, entry("A1", "one"))...) // nobody asks whether it came before
	if list[3].ID <= list[2].ID || list[0].ID >= mark || list[1].ID < mark {
		t.Errorf("ids %v, with the mark %d behind the first", []engine.EntryID{list[0].ID, list[1].ID, list[2].ID, list[3].ID}, mark)
	}
	wantJournal(t, s, mark, list[0])
	wantJournal(t, s, journalEnd(t, s), list...)
	if size, err := s.JournalSize(t.Context()); err != nil || size != 4 {
		t.Errorf("size %d, %v", size, err)
	}
	all, err := s.EntriesBetween(t.Context(), 0, journalEnd(t, s), 0)
	if err != nil || len(all) != 4 {
		t.Errorf("without a limit: %d entries, %v", len(all), err)
	}
	some, err := s.Entries(t.Context(), []engine.EntryID{list[2].ID, list[0].ID, journalEnd(t, s)})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "by their ids", some, []engine.Entry{list[2], list[0]})
	for _, state := range []engine.CallbackState{engine.CallbackPending, engine.CallbackProcessed, engine.CallbackQuarantined} {
		equal(t, "callbacks", len(callbacks(t, s, "A1", state)), 0)
	}
}

func testJournalDrop(t *testing.T, s engine.Store) {
	t.Helper()
	bare := engine.Entry{Key: engine.CallbackKey{Channel: "pay", DedupeKey: "b"}, OrderNo: "A2", Notification: channel.Notification{OrderNo: "A2"}}
	list := enter(t, s, entry("A1", "one"), bare, entry("A3", "three"))
	drop := []engine.EntryID{list[0].ID, list[2].ID, list[0].ID, journalEnd(t, s) + 7}
	for range 2 { // what is gone is no error
		if err := s.DropEntries(t.Context(), drop); err != nil {
			t.Fatal(err)
		}
		wantJournal(t, s, journalEnd(t, s), list[1])
	}
	if size, err := s.JournalSize(t.Context()); err != nil || size != 1 {
		t.Errorf("size %d, %v", size, err)
	}
}
