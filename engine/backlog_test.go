package engine_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
)

// storingFirst has the engine acknowledge every callback before it weighs it.
func (h *house) storingFirst() {
	h.t.Helper()
	h.stopRun()
	h.cfg.WeighAtOnce = -1
	h.start()
}

// dead is an engine that takes callbacks in and does not run, as one whose process dies
// right after its answers.
func (h *house) dead() {
	h.t.Helper()
	h.storingFirst()
	h.stopRun()
}

// inJournal counts what is acknowledged and not weighed.
func (h *house) inJournal() int64 {
	h.t.Helper()
	n, err := h.store.JournalSize(context.Background())
	fatal(h.t, err)
	return n
}

func TestCallbackIsAcknowledgedWhenItIsStoredAndWeighedBehind(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", withWebhook)
		h.dead()
		if status := h.callback(paidNote("A1", "c1")); status != 200 {
			t.Fatalf("answered %d", status)
		}
		h.wantPayment("A1", order.Pending, order.StatusAwaiting)
		if c := h.Counts(); h.inJournal() != 1 || c.StoredFirst != 1 || c.Unweighed != 1 {
			t.Errorf("%d are in the journal, counted %+v", h.inJournal(), c)
		}
		h.start()
		synctest.Wait()
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		if got := h.backend.types("A1"); !slices.Equal(got, []string{"order.succeeded"}) {
			t.Errorf("the backend was told %v", got)
		}
		if left := h.inJournal(); left != 0 {
			t.Errorf("%d are still in the journal", left)
		}
		h.wantRecords(engine.CallbackProcessed, "A1")
	})
}

func TestNothingThatWasAcknowledgedIsForgottenAtARestart(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		const many = 150 // more than are weighed in one commit
		h.dead()
		for i := range many {
			h.register(fmt.Sprint("A", i))
			h.callback(paidNote(fmt.Sprint("A", i), fmt.Sprint("c", i)))
		}
		h.start()
		synctest.Wait()
		for i := range many {
			h.wantPayment(fmt.Sprint("A", i), order.Succeeded, order.StatusSucceeded)
			h.wantTimeline(fmt.Sprint("A", i))
		}
	})
}

func TestCallbacksOfOneOrderAreWeighedInTheOrderOfReceipt(t *testing.T) {
	t.Parallel()
	for name, live := range map[string]func(h *house){
		"while it runs": (*house).storingFirst,
		"at a restart":  (*house).dead,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, h *house) {
				h.register("A1", withWebhook)
				live(h)
				h.callback(paidNote("A1", "c1"))
				h.callback(refundedNote("A1", "c2"))
				if name == "at a restart" {
					h.start()
				}
				h.pass(time.Second)
				h.wantPayment("A1", order.Refunded, order.StatusRefunded)
				h.wantGapless("A1")
				if got := h.backend.types("A1"); !slices.Equal(got, []string{"order.succeeded", "order.refunded"}) {
					t.Errorf("the backend was told %v", got)
				}
			})
		})
	}
}

func TestStoredCallbackForAnUnknownOrderGoesIntoQuarantine(t *testing.T) {
	t.Parallel()
	for _, gap := range []time.Duration{0, time.Second, time.Minute} {
		t.Run(gap.String(), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, h *house) {
				h.storingFirst()
				h.callback(paidNote("A1", "c1"))
				h.pass(gap)
				if c := h.Counts(); c.Quarantined != 1 || c.Unweighed != 0 {
					t.Errorf("counted %+v", c)
				}
				h.register("A1")
				h.pass(3 * time.Second)
				h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
				h.wantTasks("A1")
			})
		})
	}
}

// Another node stored it, and is no more.
func TestCallbackThatNoNodeRemembersIsFound(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.pass(time.Minute)
		stored := paidNote("A1", "c1")
		stored.Evidence.Source = order.FromCallback
		_, err := h.store.AddEntries(context.Background(), []engine.Entry{{
			Key: engine.CallbackKey{Channel: pay, DedupeKey: "c1"}, OrderNo: "A1",
			Notification: channel.Notification{OrderNo: "A1", DedupeKey: "c1", Evidence: stored.Evidence},
			Raw:          channel.Request{ReceivedAt: time.Now()},
		}})
		fatal(t, err)
		h.pass(9 * time.Second)
		h.wantPayment("A1", order.Pending, order.StatusAwaiting) // whoever stored it may yet weigh it
		h.pass(11 * time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
	})
}

func TestStoreThatCannotWriteDelaysTheWeighing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.register("A2")
		h.cfg.WeighAtOnce = -1
		var mended atomic.Bool
		h.through(func(s engine.Store) engine.Store {
			return &failingCommits{s, func(c engine.Commit) bool { return c.Order != nil && c.Order.OrderNo == "A1" && !mended.Load() }}
		})
		h.callback(paidNote("A1", "c1"), paidNote("A2", "c2"))
		h.pass(time.Second)
		h.wantPayment("A1", order.Pending, order.StatusAwaiting)
		h.wantPayment("A2", order.Succeeded, order.StatusSucceeded) // its neighbour is none the worse
		mended.Store(true)
		h.pass(20 * time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
	})
}

// However many are acknowledged first, there is an end to it.
func TestABacklogThatIsFullIsNotMadeLonger(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.dead()
		h.FillBacklog("other")
		h.callback(paidNote("A1", "c1"))
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		h.start()
	})
}

// rush brings a callback for each of the orders, all of them at once, and returns when
// they are answered.
func (h *house) rush(orders []string, held *sync.WaitGroup) {
	h.t.Helper()
	held.Add(1)
	var answered sync.WaitGroup
	for _, no := range orders {
		answered.Go(func() {
			if status := h.callback(paidNote(no, "c of "+no)); status != 200 {
				h.t.Errorf("answered %d", status)
			}
		})
	}
	synctest.Wait() // now all are being received
	held.Done()
	answered.Wait()
	synctest.Wait()
}

func (h *house) registerSome(prefix string, n int) []string {
	h.t.Helper()
	orders := make([]string, n)
	for i := range orders {
		orders[i] = fmt.Sprint(prefix, i)
		h.register(orders[i])
	}
	return orders
}

// heldCommits is a store in which what is taken in waits while held, and what is weighed
// behind does not.
type heldCommits struct {
	engine.Store
	held *sync.WaitGroup
}

func (s heldCommits) Commit(ctx context.Context, c engine.Commit) error {
	if len(c.Callbacks) > 0 {
		s.held.Wait()
	}
	return s.Store.Commit(ctx, c)
}

func (s heldCommits) AddEntries(ctx context.Context, list []engine.Entry) ([]engine.EntryID, error) {
	s.held.Wait()
	return s.Store.AddEntries(ctx, list)
}

func (h *house) holdCallbacks() *sync.WaitGroup {
	h.t.Helper()
	var held sync.WaitGroup
	h.through(func(s engine.Store) engine.Store { return heldCommits{s, &held} })
	return &held
}

func TestWeighingGivesWayToARush(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		orders := h.registerSome("A", 40)
		h.register("B")
		h.register("C")
		held := h.holdCallbacks()
		h.rush(orders, held)
		rushed := h.Counts()
		if rushed.StoredFirst < 24 || rushed.Unweighed != rushed.StoredFirst { // all but the sixteen that may be weighed at once
			t.Errorf("counted %+v", rushed)
		}
		h.callback(paidNote("B", "b")) // the answers have left, the next of the rush are on their way
		if c := h.Counts(); c.StoredFirst != rushed.StoredFirst+1 || c.Unweighed != c.StoredFirst {
			t.Errorf("while the rush lasts: counted %+v", c)
		}
		h.pass(60 * time.Millisecond)
		for _, no := range append(orders, "B") {
			h.wantPayment(no, order.Succeeded, order.StatusSucceeded)
		}
		h.callback(paidNote("C", "c"))
		if c := h.Counts(); c.StoredFirst != rushed.StoredFirst+1 || c.Unweighed != 0 {
			t.Errorf("after it: counted %+v", c)
		}
	})
}

func TestARushThatGoesOnDoesNotKeepPayersWaiting(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		const gap = 40 * time.Millisecond // shorter than it takes a rush to be over
		var waves [][]string
		for i := range 52 { // some two seconds
			waves = append(waves, h.registerSome(fmt.Sprint("A", i, "-"), 20))
		}
		held := h.holdCallbacks()
		for i, wave := range waves {
			h.rush(wave, held)
			if c := h.Counts(); i == 30 && (c.Unweighed < 4+30*20 || c.Unweighed != c.StoredFirst) { // all but the sixteen that may be weighed at once
				t.Errorf("counted %+v", c)
			}
			h.pass(gap)
		}
		for _, no := range waves[0] {
			h.wantPayment(no, order.Succeeded, order.StatusSucceeded)
		}
	})
}

// groupedCommits counts the commits of many.
type groupedCommits struct {
	engine.Store
	n atomic.Int64
}

func (s *groupedCommits) CommitEach(ctx context.Context, list []engine.Commit) []error {
	s.n.Add(1)
	return s.Store.CommitEach(ctx, list)
}

func TestFrequentCallbacksAreWeighedTogether(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		orders := h.registerSome("A", 40)
		h.register("B")
		grouped := &groupedCommits{}
		h.through(func(s engine.Store) engine.Store {
			grouped.Store = s
			return grouped
		})
		for _, no := range orders { // one after the other, and none is held up
			h.callback(paidNote(no, "c of "+no))
		}
		h.pass(60 * time.Millisecond)
		for _, no := range orders {
			h.wantPayment(no, order.Succeeded, order.StatusSucceeded)
		}
		if c, n := h.Counts(), grouped.n.Load(); c.StoredFirst != 24 || n > 3 { // the first alone, sixteen, the others
			t.Errorf("%d commits of many, counted %+v", n, c)
		}
		h.callback(paidNote("B", "b"))
		h.wantPayment("B", order.Succeeded, order.StatusSucceeded)
		if c := h.Counts(); c.StoredFirst != 24 {
			t.Errorf("when they are rare again: counted %+v", c)
		}
	})
}
