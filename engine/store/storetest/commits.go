package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

func testRoundTrip(t *testing.T, s engine.Store) {
	t.Helper()
	c := eventful(t, "A1")
	commit(t, s, registration(c))
	equal(t, "order", read(t, s, "A1"), c.Order)
	equal(t, "timeline", events(t, s, "A1", 0, 100), c.Events)
}

func testNotFound(t *testing.T, s engine.Store) {
	t.Helper()
	_, err := s.Order(t.Context(), "A1")
	isNotFound(t, "order", err)
	_, err = s.Key(t.Context(), "A1", "k")
	isNotFound(t, "key", err)
	_, err = s.NextWebhook(t.Context(), "A1", 0)
	isNotFound(t, "webhook", err)
	equal(t, "events", len(events(t, s, "A1", 0, 10)), 0)
	equal(t, "callbacks", len(callbacks(t, s, "A1", engine.CallbackPending)), 0)
}

func testContactChanges(t *testing.T, s engine.Store) {
	t.Helper()
	o := created(t, s, "A1")
	c := o.Claim(start.Add(time.Second), order.Wait{})
	c.Order.Payer.Phone, c.Order.Payer.Email = "+8613900000002", ""
	commit(t, s, following(o, c))
	equal(t, "changed contact", read(t, s, "A1").Payer, c.Order.Payer)

	o = c.Order
	c = o.StartAttempt(order.WorkQuery, start.Add(2*time.Second))
	c.Order.Payer.Phone, c.Order.Payer.Push = "", nil
	commit(t, s, following(o, c))
	equal(t, "erased contact", read(t, s, "A1").Payer, order.Payer{ID: "payer-1", Locale: "zh-CN"})
}

func testConflict(t *testing.T, s engine.Store) {
	t.Helper()
	o := created(t, s, "A1")
	refuse(t, s, registration(register(t, "A1", start.Add(time.Hour))), engine.ErrConflict)

	claimed := o.Claim(start.Add(time.Second), order.Wait{})
	commit(t, s, following(o, claimed))
	refuse(t, s, following(o, o.Claim(start.Add(time.Minute), order.Wait{})), engine.ErrConflict)
	equal(t, "order", read(t, s, "A1"), claimed.Order)

	absent := register(t, "A2", start).Order
	refuse(t, s, following(absent, absent.Claim(start, order.Wait{})), engine.ErrConflict)
	_, err := s.Order(t.Context(), "A2")
	isNotFound(t, "order that was expected to exist", err)
}

// testOneWriterWins lets writers read, change and commit one order until each has
// succeeded a few times: every success must be one step of the timeline.
func testOneWriterWins(t *testing.T, s engine.Store) {
	t.Helper()
	const writers, steps = 8, 5
	created(t, s, "A1")
	var conflicts atomic.Int64
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for done := 0; done < steps; {
				o, err := s.Order(t.Context(), "A1")
				if err == nil {
					err = s.Commit(t.Context(), following(o, o.Delivered(0, start)))
				}
				switch {
				case err == nil:
					done++
				case errors.Is(err, engine.ErrConflict):
					conflicts.Add(1)
				default:
					t.Errorf("step: %v", err)
					return
				}
			}
		})
	}
	group.Wait()
	const want = 1 + writers*steps
	equal(t, "seq", read(t, s, "A1").Seq, want)
	for i, ev := range events(t, s, "A1", 0, want+1) {
		equal(t, "seq of event", ev.Seq, int64(i+1))
	}
	t.Logf("%d conflicts", conflicts.Load())
}

// testRefusalWritesNothing gives one commit everything that can be written and each of
// the reasons to refuse it in turn, then takes the reason away.
func testRefusalWritesNothing(t *testing.T, s engine.Store) {
	t.Helper()
	o := created(t, s, "A1")
	stored := callback("A1", "stored", engine.CallbackPending)
	commit(t, s, engine.Commit{Callbacks: []engine.Callback{stored}, Key: &engine.Key{OrderNo: "A1", Key: "used", Hash: "h", Seq: 1, At: start}})
	held := task("A1", 0)
	held.Token, held.LeaseUntil = 5, start.Add(time.Second)
	commit(t, s, put(held))
	commit(t, s, engine.Commit{Webhooks: []engine.Webhook{webhook("old", "A1", 1)}})

	whole := following(o, o.Claim(start.Add(time.Second), order.Wait{}))
	whole.Tasks = []engine.TaskWrite{{Task: task("A1", time.Hour)}, {Task: task("other", time.Second)}}
	whole.Callbacks = []engine.Callback{callback("A1", "new", engine.CallbackQuarantined)}
	whole.Processed = []engine.CallbackKey{stored.CallbackKey}
	whole.Webhooks = []engine.Webhook{webhook("new", "A1", 2)}
	whole.Accepted = &engine.WebhookOutcome{ID: "old", Accepted: true, At: start}
	whole.Key = &engine.Key{OrderNo: "A1", Key: "free", Hash: "h2", Seq: 2, At: start}
	file := aSettlement("st_1", engine.SettlementLoading)
	whole.Cases = []engine.Case{aCase("A1.1", order.CaseConflict, 0)}
	whole.Settlement, whole.SettlementRows = &file, []engine.SettlementRow{aRow("st_1", 2, "A1", engine.RowWaiting)}
	whole.Fence = &engine.Fence{TaskKey: held.TaskKey, Token: 5}

	for want, spoil := range map[error]func(*engine.Commit){
		engine.ErrConflict:  func(c *engine.Commit) { c.Expect, c.Order, c.Events = 0, &o, register(t, "A1", start).Events },
		engine.ErrFenced:    func(c *engine.Commit) { c.Fence = &engine.Fence{TaskKey: held.TaskKey, Token: 6} },
		engine.ErrDuplicate: func(c *engine.Commit) { c.Callbacks = append(c.Callbacks[:1:1], stored) },
		engine.ErrKeyUsed:   func(c *engine.Commit) { c.Key = &engine.Key{OrderNo: "A1", Key: "used"} },
	} {
		spoiled := whole
		spoil(&spoiled)
		refuse(t, s, spoiled, want)
		equal(t, "order", read(t, s, "A1"), o)
		equal(t, "events", len(events(t, s, "A1", 0, 10)), 1)
		equal(t, "pending callbacks", callbacks(t, s, "A1", engine.CallbackPending), []engine.Callback{stored})
		equal(t, "new callbacks", len(callbacks(t, s, "A1", engine.CallbackQuarantined)), 0)
		equal(t, "next webhook", nextWebhook(t, s, "A1").ID, "old")
		_, err := s.Key(t.Context(), "A1", "free")
		isNotFound(t, "key", err)
		_, err = s.Case(t.Context(), "A1.1")
		isNotFound(t, "case", err)
		_, err = s.Settlement(t.Context(), file.ID)
		isNotFound(t, "settlement", err)
		rows, _ := settlementRows(t, s, engine.SettlementFilter{ID: file.ID})
		equal(t, "rows of settlement", len(rows), 0)
	}
	equal(t, "due tasks", orderNos(claim(t, s, time.Minute, 5, 10)), []string{"A1"})

	commit(t, s, whole)
	equal(t, "order", read(t, s, "A1"), *whole.Order)
	equal(t, "new callbacks", callbacks(t, s, "A1", engine.CallbackQuarantined), whole.Callbacks)
	equal(t, "next webhook", nextWebhook(t, s, "A1").ID, "new")
	rows, _ := settlementRows(t, s, engine.SettlementFilter{ID: file.ID})
	equal(t, "rows of settlement", rows, whole.SettlementRows)
	equal(t, "due tasks", orderNos(claim(t, s, time.Minute, 7, 10)), []string{"other"})
}

func testGapRefused(t *testing.T, s engine.Store) {
	t.Helper()
	o := created(t, s, "A1")
	c := following(o, o.Claim(start, order.Wait{}))
	c.Events = nil
	if err := s.Commit(t.Context(), c); err == nil {
		t.Fatal("a change of seq without its event was accepted")
	}
	c = following(o, o.Claim(start, order.Wait{}))
	c.Events[0].Seq++
	if err := s.Commit(t.Context(), c); err == nil {
		t.Fatal("an event out of sequence was accepted")
	}
	equal(t, "order", read(t, s, "A1"), o)
}

// testManyCommits gives stores that group commits both kinds of neighbours: some
// orders are registered twice, and one of the two must be refused.
func testManyCommits(t *testing.T, s engine.Store) {
	t.Helper()
	const n, rivals = 100, 10
	var stored, refused atomic.Int64
	var group sync.WaitGroup
	for i := range n + rivals {
		c := register(t, numbered(i%n), start)
		group.Go(func() {
			switch err := s.Commit(t.Context(), registration(c)); {
			case err == nil:
				stored.Add(1)
			case errors.Is(err, engine.ErrConflict):
				refused.Add(1)
			default:
				t.Errorf("commit: %v", err)
			}
		})
	}
	group.Wait()
	equal(t, "stored", stored.Load(), n)
	equal(t, "refused", refused.Load(), rivals)
	for i := range n {
		want := register(t, numbered(i), start)
		equal(t, "order", read(t, s, numbered(i)), want.Order)
		equal(t, "events", events(t, s, numbered(i), 0, 10), want.Events)
	}
}

func testEndedContext(t *testing.T, s engine.Store) {
	t.Helper()
	c := register(t, "A1", start)
	if err := s.Commit(ended(t), registration(c)); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want %v", err, context.Canceled)
	}
	commit(t, s, registration(c)) // ErrConflict, had the first been written
}

func webhook(id, orderNo string, seq int64) engine.Webhook {
	return engine.Webhook{
		ID: id, OrderNo: orderNo, Seq: seq, Type: "order.succeeded", Body: json.RawMessage(`{"a": 1}`), CreatedAt: start,
	}
}

func nextWebhook(t *testing.T, s engine.Store, orderNo string) engine.Webhook {
	t.Helper()
	h, err := s.NextWebhook(t.Context(), orderNo, 0)
	if err != nil {
		t.Fatalf("read next webhook: %v", err)
	}
	return h
}
