package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
)

func paidNote(orderNo, key string) note {
	return note{OrderNo: orderNo, Key: key, Evidence: claims(order.ClaimsSucceeded)}
}

func TestDuplicateCallbacksAreAcknowledgedAndChangeNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.claim("A1")
		h.callback(paidNote("A1", "c1"))
		seq := h.order("A1").Seq
		for range 5 {
			if status := h.callback(paidNote("A1", "c1")); status != 200 {
				t.Errorf("duplicate was answered %d", status)
			}
		}
		if status := h.callback(paidNote("A1", "c2")); status != 200 { // the same truth told anew
			t.Errorf("repetition was answered %d", status)
		}
		if got := h.order("A1").Seq; got != seq {
			t.Errorf("repetitions moved the order from seq %d to %d", seq, got)
		}
		if c := h.Counts(); c.Duplicates != 5 || c.Callbacks != 7 {
			t.Errorf("counted %+v", c)
		}
	})
}

func TestCallbackBeforeItsRegistrationWaitsInQuarantine(t *testing.T) {
	t.Parallel()
	for _, gap := range []time.Duration{0, time.Second, time.Minute, 48 * time.Hour} {
		t.Run(gap.String(), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, h *house) {
				if status := h.callback(paidNote("A1", "c1")); status != 200 {
					t.Errorf("early callback was answered %d", status)
				}
				h.pass(gap)
				h.register("A1")
				h.pass(time.Second)
				h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
				h.wantTasks("A1")
				h.wantTimeline("A1")
			})
		})
	}
}

func TestManyEarlyCallbacksAreAllWeighed(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		for i := range 130 { // more than are loaded at a time; only the last one settles
			n := note{OrderNo: "A1", Key: fmt.Sprint("c", i), Evidence: claims(order.ClaimsProcessing)}
			if i == 129 {
				n.Evidence = claims(order.ClaimsSucceeded)
			}
			h.callback(n)
		}
		h.register("A1")
		h.pass(3 * time.Second) // those that were being set aside meanwhile are looked at after two
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		left, err := h.store.Callbacks(t.Context(), "A1", engine.CallbackQuarantined, 10)
		if err != nil || len(left) != 0 {
			t.Errorf("%d callbacks are still in quarantine, %v", len(left), err)
		}
	})
}

// gated is a store that lets a test hold a commit back.
type gated struct {
	engine.Store
	hold func(engine.Commit) <-chan struct{} // nil = let it pass
}

func (g *gated) Commit(ctx context.Context, c engine.Commit) error {
	if wait := g.hold(c); wait != nil {
		<-wait
	}
	return g.Store.Commit(ctx, c)
}

// Both orders of the race between a registration and the callback that it misses.
func TestCallbackThatRacesItsRegistration(t *testing.T) {
	t.Parallel()
	registers := func(c engine.Commit) bool { return c.Order != nil && c.Expect == 0 }
	quarantines := func(c engine.Commit) bool { return len(c.Callbacks) == 1 && c.Order == nil }
	for _, tt := range []struct {
		name  string
		holds func(engine.Commit) bool
		first func(h *house)
		then  func(h *house)
		until time.Duration
	}{
		{
			"registration looked for callbacks first, the callback is stored before it", registers,
			func(h *house) { h.register("A1") }, func(h *house) { h.callback(paidNote("A1", "c1")) }, time.Second,
		},
		{
			"registration takes longer than the first look", registers,
			func(h *house) { h.register("A1") }, func(h *house) { h.callback(paidNote("A1", "c1")) }, 5 * time.Second,
		},
		{
			"callback looked for the order first, the order is stored before it", quarantines,
			func(h *house) { h.callback(paidNote("A1", "c1")) }, func(h *house) { h.register("A1") }, time.Second,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, h *house) {
				release := make(chan struct{})
				var once sync.Once
				h.through(func(s engine.Store) engine.Store {
					return &gated{s, func(c engine.Commit) (wait <-chan struct{}) {
						if tt.holds(c) {
							once.Do(func() { wait = release })
						}
						return wait
					}}
				})
				done := make(chan struct{})
				go func() { defer close(done); tt.first(h) }()
				synctest.Wait()
				tt.then(h)
				h.pass(tt.until)
				close(release)
				<-done
				h.pass(time.Minute)
				h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
				h.wantTimeline("A1")
			})
		})
	}
}

func TestCallbackThroughAnotherChannelThanTheOrdersIsACase(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", pushed)
		if status := h.callback(paidNote("A1", "c1")); status != 200 {
			t.Errorf("answered %d", status)
		}
		h.wantPayment("A1", order.Pending, order.StatusAwaiting)
		h.wantCases("A1", order.CaseMerchantMismatch)
	})
}

func TestRefusedCallbackIsNotedOnceAMinuteAndMovesNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		forged := paidNote("A1", "c1")
		forged.Forged = true
		for range 10 {
			if status := h.callback(forged); status != 400 {
				t.Errorf("forged callback was answered %d", status)
			}
		}
		if got := h.count("A1", order.EventCallbackBad); got != 1 {
			t.Errorf("noted %d times within a minute", got)
		}
		h.pass(61 * time.Second)
		h.callback(forged)
		if got := h.count("A1", order.EventCallbackBad); got != 2 {
			t.Errorf("noted %d times within two minutes", got)
		}
		h.wantPayment("A1", order.Pending, order.StatusAwaiting)
		if got := h.order("A1").Diagnosis(); got != order.DiagnosisCallbackRejected {
			t.Errorf("diagnosis %s", got)
		}
		for _, unknown := range []string{"nobody", "", "not an order number"} {
			forged.OrderNo = unknown
			if status := h.callback(forged); status != 400 {
				t.Errorf("forged callback for %q was answered %d", unknown, status)
			}
		}
	})
}

func TestCallbackIsNotAcknowledgedWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.stopRun()
		fatal(t, h.store.Close())
		if status := h.callback(paidNote("A1", "c1")); status != 503 {
			t.Errorf("answered %d, the channel would not send it again", status)
		}
		h.open()
		h.wantPayment("A1", order.Pending, order.StatusAwaiting)
		if status := h.callback(paidNote("A1", "c1")); status != 200 {
			t.Errorf("redelivery was answered %d", status)
		}
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
	})
}

func TestCallbackForNoChannelIsAnError(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		if _, err := h.Receive(t.Context(), "nosuch", channel.Request{}); !errors.Is(err, engine.ErrUnknownChannel) {
			t.Errorf("got %v", err)
		}
	})
}

// One callback may carry several notifications; when one of them cannot be stored, all
// come again and those that were stored are recognised.
func TestCallbackOfSeveralNotificationsIsTakenInWhole(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.register("A2")
		calls := 0
		h.through(func(s engine.Store) engine.Store {
			return &failingCommits{s, func(c engine.Commit) bool {
				if len(c.Callbacks) == 0 {
					return false
				}
				calls++
				return calls == 2
			}}
		})
		both := []note{paidNote("A1", "c1"), paidNote("A2", "c2")}
		if status := h.callback(both...); status != 503 {
			t.Errorf("half a callback was answered %d", status)
		}
		if status := h.callback(both...); status != 200 {
			t.Errorf("redelivery was answered %d", status)
		}
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		h.wantPayment("A2", order.Succeeded, order.StatusSucceeded)
	})
}

var errDisk = errors.New("disk is full")

// failingCommits is a store that cannot write what fails picks.
type failingCommits struct {
	engine.Store
	fails func(engine.Commit) bool
}

func (f *failingCommits) Commit(ctx context.Context, c engine.Commit) error {
	if f.fails(c) {
		return errDisk
	}
	return f.Store.Commit(ctx, c)
}

func (f *failingCommits) CommitEach(ctx context.Context, list []engine.Commit) []error {
	outcomes := make([]error, len(list))
	for i, c := range list {
		outcomes[i] = f.Commit(ctx, c)
	}
	return outcomes
}

// journalOf is a store whose journal asks first whether it may be written.
type journalOf struct {
	engine.Store
	fails func([]engine.Entry) bool
}

func (f *journalOf) AddEntries(ctx context.Context, list []engine.Entry) ([]engine.EntryID, error) {
	if f.fails(list) {
		return nil, errDisk
	}
	return f.Store.AddEntries(ctx, list)
}

// contested is a store in which others always win the race for an order while busy.
type contested struct {
	engine.Store
	busy func() bool
}

func (s *contested) Commit(ctx context.Context, c engine.Commit) error {
	if c.Order != nil && s.busy() {
		return engine.ErrConflict
	}
	return s.Store.Commit(ctx, c)
}

func (s *contested) CommitEach(ctx context.Context, list []engine.Commit) []error {
	outcomes := make([]error, len(list))
	for i, c := range list {
		outcomes[i] = s.Commit(ctx, c)
	}
	return outcomes
}

func TestCallbackThatLosesEveryRaceIsStoredAndWeighedLater(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		var mu sync.Mutex
		busy := true
		h.through(func(s engine.Store) engine.Store {
			return &contested{s, func() bool { mu.Lock(); defer mu.Unlock(); return busy }}
		})
		if status := h.callback(paidNote("A1", "c1")); status != 200 {
			t.Errorf("answered %d", status)
		}
		h.wantPayment("A1", order.Pending, order.StatusAwaiting)
		mu.Lock()
		busy = false
		mu.Unlock()
		h.pass(2 * time.Minute) // the first look may lose its races too, and then waits for its lease
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		h.wantTasks("A1")
	})
}

func TestCallbacksInAStormSettleEachOrderOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		const orders, each = 20, 10
		for i := range orders {
			h.register(fmt.Sprint("A", i), withWebhook)
			h.claim(fmt.Sprint("A", i))
		}
		var wg sync.WaitGroup
		for i := range orders * each {
			wg.Go(func() {
				no := fmt.Sprint("A", i%orders)
				key := fmt.Sprint(no, "-", i/orders/2) // each is sent twice
				if status := h.callback(paidNote(no, key)); status != 200 {
					t.Errorf("%s was answered %d", key, status)
				}
			})
		}
		wg.Wait()
		h.pass(time.Second)
		for i := range orders {
			no := fmt.Sprint("A", i)
			h.wantPayment(no, order.Succeeded, order.StatusSucceeded)
			h.wantTimeline(no)
			if got := h.backend.types(no); len(got) != 1 || got[0] != "order.succeeded" {
				t.Errorf("%s: the backend was told %v", no, got)
			}
		}
		if c := h.Counts(); c.Duplicates != orders*each/2 {
			t.Errorf("%d of %d duplicates recognised", c.Duplicates, orders*each/2)
		}
	})
}

func TestNobodyIsToldOfWhatWasNotWritten(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.through(func(s engine.Store) engine.Store {
			return &failingCommits{s, func(c engine.Commit) bool { return c.Order != nil }}
		})
		before := len(h.listener.told["A1"])
		if status := h.callback(note{OrderNo: "A1", Key: "k1", Evidence: claims(order.ClaimsSucceeded)}); status == 200 {
			t.Fatal("the callback was acknowledged")
		}
		synctest.Wait()
		if told := h.listener.told["A1"]; len(told) != before {
			t.Errorf("payers were shown %s, which is not written", told[len(told)-1].Status)
		}
	})
}
