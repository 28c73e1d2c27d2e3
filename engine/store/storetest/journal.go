package storetest

import (
	"errors"
	"testing"

	"anxin/engine"
	"anxin/engine/order"
)

// entry is a callback of the journal that was received so many nanoseconds after start.
func entry(orderNo, key string, after int64) engine.Entry {
	c := callback(orderNo, key, "")
	return engine.Entry{
		ID:  engine.EntryID(start.Std().UnixNano() + after),
		Key: c.CallbackKey, OrderNo: orderNo, Notification: c.Notification, Raw: &c.Raw,
	}
}

func weighed(c engine.Entry, state engine.CallbackState) engine.Weighed {
	return engine.Weighed{ID: c.ID, Key: c.Key, State: state}
}

// wantJournal reads the journal in pages.
func wantJournal(t *testing.T, s engine.Store, before engine.EntryID, want ...engine.Entry) {
	t.Helper()
	var got []engine.Entry
	for after := engine.EntryID(0); ; {
		page, err := s.Journal(t.Context(), after, before, 2)
		if err != nil {
			t.Fatalf("read journal: %v", err)
		}
		if len(page) == 0 {
			break
		}
		got, after = append(got, page...), page[len(page)-1].ID
	}
	for i := range want {
		want[i].Raw = nil
	}
	equal(t, "journal", got, want)
}

const noEnd engine.EntryID = 1<<63 - 1

func testJournal(t *testing.T, s engine.Store) {
	t.Helper()
	wantJournal(t, s, noEnd)
	late, early, also, last := entry("A1", "late", 2), entry("A1", "early", 1), entry("A2", "also late", 3), entry("A1", "last", 4)
	commit(t, s, engine.Commit{Journal: []engine.Entry{late}})
	commit(t, s, engine.Commit{Journal: []engine.Entry{early, also}})
	commit(t, s, engine.Commit{Journal: []engine.Entry{last}})
	wantJournal(t, s, last.ID, early, late, also)
	wantJournal(t, s, noEnd, early, late, also, last)
	size, err := s.JournalSize(t.Context())
	if err != nil || size != 4 {
		t.Errorf("size %d, %v", size, err)
	}
	for _, state := range []engine.CallbackState{engine.CallbackPending, engine.CallbackProcessed, engine.CallbackQuarantined} {
		equal(t, "callbacks", len(callbacks(t, s, "A1", state)), 0)
	}
	bounded, err := s.Journal(t.Context(), 0, noEnd, 0)
	if err != nil || len(bounded) != 4 {
		t.Errorf("without a limit: %d entries, %v", len(bounded), err)
	}
}

func testJournalWeighed(t *testing.T, s engine.Store) {
	t.Helper()
	o := created(t, s, "A1")
	c, waits, stays := entry("A1", "c", 1), entry("nobody", "w", 2), entry("A1", "s", 3)
	commit(t, s, engine.Commit{Journal: []engine.Entry{c, waits, stays}})

	behind := following(o, o.Claim(start, order.Wait{}))
	behind.Weighed = []engine.Weighed{weighed(c, engine.CallbackProcessed)}
	stale := behind
	stale.Expect--
	if err := s.Commit(t.Context(), stale); err == nil {
		t.Fatal("a commit with a gap was accepted")
	}
	wantJournal(t, s, noEnd, c, waits, stays)
	commit(t, s, behind)
	commit(t, s, engine.Commit{Weighed: []engine.Weighed{weighed(waits, engine.CallbackQuarantined)}})

	wantJournal(t, s, noEnd, stays)
	processed := callback("A1", "c", engine.CallbackProcessed)
	equal(t, "processed", callbacks(t, s, "A1", engine.CallbackProcessed), []engine.Callback{processed})
	equal(t, "quarantined", callbacks(t, s, "nobody", engine.CallbackQuarantined), []engine.Callback{callback("nobody", "w", engine.CallbackQuarantined)})
	list, _, err := s.CallbackRecords(t.Context(), engine.CallbackFilter{OrderNo: "A1"})
	if err != nil || len(list) != 1 || list[0].ReceivedAt != start {
		t.Errorf("listed as %+v, %v", list, err)
	}
}

func testJournalRepeated(t *testing.T, s engine.Store) {
	t.Helper()
	o := created(t, s, "A1")
	first, again, alone := entry("A1", "c", 1), entry("A1", "c", 2), entry("A1", "d", 3)
	commit(t, s, engine.Commit{Journal: []engine.Entry{first, again, alone}})
	commit(t, s, engine.Commit{Repeated: []engine.EntryID{first.ID, alone.ID, 1}}) // whose callbacks nobody has stored
	wantJournal(t, s, noEnd, first, again, alone)

	commit(t, s, engine.Commit{Weighed: []engine.Weighed{weighed(first, engine.CallbackProcessed)}})
	refuse(t, s, engine.Commit{Weighed: []engine.Weighed{weighed(again, engine.CallbackProcessed)}}, engine.ErrDuplicate)
	both := following(o, o.Claim(start, order.Wait{}))
	both.Weighed = []engine.Weighed{weighed(alone, engine.CallbackProcessed), weighed(again, engine.CallbackProcessed)}
	refuse(t, s, both, engine.ErrDuplicate)
	equal(t, "order", read(t, s, "A1"), o)
	wantJournal(t, s, noEnd, again, alone)

	commit(t, s, engine.Commit{Weighed: []engine.Weighed{weighed(alone, engine.CallbackProcessed)}, Repeated: []engine.EntryID{again.ID}})
	wantJournal(t, s, noEnd)
	equal(t, "stored", len(callbacks(t, s, "A1", engine.CallbackProcessed)), 2)

	gone := following(o, o.Claim(start, order.Wait{})) // neither in the journal nor among the callbacks
	gone.Weighed = []engine.Weighed{{ID: 7, Key: engine.CallbackKey{Channel: "pay", DedupeKey: "gone"}, State: engine.CallbackProcessed}}
	if err := s.Commit(t.Context(), gone); err == nil || errors.Is(err, engine.ErrDuplicate) {
		t.Errorf("an entry that is gone was weighed: %v", err)
	}
	equal(t, "order", read(t, s, "A1"), o)
}

// testJournalIDs is about two nodes that took something in at one instant.
func testJournalIDs(t *testing.T, s engine.Store) {
	t.Helper()
	first, other, beside := entry("A1", "c", 1), entry("A2", "d", 1), entry("A3", "e", 2)
	commit(t, s, engine.Commit{Journal: []engine.Entry{first}})
	if err := s.Commit(t.Context(), engine.Commit{Journal: []engine.Entry{beside, other}}); err == nil || errors.Is(err, engine.ErrDuplicate) {
		t.Errorf("two entries have one id: %v", err)
	}
	wantJournal(t, s, noEnd, first)
	outcomes := s.CommitEach(t.Context(), []engine.Commit{{Journal: []engine.Entry{beside}}})
	equal(t, "outcomes", outcomes, []error{nil})
	wantJournal(t, s, noEnd, first, beside)
}
