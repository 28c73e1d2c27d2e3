package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/incident"
	"anxin/engine/order"
	"anxin/engine/support"
)

// PayerStore keeps what payers are told besides their orders, and what they say.
type PayerStore interface {
	engine.AuditReader
	incident.Store
	support.FeedbackStore
	support.CodeStore
}

// RunPayers runs the suite of a PayerStore. open returns a fresh, empty one and closes it
// with the test.
func RunPayers(t *testing.T, open func(t *testing.T) PayerStore) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, PayerStore){
		"announcements hold until they end":                     testAnnouncements,
		"feedback comes back as it was given, newest first":     testFeedback,
		"a code is tried a few times, within its life":          testCodes,
		"a code is ended once":                                  testCodeEnds,
		"a new code takes the place of the old, with new tries": testCodeReplaced,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func testAnnouncements(t *testing.T, s PayerStore) {
	t.Helper()
	audit := func(at order.Time, action string) engine.Audit {
		return engine.Audit{At: at, Actor: "wang", Action: action, Target: "x"}
	}
	first := incident.Announcement{Channel: "sandbox", Texts: map[string]string{"en": "a", "zh-CN": "一"}, Since: start, Until: start.Add(time.Hour), Actor: "wang"}
	second := first
	second.Channel, second.Until = "", start.Add(time.Minute)
	for _, a := range []*incident.Announcement{&first, &second} {
		id, err := s.PutAnnouncement(t.Context(), *a, audit(start, "announcements.publish"))
		if err != nil {
			t.Fatal(err)
		}
		a.ID = id
	}
	list := func(at order.Time) (found []incident.Announcement, version int64) {
		found, version, err := s.Announcements(t.Context(), at, 10)
		if err != nil {
			t.Fatal(err)
		}
		return found, version
	}
	active, before := list(start)
	equal(t, "announcements", active, []incident.Announcement{second, first})
	active, same := list(start.Add(time.Minute))
	equal(t, "after the second is over", active, []incident.Announcement{first})
	equal(t, "version", same, before)
	at := start.Add(2 * time.Minute)
	if err := s.EndAnnouncement(t.Context(), first.ID, audit(at, "announcements.end")); err != nil {
		t.Fatal(err)
	}
	active, after := list(at)
	if len(active) != 0 || after <= before {
		t.Errorf("after the end %v hold, version %d then %d", active, before, after)
	}
	isNotFound(t, "end again", s.EndAnnouncement(t.Context(), first.ID, audit(at.Add(time.Second), "announcements.end")))
	audits, err := s.Audits(t.Context(), 0, 10)
	if err != nil || len(audits) != 3 || audits[0].Action != "announcements.end" {
		t.Errorf("audits %+v, %v", audits, err)
	}
}

func testFeedback(t *testing.T, s PayerStore) {
	t.Helper()
	yes, no := true, false
	given := []support.Feedback{
		{OrderNo: "A1", At: start, Seq: 2, Status: order.StatusConfirming, Wording: "en/confirming.slow@0123456789ab", Helped: &no, Text: "为什么\n\"这么慢\" 🎁"},
		{OrderNo: "A2", At: start, Seq: 1, Status: order.StatusAwaiting, Helped: &yes},
		{OrderNo: "A1", At: start.Add(time.Second), Seq: 3, Status: order.StatusSucceeded, Text: "ok"},
	}
	for i := range given {
		if err := s.PutFeedback(t.Context(), given[i]); err != nil {
			t.Fatal(err)
		}
	}
	read := func(orderNo string, before int64, limit int) []support.Feedback {
		t.Helper()
		list, err := s.FeedbackBefore(t.Context(), orderNo, before, limit)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	all := read("", 0, 10)
	if len(all) != 3 {
		t.Fatalf("%d entries", len(all))
	}
	got := slices.Clone(all)
	slices.Reverse(got)
	for i := range got {
		got[i].ID = 0
	}
	equal(t, "feedback", got, given)
	equal(t, "of one order", read("A1", 0, 10), []support.Feedback{all[0], all[2]})
	equal(t, "before an id", read("", all[0].ID, 1), []support.Feedback{all[1]})
}

func testCodes(t *testing.T, s PayerStore) {
	t.Helper()
	code := support.Code{OrderNo: "A1", Hash: []byte{1, 2}, ExpiresAt: start.Add(time.Minute)}
	putCode(t, s, code)
	for range 2 {
		hash, err := s.TryCode(t.Context(), "A1", start, 2)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "hash", hash, code.Hash)
	}
	_, err := s.TryCode(t.Context(), "A1", start, 2)
	isNotFound(t, "third try", err)
	_, err = s.TryCode(t.Context(), "A2", start, 2)
	isNotFound(t, "another number", err)
	code.OrderNo = "A3"
	putCode(t, s, code)
	_, err = s.TryCode(t.Context(), "A3", start.Add(time.Minute), 2)
	isNotFound(t, "too late", err)
}

func testCodeEnds(t *testing.T, s PayerStore) {
	t.Helper()
	putCode(t, s, support.Code{OrderNo: "A1", Hash: []byte{1, 2}, ExpiresAt: start.Add(time.Minute)})
	isNotFound(t, "another code", s.DropCode(t.Context(), "A1", []byte{3}))
	results := make(chan error, 8)
	for range cap(results) {
		go func() { results <- s.DropCode(t.Context(), "A1", []byte{1, 2}) }()
	}
	ended := 0
	for range cap(results) {
		switch err := <-results; {
		case err == nil:
			ended++
		case !errors.Is(err, engine.ErrNotFound):
			t.Error(err)
		}
	}
	equal(t, "ends", ended, 1)
}

func testCodeReplaced(t *testing.T, s PayerStore) {
	t.Helper()
	putCode(t, s, support.Code{OrderNo: "A1", Hash: []byte{1}, ExpiresAt: start.Add(time.Minute)})
	if _, err := s.TryCode(t.Context(), "A1", start, 1); err != nil {
		t.Fatal(err)
	}
	putCode(t, s, support.Code{OrderNo: "A1", Hash: []byte{2}, ExpiresAt: start.Add(time.Hour)})
	hash, err := s.TryCode(t.Context(), "A1", start.Add(2*time.Minute), 1)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "hash", hash, []byte{2})
	// A later code sweeps away those that have ended.
	if err := s.PutCode(t.Context(), support.Code{OrderNo: "A2", Hash: []byte{3}, ExpiresAt: start.Add(3 * time.Hour)}, start.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	isNotFound(t, "a swept code", s.DropCode(t.Context(), "A1", []byte{2}))
}

func putCode(t *testing.T, s PayerStore, c support.Code) {
	t.Helper()
	if err := s.PutCode(t.Context(), c, start); err != nil {
		t.Fatal(err)
	}
}
