package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
)

func forgedNote(orderNo, key string) note {
	n := paidNote(orderNo, key)
	n.Forged = true
	return n
}

// records lists callbacks in a state, once everything that is under way has been written.
func (h *house) records(state engine.CallbackState) []engine.CallbackRecord {
	h.t.Helper()
	synctest.Wait()
	list, _, err := h.Callbacks(context.Background(), engine.CallbackFilter{State: state})
	if err != nil {
		h.t.Fatalf("list callbacks: %v", err)
	}
	return list
}

func (h *house) wantRecords(state engine.CallbackState, want ...string) {
	h.t.Helper()
	var got []string
	for _, r := range h.records(state) {
		got = append(got, strings.TrimSpace(r.OrderNo+" "+r.Reason))
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("%s: %q, want %q", state, got, want)
	}
}

func TestRefusedCallbacksAreKeptWithTheirReasonAndBytes(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		stale, panics := paidNote("A3", "c3"), paidNote("A4", "c4")
		stale.Stale, panics.Panics = true, true
		h.callback(forgedNote("A1", "c1"))
		h.pass(time.Second)
		h.callback(forgedNote("no order's number", "c2"))
		h.pass(time.Second)
		h.callback(stale)
		h.pass(time.Second)
		if status := h.callback(panics); status != 400 {
			t.Errorf("a callback that its adapter cannot bear was answered %d", status)
		}
		h.pass(time.Second)
		raw := channel.Request{Body: []byte("\xff no JSON"), Query: "a=%zz", ReceivedAt: time.Now()}
		if _, err := h.Receive(t.Context(), pay, raw); err != nil {
			t.Fatal(err)
		}
		h.wantRecords(engine.CallbackRejected, "malformed", "refused", "A3 stale", "bad_signature", "A1 bad_signature")
		rec, err := h.Callback(t.Context(), h.records(engine.CallbackRejected)[0].ID)
		fatal(t, err)
		if string(rec.Raw.Body) != string(raw.Body) || rec.Raw.Query != raw.Query || !rec.Raw.ReceivedAt.Equal(raw.ReceivedAt) {
			t.Errorf("kept as %+v", rec.Raw)
		}
		if c := h.Counts(); c.Rejected != 5 || c.RejectedKept != 5 || c.RejectedDropped != 0 {
			t.Errorf("counted %+v", c)
		}
	})
}

// counting is a store that counts the commits that keep refused callbacks.
type counting struct {
	engine.Store
	mu     sync.Mutex // guards what follows
	writes int
	kept   int
	fails  bool
}

func (s *counting) Commit(ctx context.Context, c engine.Commit) error {
	if c.Rejected != nil {
		s.mu.Lock()
		s.writes++
		s.kept += len(c.Rejected.New)
		fails := s.fails
		s.mu.Unlock()
		if fails {
			return errDisk
		}
	}
	return s.Store.Commit(ctx, c)
}

// take returns what was counted since the last time.
func (s *counting) take() (kept, writes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, writes = s.kept, s.writes
	s.kept, s.writes = 0, 0
	return kept, writes
}

func TestAFloodOfRefusedCallbacksIsSampled(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		var store *counting
		h.through(func(s engine.Store) engine.Store { store = &counting{Store: s}; return store })
		flood := func(n int, body []byte) {
			for range n {
				answer, err := h.Receive(t.Context(), pay, channel.Request{Body: body, ReceivedAt: time.Now()})
				if err != nil || answer.Status != 400 {
					t.Fatalf("answered %d, %v", answer.Status, err)
				}
			}
			synctest.Wait()
		}
		flood(5000, []byte("small"))
		kept, _ := store.take()
		if c := h.Counts(); kept > 50 || c.RejectedKept+c.RejectedDropped != 5000 {
			t.Errorf("of 5000 at once %d were written; counted %+v", kept, c)
		}
		h.pass(time.Minute)
		flood(100, make([]byte, 250<<10))
		if kept, _ := store.take(); kept != 1 {
			t.Errorf("of 100 large ones %d were written", kept)
		}
		h.pass(time.Minute)
		for range 100 { // 100 a second for a while
			flood(10, []byte("small"))
			h.pass(100 * time.Millisecond)
		}
		if kept, writes := store.take(); kept > 50+100 || kept < 50 || writes > kept {
			t.Errorf("of 1000 in 10 s %d were written in %d commits", kept, writes)
		}
	})
}

func TestKeepingRefusedCallbacksNeverFailsTheAnswer(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.through(func(s engine.Store) engine.Store { return &counting{Store: s, fails: true} })
		for i := range 10 {
			if status := h.callback(forgedNote(fmt.Sprint("A", i), "c")); status != 400 {
				t.Errorf("answered %d", status)
			}
		}
		h.wantRecords(engine.CallbackRejected)
		if c := h.Counts(); c.RejectedDropped != 10 {
			t.Errorf("counted %+v", c)
		}
		h.stopRun() // nobody takes refused callbacks from the queue any more
		for i := range 100 {
			h.callback(forgedNote(fmt.Sprint("B", i), "c"))
		}
		h.start()
	})
}

func TestRefusedCallbacksThatWaitAreWrittenWhenTheEngineStops(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		for i := range 20 {
			h.callback(forgedNote(fmt.Sprint("A", i), "c"))
		}
		h.restart()
		if got := len(h.records(engine.CallbackRejected)); got != 20 {
			t.Errorf("%d of 20 were kept", got)
		}
	})
}

func TestRefusedCallbacksExpire(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.callback(forgedNote("A1", "c1"))
		h.pass(7*24*time.Hour - 2*time.Minute)
		h.wantRecords(engine.CallbackRejected, "A1 bad_signature")
		h.pass(4 * time.Minute)
		h.wantRecords(engine.CallbackRejected)
	})
}

func TestACallbackWhoseOrderNeverComesExpiresIntoTheRejectedOnes(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.callback(paidNote("A1", "c1"))
		h.pass(2 * time.Minute)
		if c := h.Counts(); c.InQuarantine != 1 {
			t.Errorf("counted %+v", c)
		}
		h.pass(7*24*time.Hour - 4*time.Minute)
		h.wantRecords(engine.CallbackQuarantined, "A1")
		h.pass(4 * time.Minute)
		h.wantRecords(engine.CallbackQuarantined)
		h.wantRecords(engine.CallbackRejected, "A1 unknown_order")
		if c := h.Counts(); c.InQuarantine != 0 {
			t.Errorf("counted %+v", c)
		}
		h.register("A1") // far too late, but an operator can still help
		h.wantReplay(engine.Replay{Select: engine.CallbackFilter{State: engine.CallbackRejected, Channel: pay}}, 1)
		h.pass(time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		h.wantRecords(engine.CallbackRejected)
	})
}

// wantReplay replays and expects how many are accepted and why the others are not.
func (h *house) wantReplay(r engine.Replay, accepted int, skipped ...string) {
	h.t.Helper()
	r.Actor = "wang"
	done, err := h.ReplayCallbacks(context.Background(), r)
	fatal(h.t, err)
	var why []string
	for _, s := range done.Skipped {
		why = append(why, s.Reason)
	}
	if done.Accepted != accepted || !slices.Equal(why, skipped) {
		h.t.Errorf("replay of %+v: accepted %d, skipped %q", r, done.Accepted, why)
	}
}
