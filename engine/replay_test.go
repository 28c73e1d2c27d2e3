package engine_test

import (
	"fmt"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

func rejectedOnes(h *house) engine.Replay {
	var r engine.Replay
	for _, rec := range h.records(engine.CallbackRejected) {
		r.IDs = append(r.IDs, rec.ID)
	}
	return r
}

func TestReplayTakesInWhatWasRefusedForAWrongKey(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", withWebhook)
		h.callback(forgedNote("A1", "c1"))
		r := rejectedOnes(h)
		h.wantReplay(r, 0, "bad_signature")
		h.wantPayment("A1", order.Pending, order.StatusAwaiting)

		h.channel.trust()
		r.Reason = "the key was wrong"
		h.wantReplay(r, 1)
		h.pass(time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		h.wantRecords(engine.CallbackRejected)
		h.wantRecords(engine.CallbackProcessed, "A1")
		h.wantReplay(r, 0, "not_found")
		if got := h.backend.types("A1"); len(got) != 1 {
			t.Errorf("the backend was told %v", got)
		}
		audits, err := h.Audits(t.Context(), 0, 10)
		fatal(t, err)
		if len(audits) != 1 || audits[0].Actor != "wang" || audits[0].Action != "callbacks.replay" ||
			audits[0].Target != r.IDs[0] || audits[0].Reason != r.Reason {
			t.Errorf("audit %+v", audits)
		}
	})
}

func TestReplayIgnoresAgeOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		stale, forged := paidNote("A1", "c1"), forgedNote("A1", "c2")
		stale.Stale, forged.Stale = true, true
		h.callback(forged)
		h.pass(time.Second)
		h.callback(stale)
		r := rejectedOnes(h)
		h.wantReplay(r, 0, "stale", "bad_signature")
		r.AcceptStale = true
		h.wantReplay(r, 1, "bad_signature")
		h.pass(time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
	})
}

func TestReplayOfStoredCallbacksChangesNothingTwice(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", withWebhook)
		h.callback(paidNote("A1", "c1"))
		wrong := paidNote("A1", "c2")
		wrong.Evidence.Amount = &order.Money{Minor: 1, Currency: "CNY"}
		h.callback(wrong)
		h.callback(paidNote("A2", "c3")) // nobody registers it
		h.pass(time.Second)
		seq := h.order("A1").Seq
		all := engine.Replay{Select: engine.CallbackFilter{Channel: pay}}
		for range 3 {
			h.wantReplay(all, 2, engine.ReasonUnknownOrder)
			h.pass(time.Second)
		}
		if got := h.order("A1").Seq; got != seq {
			t.Errorf("replays moved the order from seq %d to %d", seq, got)
		}
		h.wantRecords(engine.CallbackPending)
		h.wantRecords(engine.CallbackQuarantined, "A2")
		h.wantTasks("A1")
	})
}

func TestReplayOfACallbackThatCameAgainIsADuplicate(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.callback(forgedNote("A1", "c1"))
		h.callback(paidNote("A1", "c1"))
		h.channel.trust()
		h.wantReplay(rejectedOnes(h), 0, "duplicate")
		h.wantRecords(engine.CallbackRejected, "A1 bad_signature")
	})
}

func TestReplayedCallbackOfAnUnknownOrderWaitsInQuarantine(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.callback(forgedNote("A1", "c1"), forgedNote("A2", "c2"))
		h.channel.trust()
		h.register("A2")
		h.wantReplay(rejectedOnes(h), 1)
		h.pass(time.Second)
		h.wantRecords(engine.CallbackQuarantined, "A1")
		h.wantPayment("A2", order.Succeeded, order.StatusSucceeded)
		h.register("A1")
		h.pass(time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
	})
}

func TestReplayWithoutTheChannelIsSkipped(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.callback(forgedNote("A1", "c1"))
		r := rejectedOnes(h)
		h.stopRun()
		h.withoutChannels()
		h.wantReplay(r, 0, "unknown_channel")
	})
}

func TestReplayOfASelectionGoesPageByPage(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		const all = 7
		for i := range all {
			h.register(fmt.Sprint("A", i))
			h.callback(forgedNote(fmt.Sprint("A", i), fmt.Sprint("c", i)))
			h.pass(time.Second)
		}
		h.channel.trust()
		r := engine.Replay{Actor: "wang", Select: engine.CallbackFilter{State: engine.CallbackRejected, Channel: pay, Limit: 3}}
		accepted := 0
		for range 4 {
			done, err := h.ReplayCallbacks(t.Context(), r)
			fatal(t, err)
			accepted += done.Accepted
			if r.Select.Cursor = done.NextCursor; done.NextCursor == "" {
				break
			}
		}
		h.pass(time.Second)
		h.wantRecords(engine.CallbackRejected)
		if accepted != all {
			t.Errorf("%d of %d accepted", accepted, all)
		}
		for i := range all {
			h.wantPayment(fmt.Sprint("A", i), order.Succeeded, order.StatusSucceeded)
		}
	})
}

// A process that dies right after a replay was accepted has it in its store.
func TestAcceptedReplayOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		h.callback(forgedNote("A1", "c1"))
		r := rejectedOnes(h)
		h.channel.trust()
		h.stopRun() // nothing is processed from here on
		h.wantReplay(r, 1)
		h.wantPayment("A1", order.Pending, order.StatusAwaiting)
		fatal(t, h.store.Close())
		h.open()
		h.pass(time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
	})
}
