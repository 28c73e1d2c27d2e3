package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

func owe(t *testing.T, s engine.Store, orderNo string, seq int64) engine.Webhook {
	t.Helper()
	w := engine.Webhook{
		ID: fmt.Sprintf("msg_%s_%d", orderNo, seq), OrderNo: orderNo, Seq: seq, Type: "order.failed",
		Body: []byte(`{"a":1}`), CreatedAt: start.Add(time.Duration(seq) * time.Second),
	}
	commit(t, s, engine.Commit{Webhooks: []engine.Webhook{w}})
	return w
}

func try(id string, n int) engine.Delivery {
	return engine.Delivery{
		WebhookID: id, At: start.Add(time.Duration(n) * time.Minute), Took: time.Duration(n) * time.Millisecond,
		Code: fmt.Sprintf("http_%d", 500+n), Reply: engine.Reply{Status: 500 + n, Body: fmt.Sprintf("no %d \"quoted\" 不", n)},
	}
}

func accept(t *testing.T, s engine.Store, id string, at order.Time) {
	t.Helper()
	commit(t, s, engine.Commit{Accepted: &engine.WebhookOutcome{ID: id, Accepted: true, At: at}})
}

func webhooks(t *testing.T, s engine.Store, orderNo, after string, limit int) []engine.WebhookRecord {
	t.Helper()
	list, err := s.Webhooks(t.Context(), orderNo, after, limit)
	if err != nil {
		t.Fatalf("list webhooks: %v", err)
	}
	return list
}

func testDeliveryLog(t *testing.T, s engine.Store) {
	t.Helper()
	first, second := owe(t, s, "A1", 2), owe(t, s, "A1", 10)
	owe(t, s, "A10", 1)
	var tries []engine.Delivery
	for n := range engine.MaxTries + 5 {
		d := try(first.ID, n)
		commit(t, s, engine.Commit{Delivery: &d})
		tries = append(tries, d)
	}
	only := try(second.ID, 1)
	commit(t, s, engine.Commit{Delivery: &only})
	accept(t, s, first.ID, start.Add(time.Hour))
	want := []engine.WebhookRecord{
		{Webhook: first, AcceptedAt: start.Add(time.Hour), Tries: tries[5:]},
		{Webhook: second, Tries: []engine.Delivery{only}},
	}
	equal(t, "all", webhooks(t, s, "A1", "", 10), want)
	equal(t, "first page", webhooks(t, s, "A1", "", 1), want[:1])
	equal(t, "second page", webhooks(t, s, "A1", first.ID, 1), want[1:])
	equal(t, "after the last", len(webhooks(t, s, "A1", second.ID, 1)), 0)
	equal(t, "of an unknown order", len(webhooks(t, s, "Z1", "", 1)), 0)
	for _, cursor := range []string{"msg_A10_1", "x"} {
		if _, err := s.Webhooks(t.Context(), "A1", cursor, 1); !errors.Is(err, engine.ErrBadCursor) {
			t.Errorf("cursor %s: got %v, want %v", cursor, err, engine.ErrBadCursor)
		}
	}
}

func testEndpoints(t *testing.T, s engine.Store) {
	t.Helper()
	got, err := s.Endpoint(t.Context(), "shop")
	if err != nil {
		t.Fatalf("read endpoint: %v", err)
	}
	equal(t, "one that is well", got, engine.Endpoint{Backend: "shop"})
	for _, ep := range []engine.Endpoint{
		{Backend: "shop", GoneAt: start},
		{Backend: "other", GoneAt: start, DisabledAt: start.Add(time.Hour)},
		{Backend: "shop", GoneAt: start, DisabledAt: start.Add(2 * time.Hour)},
		{Backend: "other"},
	} {
		commit(t, s, engine.Commit{Endpoint: &ep})
		if got, err = s.Endpoint(t.Context(), ep.Backend); err != nil {
			t.Fatalf("read endpoint: %v", err)
		}
		equal(t, "as it is now", got, ep)
	}
	all, err := s.Endpoints(t.Context())
	if err != nil {
		t.Fatalf("list endpoints: %v", err)
	}
	equal(t, "all", all, map[string]engine.Endpoint{
		"shop": {Backend: "shop", GoneAt: start, DisabledAt: start.Add(2 * time.Hour)}, "other": {Backend: "other"},
	})
}

func testParkedTasks(t *testing.T, s engine.Store) {
	t.Helper()
	parked := func(orderNo string, kind engine.TaskKind, target string) engine.Task {
		return engine.Task{TaskKey: engine.TaskKey{OrderNo: orderNo, Kind: kind, Target: target}, DueAt: engine.Parked, Tries: 3}
	}
	soon := parked("A3", engine.TaskDeliver, "shop")
	soon.DueAt = start
	one, two := parked("A1", engine.TaskDeliver, "shop"), parked("A2", engine.TaskDeliver, "shop")
	commit(t, s, put(two, one, soon, parked("A4", engine.TaskDeliver, "other"), parked("A1", engine.TaskQuery, "shop")))
	list := func(limit int) []engine.Task {
		tasks, err := s.ParkedTasks(t.Context(), engine.TaskDeliver, "shop", limit)
		if err != nil {
			t.Fatalf("list parked tasks: %v", err)
		}
		return tasks
	}
	equal(t, "parked", list(10), []engine.Task{one, two})
	equal(t, "up to the limit", list(1), []engine.Task{one})
	equal(t, "due long after", orderNos(claim(t, s, 1000*24*time.Hour, 7, 10)), []string{"A3"})
	one.DueAt = start.Add(time.Hour)
	commit(t, s, put(one))
	equal(t, "one was woken", list(10), []engine.Task{two})
}

func testPruneWebhooks(t *testing.T, s engine.Store) {
	t.Helper()
	for seq := range int64(6) {
		w := owe(t, s, "A1", seq)
		d := try(w.ID, 1)
		commit(t, s, engine.Commit{Delivery: &d})
		if seq != 2 { // still owed
			accept(t, s, w.ID, start.Add(time.Duration(seq)*time.Hour))
		}
	}
	prune := func(before time.Duration, limit, want int) {
		t.Helper()
		n, err := s.PruneWebhooks(t.Context(), start.Add(before), limit)
		if err != nil || n != want {
			t.Fatalf("pruned %d, %v, want %d", n, err, want)
		}
	}
	left := func() []string {
		var ids []string
		for _, w := range webhooks(t, s, "A1", "", 10) {
			ids = append(ids, w.ID)
			if len(w.Tries) != 1 {
				t.Errorf("%s has %d tries", w.ID, len(w.Tries))
			}
		}
		return ids
	}
	prune(-time.Hour, 10, 0)
	prune(time.Hour+1, 1, 1)
	equal(t, "the oldest is gone", left()[0], "msg_A1_1")
	prune(4*time.Hour, 10, 2)
	equal(t, "left", left(), []string{"msg_A1_2", "msg_A1_4", "msg_A1_5"})
	prune(1000*time.Hour, 10, 2)
	equal(t, "what is owed stays", left(), []string{"msg_A1_2"})
	again := owe(t, s, "A1", 0) // a number that was used before has no log
	equal(t, "tries", len(webhooks(t, s, "A1", "", 1)[0].Tries), 0)
	equal(t, "first", webhooks(t, s, "A1", "", 1)[0].ID, again.ID)
}
