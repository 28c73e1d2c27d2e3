package storetest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
)

// rejection is a refused callback that came so long after start.
func rejection(orderNo string, at time.Duration) engine.Rejection {
	return engine.Rejection{
		Channel: "sandbox", OrderNo: orderNo, Reason: "bad_signature", ExpiresAt: start.Add(at + time.Hour),
		Raw: channel.Request{Header: http.Header{"X-A": {"\xff"}}, Query: "q=\xe9", Body: []byte("\x00{"), ReceivedAt: start.Add(at).Std()},
	}
}

func rejections(list ...engine.Rejection) engine.Commit {
	return engine.Commit{Rejected: &engine.Rejections{New: list, Keep: 100, Bytes: 1 << 20}}
}

// arriving is a callback that came so long after start.
func arriving(orderNo, key string, state engine.CallbackState, at time.Duration) engine.Commit {
	c := callback(orderNo, key, state)
	c.Raw.ReceivedAt = start.Add(at).Std()
	return engine.Commit{Callbacks: []engine.Callback{c}}
}

func records(t *testing.T, s engine.Store, f engine.CallbackFilter) []engine.CallbackRecord {
	t.Helper()
	list, _, err := s.CallbackRecords(t.Context(), f)
	if err != nil {
		t.Fatalf("list callbacks: %v", err)
	}
	return list
}

// named tells records apart by their orders.
func named(list []engine.CallbackRecord) string {
	names := make([]string, len(list))
	for i, r := range list {
		names[i] = r.OrderNo
	}
	return strings.Join(names, " ")
}

func record(t *testing.T, s engine.Store, id string) engine.CallbackRecord {
	t.Helper()
	rec, err := s.CallbackRecord(t.Context(), id)
	if err != nil {
		t.Fatalf("read callback %s: %v", id, err)
	}
	return rec
}

func testCallbackReopened(t *testing.T, s engine.Store) {
	t.Helper()
	c := callback("A1", "n1", engine.CallbackProcessed)
	commit(t, s, engine.Commit{Callbacks: []engine.Callback{c}})
	commit(t, s, engine.Commit{Reopened: []engine.CallbackKey{c.CallbackKey}})
	equal(t, "processed", len(callbacks(t, s, "A1", engine.CallbackProcessed)), 0)
	c.State = engine.CallbackPending
	equal(t, "pending", callbacks(t, s, "A1", engine.CallbackPending), []engine.Callback{c})
}

func testRejectedKept(t *testing.T, s engine.Store) {
	t.Helper()
	r := rejection("A1", 0)
	commit(t, s, rejections(r))
	commit(t, s, arriving("A2", "n1", engine.CallbackProcessed, -time.Second))
	list := records(t, s, engine.CallbackFilter{})
	equal(t, "listed", named(list), "A1 A2")
	rejected, stored := list[0], list[1]
	want := engine.CallbackRecord{
		ID: rejected.ID, Channel: "sandbox", OrderNo: "A1", State: engine.CallbackRejected, Reason: r.Reason, ReceivedAt: start,
	}
	equal(t, "in the list", rejected, want)
	want.Raw = r.Raw
	equal(t, "alone", record(t, s, rejected.ID), want)
	sent := callbacks(t, s, "A2", engine.CallbackProcessed)[0]
	equal(t, "stored one", record(t, s, stored.ID), engine.CallbackRecord{
		ID: stored.ID, Channel: "sandbox", DedupeKey: "n1", OrderNo: "A2", State: engine.CallbackProcessed,
		ReceivedAt: start.Add(-time.Second), Notification: sent.Notification, Raw: sent.Raw,
	})
	for _, id := range []string{"", "c_", "r_0", "c_-1", "r_999", "c_999", "x_1", "c_01", " c_1", "c_99999999999999999999"} {
		_, err := s.CallbackRecord(t.Context(), id)
		isNotFound(t, "callback "+id, err)
	}
}

func testRejectedBounded(t *testing.T, s engine.Store) {
	t.Helper()
	for i := range 10 {
		c := rejections(rejection(fmt.Sprint("A", i), 0))
		c.Rejected.Keep = 3
		commit(t, s, c)
	}
	equal(t, "the newest", named(records(t, s, engine.CallbackFilter{})), "A9 A8 A7")

	elsewhere := rejection("B1", 0)
	elsewhere.Channel = "alipay"
	commit(t, s, rejections(elsewhere))
	c := rejections(rejection("A10", 0))
	c.Rejected.Bytes = 1 // less than any takes
	commit(t, s, c)
	equal(t, "of the channel nothing is left", named(records(t, s, engine.CallbackFilter{})), "B1")

	authentic := rejection("A11", 0)
	authentic.Reason = engine.ReasonUnknownOrder
	commit(t, s, rejections(authentic))
	commit(t, s, c)
	equal(t, "an authentic one stays", named(records(t, s, engine.CallbackFilter{Channel: "sandbox"})), "A11")
}

func testExpiry(t *testing.T, s engine.Store) {
	t.Helper()
	commit(t, s, arriving("Q1", "q1", engine.CallbackQuarantined, 0))
	commit(t, s, arriving("Q2", "q2", engine.CallbackQuarantined, time.Minute))
	commit(t, s, arriving("P1", "p1", engine.CallbackPending, 0))
	commit(t, s, arriving("D1", "d1", engine.CallbackProcessed, 0))
	commit(t, s, rejections(rejection("R1", 0), rejection("R2", time.Minute)))
	waiting := func(want int64) {
		t.Helper()
		n, err := s.Quarantined(t.Context())
		if err != nil {
			t.Fatalf("count quarantine: %v", err)
		}
		equal(t, "in quarantine", n, want)
	}
	waiting(2)
	raw := callbacks(t, s, "Q1", engine.CallbackQuarantined)[0].Raw

	end := engine.Expiry{RejectedBefore: start.Add(time.Hour + time.Millisecond), QuarantinedBefore: start.Add(time.Millisecond), KeepUntil: start.Add(2 * time.Hour), Limit: 10}
	commit(t, s, engine.Commit{Expire: &end})
	waiting(1)
	equal(t, "quarantined", named(records(t, s, engine.CallbackFilter{State: engine.CallbackQuarantined})), "Q2")
	equal(t, "others", named(records(t, s, engine.CallbackFilter{State: engine.CallbackPending}))+
		named(records(t, s, engine.CallbackFilter{State: engine.CallbackProcessed})), "P1D1")
	rejected := records(t, s, engine.CallbackFilter{State: engine.CallbackRejected})
	equal(t, "rejected", named(rejected), "R2 Q1")
	moved := record(t, s, rejected[1].ID)
	equal(t, "reason", moved.Reason, engine.ReasonUnknownOrder)
	equal(t, "request", moved.Raw, raw)

	end = engine.Expiry{RejectedBefore: start.Add(time.Hour * 24), Limit: 1}
	commit(t, s, engine.Commit{Expire: &end})
	equal(t, "one at a time, the first to end", named(records(t, s, engine.CallbackFilter{State: engine.CallbackRejected})), "Q1")
	commit(t, s, engine.Commit{Expire: &end})
	equal(t, "nothing is left", len(records(t, s, engine.CallbackFilter{State: engine.CallbackRejected})), 0)
	commit(t, s, arriving("Q1", "q1", engine.CallbackQuarantined, 0)) // it may come again
}

func testReadmission(t *testing.T, s engine.Store) {
	t.Helper()
	commit(t, s, rejections(rejection("A1", 0), rejection("A2", 0)))
	id := records(t, s, engine.CallbackFilter{OrderNo: "A1"})[0].ID
	commit(t, s, arriving("A1", "n1", engine.CallbackProcessed, 0))
	duplicate := arriving("A1", "n1", engine.CallbackPending, 0)
	duplicate.Readmits = id
	refuse(t, s, duplicate, engine.ErrDuplicate)
	equal(t, "still there", named(records(t, s, engine.CallbackFilter{State: engine.CallbackRejected})), "A2 A1")
	fresh := arriving("A1", "n2", engine.CallbackPending, 0)
	fresh.Readmits = id
	commit(t, s, fresh)
	equal(t, "rejected", named(records(t, s, engine.CallbackFilter{State: engine.CallbackRejected})), "A2")
	equal(t, "pending", len(callbacks(t, s, "A1", engine.CallbackPending)), 1)
	_, err := s.CallbackRecord(t.Context(), id)
	isNotFound(t, "readmitted callback", err)
}

// several stores callbacks of both kinds, two at each second.
func several(t *testing.T, s engine.Store) {
	t.Helper()
	for i := range 4 {
		at := time.Duration(i) * time.Second
		commit(t, s, arriving(fmt.Sprint("S", i), fmt.Sprint("n", i), []engine.CallbackState{
			engine.CallbackProcessed, engine.CallbackPending, engine.CallbackQuarantined, engine.CallbackProcessed,
		}[i], at))
		commit(t, s, rejections(rejection(fmt.Sprint("R", i), at)))
	}
}

func testRecordFilters(t *testing.T, s engine.Store) {
	t.Helper()
	several(t, s)
	other := callback("S9", "n0", engine.CallbackProcessed)
	other.Channel, other.Raw.ReceivedAt = "alipay", start.Add(-time.Hour).Std()
	commit(t, s, engine.Commit{Callbacks: []engine.Callback{other}})
	for want, f := range map[string]engine.CallbackFilter{
		"S3 R3 S2 R2 S1 R1 S0 R0 S9": {},
		"S3 S0 S9":                   {State: engine.CallbackProcessed},
		"S1":                         {State: engine.CallbackPending},
		"S2":                         {State: engine.CallbackQuarantined},
		"R3 R2 R1 R0":                {State: engine.CallbackRejected},
		"S9":                         {Channel: "alipay"},
		"R2":                         {OrderNo: "R2"},
		"S1 R1":                      {Since: start.Add(time.Second), Until: start.Add(2 * time.Second)},
		"":                           {Channel: "alipay", State: engine.CallbackRejected},
		"S3 R3":                      {Limit: 2},
	} {
		equal(t, fmt.Sprintf("%+v", f), named(records(t, s, f)), want)
	}
}

func testRecordPages(t *testing.T, s engine.Store) {
	t.Helper()
	several(t, s)
	for limit := 1; limit <= 9; limit++ {
		var all []engine.CallbackRecord
		f := engine.CallbackFilter{Limit: limit}
		for {
			page, next, err := s.CallbackRecords(t.Context(), f)
			if err != nil {
				t.Fatalf("page: %v", err)
			}
			all = append(all, page...)
			commit(t, s, rejections(rejection(fmt.Sprint("late", len(all)), time.Hour))) // newer than where the list began
			if f.Cursor = next; next == "" {
				break
			}
		}
		got := strings.Join(strings.FieldsFunc(named(all), func(r rune) bool { return r == ' ' })[max(0, len(all)-8):], " ")
		equal(t, fmt.Sprint("pages of ", limit), got, "S3 R3 S2 R2 S1 R1 S0 R0")
	}
}

func testRecordForeignCursor(t *testing.T, s engine.Store) {
	t.Helper()
	several(t, s)
	_, next, err := s.CallbackRecords(t.Context(), engine.CallbackFilter{Limit: 1})
	if err != nil || next == "" {
		t.Fatalf("page: %q, %v", next, err)
	}
	for _, f := range []engine.CallbackFilter{
		{Cursor: next, Channel: "sandbox"},
		{Cursor: next, State: engine.CallbackPending},
		{Cursor: next, Since: order.Time(1)},
		{Cursor: next[1:]},
		{Cursor: "AAAA"},
		{Cursor: "?"},
	} {
		if _, _, err := s.CallbackRecords(t.Context(), f); !errors.Is(err, engine.ErrBadCursor) {
			t.Errorf("%+v: got %v", f, err)
		}
	}
}
