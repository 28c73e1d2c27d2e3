package engine_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
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

// What one body carries is acknowledged with one answer, so it is stored in one commit.
func TestSeveralNotificationsAreOneCommitOfTheJournal(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.register("A2")
		h.cfg.WeighAtOnce = -1
		broken, commits := true, 0
		h.through(func(s engine.Store) engine.Store {
			return &failingCommits{s, func(c engine.Commit) bool {
				if len(c.Journal) == 0 {
					return false
				}
				commits++
				return broken
			}}
		})
		both := []note{paidNote("A1", "c1"), paidNote("A2", "c2")}
		if status, c := h.callback(both...), h.Counts(); status != 503 || c.Unweighed != 0 || h.inJournal() != 0 {
			t.Errorf("answered %d with %d in the journal, counted %+v", status, h.inJournal(), c)
		}
		broken = false
		if status := h.callback(both...); status != 200 || commits != 2 {
			t.Errorf("redelivery was answered %d, after %d commits", status, commits)
		}
		synctest.Wait()
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		h.wantPayment("A2", order.Succeeded, order.StatusSucceeded)
	})
}

// Two nodes may take something in at one instant. The second has to ask its channel for it
// again: neither may be written over.
func TestAnEntryWhosePlaceIsTakenIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.register("A2")
		h.dead()
		theirs := paidNote("A2", "c2")
		theirs.Evidence.Source = order.FromCallback
		fatal(t, h.store.Commit(context.Background(), engine.Commit{Journal: []engine.Entry{{
			ID: engine.EntryID(time.Now().UnixNano()), Key: engine.CallbackKey{Channel: pay, DedupeKey: "c2"}, OrderNo: "A2",
			Notification: channel.Notification{OrderNo: "A2", DedupeKey: "c2", Evidence: theirs.Evidence},
			Raw:          &channel.Request{},
		}}}))
		if status := h.callback(paidNote("A1", "c1")); status != 503 {
			t.Errorf("answered %d", status)
		}
		if status := h.callback(paidNote("A1", "c1")); status != 200 {
			t.Errorf("redelivery was answered %d", status)
		}
		h.start()
		synctest.Wait()
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		h.wantPayment("A2", order.Succeeded, order.StatusSucceeded)
	})
}

func TestTheJournalIsCounted(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.cfg.WeighAtOnce = -1
		h.through(func(s engine.Store) engine.Store {
			return &failingCommits{s, func(c engine.Commit) bool { return len(c.Weighed) > 0 }}
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
