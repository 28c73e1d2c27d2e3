package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/notify"
)

func message(id, orderNo string, at time.Duration) notify.Record {
	return notify.Record{
		ID: id, OrderNo: orderNo, Backend: "shop", Notice: notify.NoticeDelayed, Channel: notify.SMS, Fingerprint: "f",
		To: "+86138****0001", Language: "zh-CN", Template: "delayed", Version: 3, CreatedAt: start.Add(at), UpdatedAt: start.Add(at),
		Status: notify.StatusWaiting, History: []notify.Moment{},
	}
}

func write(records ...notify.Record) engine.Commit {
	return engine.Commit{Messages: &engine.MessageWrites{Records: records}}
}

func testMessageRoundTrip(t *testing.T, s engine.Store) {
	t.Helper()
	m := message("m1", "A1", 0)
	m.Provider = "one"
	m = m.Move(notify.StatusSending, "", start.Add(time.Second))
	commit(t, s, write(m))
	m.ProviderID, m.Segments, m.Cost, m.Took = "p-1", 2, notify.Cost{Micros: 45_000, Currency: "CNY"}, 80*time.Millisecond
	m = m.Move(notify.StatusAccepted, "", start.Add(2*time.Second))
	commit(t, s, write(m))
	list, err := s.MessagesOf(t.Context(), "A1")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "messages", list, []notify.Record{m})
	for _, of := range [][3]string{{"one", "p-1", ""}, {"one", "", "m1"}, {"", "", "m1"}} {
		got, err := s.MessageOf(t.Context(), of[0], of[1], of[2])
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "message", got, m)
	}
	for _, of := range [][3]string{{"two", "p-1", ""}, {"two", "", "m1"}, {"one", "", ""}} {
		_, err := s.MessageOf(t.Context(), of[0], of[1], of[2])
		isNotFound(t, "a message of nobody", err)
	}
}

func testMessagesListed(t *testing.T, s engine.Store) {
	t.Helper()
	a, b, c := message("a", "A1", 0), message("b", "A2", time.Minute), message("c", "A2", time.Minute)
	b.Channel, b.Provider, c.Notice, c.Status = notify.Push, "apns", notify.NoticeFailed, notify.StatusBounced
	commit(t, s, write(a, b, c))
	for want, f := range map[string]engine.MessageFilter{
		"bca": {}, "bc": {OrderNo: "A2"}, "b": {Channel: notify.Push}, "c": {Notice: notify.NoticeFailed},
		"ca": {Channel: notify.SMS}, "ba": {Status: notify.StatusWaiting}, "a": {Until: start.Add(time.Minute)},
	} {
		for f.Limit = 1; f.Limit <= 4; f.Limit++ {
			got, page := "", f
			for {
				list, next, err := s.Messages(t.Context(), page)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range list {
					got += m.ID
				}
				if page.Cursor = next; next == "" {
					break
				}
			}
			equal(t, "messages", got, want)
		}
	}
	_, _, err := s.Messages(t.Context(), engine.MessageFilter{Cursor: "AAAAAAAA"})
	if !errors.Is(err, engine.ErrBadCursor) {
		t.Errorf("a cursor of nothing: %v", err)
	}
}

func testMessageCounts(t *testing.T, s engine.Store) {
	t.Helper()
	const limit, wanted = 7, 40
	var wg sync.WaitGroup
	refused := make(chan error, wanted)
	for i := range wanted {
		wg.Go(func() {
			refused <- s.Commit(t.Context(), engine.Commit{Messages: &engine.MessageWrites{
				Records: []notify.Record{message(numbered(i), "A1", 0)},
				Counts:  []engine.Count{{Name: "wide", Limit: wanted, ExpiresAt: start}, {Name: "narrow", Limit: limit, ExpiresAt: start}},
			}})
		})
	}
	wg.Wait()
	close(refused)
	passed := 0
	for err := range refused {
		if full, ok := errors.AsType[*engine.CappedError](err); err == nil {
			passed++
		} else if !ok || full.Name != "narrow" {
			t.Errorf("refused with %v", err)
		}
	}
	equal(t, "passed", passed, limit)
	list, err := s.MessagesOf(t.Context(), "A1")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "written", len(list), limit)
}

func testInbox(t *testing.T, s engine.Store) {
	t.Helper()
	read := func(below int64, limit int) engine.Inbox {
		in, err := s.Inbox(t.Context(), "box", below, limit)
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	equal(t, "nothing", read(0, 10), engine.Inbox{ID: "box"})
	var items []engine.InboxItem
	for i := range 3 {
		it := engine.InboxItem{InboxID: "box", ID: numbered(i), OrderNo: "A1", Notice: notify.NoticeDelayed, Language: "en", Title: "t", Body: "b\nc", At: start}
		commit(t, s, engine.Commit{Messages: &engine.MessageWrites{Item: &it}})
		it.N = int64(i + 1)
		items = append([]engine.InboxItem{it}, items...)
	}
	equal(t, "all", read(0, 10), engine.Inbox{ID: "box", Seq: 3, Unread: 3, Items: items})
	equal(t, "page", read(0, 2), engine.Inbox{ID: "box", Seq: 3, Unread: 3, Items: items[:2], More: true})
	equal(t, "rest", read(2, 2), engine.Inbox{ID: "box", Seq: 3, Unread: 3, Items: items[2:]})
	mark := func(r engine.InboxRead) {
		r.InboxID, r.At = "box", start.Add(time.Minute)
		commit(t, s, engine.Commit{Messages: &engine.MessageWrites{Read: &r}})
	}
	mark(engine.InboxRead{IDs: []string{numbered(2), "nobody's"}, UpTo: 1})
	in := read(0, 10)
	equal(t, "unread", []int64{int64(in.Unread), in.Seq, int64(in.Items[1].ReadAt)}, []int64{1, 4, 0})
	mark(engine.InboxRead{UpTo: 1})
	equal(t, "read again", read(0, 10), in)
	mark(engine.InboxRead{UpTo: 100})
	equal(t, "none unread", read(0, 10).Unread, 0)
	seqs, err := s.InboxSeqs(t.Context(), []string{"box", "none"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "seqs", seqs, map[string]int64{"box": 5})
}

func testConsent(t *testing.T, s engine.Store) {
	t.Helper()
	in := engine.OptIn{
		Payer: "p", Channel: notify.Email, Fingerprint: "f", To: notify.Address{Email: "payer@example.com"}, Locale: "en", OrderNo: "A1", Wording: "en/optin.lead@0123456789ab", At: start,
	}
	state := func() (ins []engine.OptIn, outs []notify.Channel, dead map[string]bool) {
		ins, outs, err := s.OptIns(t.Context(), "p")
		if err != nil {
			t.Fatal(err)
		}
		if dead, err = s.DeadAddresses(t.Context(), []string{"f", "g"}); err != nil {
			t.Fatal(err)
		}
		return ins, outs, dead
	}
	commit(t, s, engine.Commit{Messages: &engine.MessageWrites{OptIn: &in}})
	commit(t, s, engine.Commit{Messages: &engine.MessageWrites{OptOut: &engine.OptOut{Payer: "p", Channel: notify.Email, At: start}}})
	commit(t, s, engine.Commit{Messages: &engine.MessageWrites{Dead: &engine.DeadAddress{Channel: notify.Email, Fingerprint: "f", Code: "bounced", At: start}}})
	ins, outs, dead := state()
	equal(t, "ended opt-ins", len(ins), 0)
	equal(t, "opt-outs", outs, []notify.Channel{notify.Email})
	equal(t, "dead", dead, map[string]bool{"f": true})
	in.At = start.Add(time.Hour)
	commit(t, s, engine.Commit{Messages: &engine.MessageWrites{OptIn: &in}})
	ins, outs, dead = state()
	equal(t, "opt-ins", ins, []engine.OptIn{in})
	equal(t, "taken back", len(outs)+len(dead), 0)
	testRenewal(t, s, in)
}

// testRenewal moves an opt-in, once.
func testRenewal(t *testing.T, s engine.Store, in engine.OptIn) {
	t.Helper()
	named := func(fingerprint string) []engine.OptIn {
		t.Helper()
		ins, err := s.OptInsTo(t.Context(), in.Channel, fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		return ins
	}
	renew := func(of engine.OptIn, address, fingerprint string) {
		t.Helper()
		commit(t, s, engine.Commit{Messages: &engine.MessageWrites{Renewal: &engine.Renewal{Of: of, To: notify.Address{Email: address}, Fingerprint: fingerprint}}})
	}
	moved := in
	moved.To, moved.Fingerprint = notify.Address{Email: "elsewhere@example.com"}, "g"
	equal(t, "named by the address", named("f"), []engine.OptIn{in})
	renew(in, moved.To.Email, "g")
	renew(in, "later@example.com", "h") // is not there any more
	equal(t, "at the old address", len(named("f"))+len(named("h")), 0)
	equal(t, "moved", named("g"), []engine.OptIn{moved})
	commit(t, s, engine.Commit{Messages: &engine.MessageWrites{OptIn: &in}})
	renew(moved, in.To.Email, "f") // is there already
	equal(t, "neither lost nor doubled", append(named("f"), named("g")...), []engine.OptIn{in, moved})
	commit(t, s, engine.Commit{Messages: &engine.MessageWrites{OptOut: &engine.OptOut{Payer: in.Payer, Channel: in.Channel, At: start}}})
	renew(moved, "again@example.com", "h")
	equal(t, "taken back and moved", len(named("f"))+len(named("g"))+len(named("h")), 0)
}

func testSweepMessages(t *testing.T, s engine.Store) {
	t.Helper()
	for i := range 5 {
		commit(t, s, write(message(numbered(i), "A1", time.Duration(i)*time.Minute)))
	}
	for _, want := range []int{2, 1, 0} {
		n, err := s.SweepMessages(t.Context(), start.Add(3*time.Minute), start, 2)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "swept", n, want)
	}
	list, err := s.MessagesOf(t.Context(), "A1")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "left", len(list), 2)
	equal(t, "oldest", list[0].CreatedAt, start.Add(3*time.Minute))
}
