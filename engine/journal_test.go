package engine_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

func refundedNote(orderNo, key string) note {
	n := note{OrderNo: orderNo, Key: key, Evidence: claims(order.ClaimsRefunded)}
	n.Evidence.Refund = &order.RefundEvidence{ID: "r1", Amount: &price}
	return n
}

// Nobody asks on receipt whether a callback of a rush came before.
func TestDuplicatesInTheJournalAreFoundWhenTheyAreWeighed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		before     []note // weighed on receipt
		rush       []note // stored first, weighed together
		duplicates int64
		payment    order.Payment
		told       []string
	}{
		{"twice in the rush", nil, []note{paidNote("A1", "c1"), paidNote("A1", "c1"), paidNote("A1", "c1")}, 2, order.Succeeded, []string{"order.succeeded"}},
		{"before the rush", []note{paidNote("A1", "c1")}, []note{paidNote("A1", "c1")}, 1, order.Succeeded, []string{"order.succeeded"}},
		{
			"beside a new one",
			[]note{paidNote("A1", "c1")},
			[]note{paidNote("A1", "c1"), refundedNote("A1", "c2"), paidNote("A1", "c1"), refundedNote("A1", "c2")},
			3, order.Refunded,
			[]string{"order.succeeded", "order.refunded"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, h *house) {
				h.register("A1", withWebhook)
				for _, n := range tt.before {
					h.callback(n)
				}
				synctest.Wait()
				h.dead()
				for _, n := range tt.rush {
					if status := h.callback(n); status != 200 {
						t.Errorf("answered %d", status)
					}
				}
				h.start()
				synctest.Wait()
				h.wantPayment("A1", tt.payment, order.Status(tt.payment))
				h.wantGapless("A1")
				if c := h.Counts(); c.Duplicates != tt.duplicates || h.inJournal() != 0 {
					t.Errorf("%d in the journal, counted %+v", h.inJournal(), c)
				}
				if got := h.backend.types("A1"); !slices.Equal(got, tt.told) {
					t.Errorf("the backend was told %v", got)
				}
			})
		})
	}
}

func TestDuplicatesOfACallbackInQuarantineAreFound(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.storingFirst()
		h.callback(paidNote("A1", "c1"), paidNote("A1", "c1"))
		h.pass(time.Second)
		h.callback(paidNote("A1", "c1"))
		h.pass(time.Second)
		if c := h.Counts(); c.Quarantined != 1 || c.Duplicates != 2 || h.inJournal() != 0 {
			t.Errorf("%d in the journal, counted %+v", h.inJournal(), c)
		}
		h.wantRecords(engine.CallbackQuarantined, "A1")
		h.register("A1")
		h.pass(3 * time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
	})
}

// What one body carries is acknowledged with one answer, so it is stored in one write.
func TestSeveralNotificationsAreOneWriteOfTheJournal(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.register("A2")
		h.cfg.WeighAtOnce = -1
		broken, writes := true, 0
		h.through(func(s engine.Store) engine.Store {
			return &journalOf{s, func([]engine.Entry) bool { writes++; return broken }}
		})
		both := []note{paidNote("A1", "c1"), paidNote("A2", "c2")}
		if status, c := h.callback(both...), h.Counts(); status != 503 || c.Unweighed != 0 || h.inJournal() != 0 {
			t.Errorf("answered %d with %d in the journal, counted %+v", status, h.inJournal(), c)
		}
		broken = false
		if status := h.callback(both...); status != 200 || writes != 2 {
			t.Errorf("redelivery was answered %d, after %d writes", status, writes)
		}
		synctest.Wait()
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		h.wantPayment("A2", order.Succeeded, order.StatusSucceeded)
	})
}

// slowDatabase has commits of callbacks wait until released, and fail then if they are to.
func (h *house) slowDatabase() (release func(fail bool)) {
	h.t.Helper()
	held := make(chan bool)
	h.through(func(s engine.Store) engine.Store {
		return &failingCommits{s, func(c engine.Commit) bool { return len(c.Callbacks) > 0 && <-held }}
	})
	return func(fail bool) { held <- fail }
}

// A channel does not wait longer for a database that is busy than for the journal.
func TestACallbackThatIsLongInBeingWeighedIsAcknowledgedMeanwhile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		release []bool // of commits, whether they fail
		left    int64  // in the journal then
		payment order.Payment
		then    order.Payment // once orphans were looked for
	}{
		{"in the end it is weighed", []bool{false}, 0, order.Succeeded, order.Succeeded},
		{"in the end it cannot be", []bool{true}, 1, order.Pending, order.Succeeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, h *house) {
				h.register("A1", withWebhook)
				release := h.slowDatabase()
				began := time.Now()
				status := h.callback(paidNote("A1", "c1"))
				if took := time.Since(began); status != 200 || took != 2*time.Millisecond {
					t.Errorf("answered %d after %s", status, took)
				}
				if c := h.Counts(); h.inJournal() != 1 || c.StoredFirst != 1 {
					t.Errorf("%d in the journal, counted %+v", h.inJournal(), c)
				}
				h.wantPayment("A1", order.Pending, order.StatusAwaiting)
				for _, fail := range tt.release {
					release(fail)
				}
				synctest.Wait()
				h.wantPayment("A1", tt.payment, statusOf(tt.payment))
				if left := h.inJournal(); left != tt.left {
					t.Errorf("%d in the journal, want %d", left, tt.left)
				}
				h.through(func(s engine.Store) engine.Store { return s })
				h.pass(time.Minute)
				h.wantPayment("A1", tt.then, statusOf(tt.then))
				h.wantTimeline("A1")
				if got := h.backend.types("A1"); !slices.Equal(got, []string{"order.succeeded"}) || h.inJournal() != 0 {
					t.Errorf("the backend was told %v, %d in the journal", got, h.inJournal())
				}
			})
		})
	}
}

func statusOf(p order.Payment) order.Status {
	if p == order.Pending {
		return order.StatusAwaiting
	}
	return order.Status(p)
}

// The database alone makes it durable too, only later.
func TestACallbackWaitsForTheDatabaseWhenTheJournalCannotBeWritten(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.through(func(s engine.Store) engine.Store {
			slow := &failingCommits{s, func(c engine.Commit) bool {
				if len(c.Callbacks) > 0 {
					<-time.After(time.Second)
				}
				return false
			}}
			return &journalOf{slow, func([]engine.Entry) bool { return true }}
		})
		began := time.Now()
		if status := h.callback(paidNote("A1", "c1")); status != 200 || time.Since(began) != time.Second {
			t.Errorf("answered %d after %s", status, time.Since(began))
		}
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
	})
}

// A process that dies while it weighs what it has acknowledged meanwhile finds it again.
func TestWhatWasAcknowledgedWhileItWasWeighedSurvives(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", withWebhook)
		release := h.slowDatabase()
		if status := h.callback(paidNote("A1", "c1"), paidNote("A1", "c1")); status != 200 {
			t.Errorf("answered %d", status)
		}
		release(true) // with the process, what it had not written
		synctest.Wait()
		h.stopRun()
		h.wrap = func(s engine.Store) engine.Store { return s }
		fatal(t, h.store.Close())
		h.open()
		h.pass(time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		if c := h.Counts(); c.Duplicates != 1 || h.inJournal() != 0 {
			t.Errorf("%d in the journal, counted %+v", h.inJournal(), c)
		}
	})
}

// One entry that cannot be read keeps no other from being weighed.
func TestAnEntryThatCannotBeReadIsLeftWhereItIs(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.register("A2")
		h.cfg.WeighAtOnce = -1
		h.through(func(s engine.Store) engine.Store { return &torn{s} })
		h.callback(paidNote("A1", "c1"), paidNote("A2", "c2"))
		h.pass(30 * time.Second)
		h.wantPayment("A1", order.Pending, order.StatusAwaiting)
		h.wantPayment("A2", order.Succeeded, order.StatusSucceeded)
		if left := h.inJournal(); left != 1 {
			t.Errorf("%d in the journal", left)
		}
	})
}

// torn is a store that cannot read what its journal holds of A1.
type torn struct{ engine.Store }

func (s *torn) Entries(ctx context.Context, ids []engine.EntryID) ([]engine.Entry, error) {
	list, err := s.Store.Entries(ctx, ids)
	return s.tear(list), errors.Join(err, errDisk)
}

func (s *torn) EntriesBetween(ctx context.Context, after, before engine.EntryID, limit int) ([]engine.Entry, error) {
	list, err := s.Store.EntriesBetween(ctx, after, before, limit)
	return s.tear(list), errors.Join(err, errDisk)
}

func (s *torn) tear(list []engine.Entry) []engine.Entry {
	return slices.DeleteFunc(list, func(n engine.Entry) bool { return n.OrderNo == "A1" })
}

// A bug that one callback meets does not end the server: it comes again.
func TestAPanicOverACallbackIsAnAnswer(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		var broken atomic.Bool
		broken.Store(true)
		h.through(func(s engine.Store) engine.Store {
			return &failingCommits{s, func(c engine.Commit) bool {
				if broken.Load() && len(c.Callbacks) > 0 {
					panic("a bug")
				}
				return false
			}}
		})
		if status := h.callback(paidNote("A1", "c1")); status != 503 {
			t.Errorf("answered %d", status)
		}
		broken.Store(false)
		if status := h.callback(paidNote("A1", "c1")); status != 200 {
			t.Errorf("redelivery was answered %d", status)
		}
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
	})
}

// While many are being weighed the next need not wait in vain.
func TestCallbacksThatAreStillBeingWeighedCountAsARush(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		orders := h.registerSome("A", 20)
		release := h.slowDatabase()
		for i, no := range orders {
			began := time.Now()
			status := h.callback(paidNote(no, "c of "+no))
			want := 2 * time.Millisecond
			if i >= 16 {
				want = 0
			}
			if took := time.Since(began); status != 200 || took != want {
				t.Errorf("callback %d was answered %d after %s, want %s", i, status, took, want)
			}
		}
		for range 16 {
			release(false)
		}
		for range 4 { // in the end they are weighed too
			release(false)
		}
		h.pass(time.Second)
		for _, no := range orders {
			h.wantPayment(no, order.Succeeded, order.StatusSucceeded)
		}
	})
}

func TestTheJournalIsCounted(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.cfg.WeighAtOnce = -1
		h.through(func(s engine.Store) engine.Store {
			return &failingCommits{s, func(c engine.Commit) bool { return len(c.Callbacks) > 0 }}
		})
		h.callback(paidNote("A1", "c1"))
		h.pass(time.Minute + time.Second)
		if c := h.Counts(); c.InJournal != 1 || c.Unweighed != 0 {
			t.Errorf("counted %+v", c)
		}
		h.through(func(s engine.Store) engine.Store { return s })
		h.pass(time.Minute + time.Second)
		if c := h.Counts(); c.InJournal != 0 {
			t.Errorf("counted %+v", c)
		}
	})
}
