package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/order"
	"anxin/engine/settlement"
)

// sheet writes a settlement file of lines "order_no,channel_txn,amount,status,refund_id".
func sheet(lines ...string) []byte {
	var b strings.Builder
	b.WriteString("order_no,channel_txn,amount,status,refund_id,at\n")
	for i, line := range lines {
		fmt.Fprintf(&b, "%s,2000-01-01T00:%02d:00Z\n", line, i%60)
	}
	return []byte(b.String())
}

func (h *house) importing(lines ...string) (engine.Settlement, bool) {
	h.t.Helper()
	s, created, err := h.ImportSettlement(context.Background(), engine.SettlementFile{
		Channel: pay, Currency: "CNY", Actor: "wang", Content: sheet(lines...),
	})
	if err != nil {
		h.t.Fatalf("import: %v", err)
	}
	return s, created
}

// wantRows checks that an import is done and what became of its rows.
func (h *house) wantRows(id string, want map[engine.RowOutcome]int64) {
	h.t.Helper()
	s, counts, err := h.Settlement(context.Background(), id)
	if err != nil || s.State != engine.SettlementDone || s.FinishedAt == 0 {
		h.t.Fatalf("settlement %+v, %v", s, err)
	}
	for outcome, n := range want {
		if counts[outcome] != n {
			h.t.Errorf("%d rows are %s, want %d (%v)", counts[outcome], outcome, n, counts)
		}
	}
}

func TestASettlementResolvesWhatRecoveryLeftOpen(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1", withWebhook)
		h.claim("A1")
		h.pass(4 * 24 * time.Hour)
		h.wantCases("A1", order.CaseQueryExhausted)
		s, created := h.importing("A1,txn-1,88.00,succeeded,")
		h.pass(time.Second)
		h.wantPayment("A1", order.Succeeded, order.StatusSucceeded)
		h.wantRows(s.ID, map[engine.RowOutcome]int64{engine.RowMoved: 1, engine.RowWaiting: 0})
		if k := h.caseRow("A1", order.CaseQueryExhausted); !created || k.Resolution != order.ResolveAnswered {
			t.Errorf("created %v, case %+v", created, k)
		}
		if got := h.backend.types("A1"); got[len(got)-1] != "order.succeeded" {
			t.Errorf("told %v", got)
		}
		h.wantGapless("A1")
	})
}

func TestEachRowOfASettlementIsWeighedAsEvidence(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		for _, orderNo := range []string{"PAID", "FAILED", "CLOSED", "SHORT", "SAME", "TWICE", "PENDING"} {
			h.register(orderNo)
		}
		h.register("PUSHED", pushed)
		h.callback(note{OrderNo: "SAME", Key: "1", Evidence: claims(order.ClaimsSucceeded)}, note{OrderNo: "TWICE", Key: "2", Evidence: claims(order.ClaimsSucceeded)})
		s, _ := h.importing(
			"PAID,txn-1,88.00,succeeded,", "FAILED,txn-1,88.00,failed,", "CLOSED,,88.00,closed,", "SHORT,txn-1,87.99,succeeded,",
			"SAME,txn-1,88.00,succeeded,", "TWICE,txn-2,88.00,succeeded,", "PENDING,,88.00,processing,",
			"PUSHED,txn-1,88.00,succeeded,", "NOBODY,txn-1,88.00,succeeded,", "PAID,txn-1,88.00,succeeded,",
		)
		h.pass(time.Second)
		h.wantRows(s.ID, map[engine.RowOutcome]int64{
			engine.RowMoved: 3, engine.RowCase: 2, engine.RowUnchanged: 3, engine.RowNoOrder: 2, engine.RowWaiting: 0,
		})
		for orderNo, payment := range map[string]order.Payment{
			"PAID": order.Succeeded, "FAILED": order.Failed, "CLOSED": order.Closed, "SHORT": order.Pending,
			"SAME": order.Succeeded, "TWICE": order.Succeeded, "PENDING": order.Pending, "PUSHED": order.Pending,
		} {
			if got := h.order(orderNo).Payment; got != payment {
				t.Errorf("%s is %s, want %s", orderNo, got, payment)
			}
			h.wantTimeline(orderNo)
		}
		h.wantCases("SHORT", order.CaseAmountMismatch)
		h.wantCases("TWICE", order.CaseConflict)
		rows, _, err := h.SettlementRows(context.Background(), engine.SettlementFilter{ID: s.ID, Outcome: engine.RowNoOrder})
		if err != nil || len(rows) != 2 || rows[0].OrderNo != "PUSHED" || rows[0].Code != engine.CodeOtherChannel || rows[1].Code != "" {
			t.Errorf("rows without an order: %+v, %v", rows, err)
		}
	})
}

func TestARefundInASettlementIsBookedOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.channel.answers(saying(order.ClaimsProcessing))
		for _, orderNo := range []string{"NAMED", "UNNAMED", "NEW"} {
			h.register(orderNo)
			h.callback(note{OrderNo: orderNo, Key: orderNo, Evidence: claims(order.ClaimsSucceeded)})
		}
		amount := price
		for _, orderNo := range []string{"NAMED", "UNNAMED"} {
			ev := claims(order.ClaimsRefunding)
			ev.Refund = &order.RefundEvidence{ID: "r-1", Amount: &amount}
			h.callback(note{OrderNo: orderNo, Key: orderNo + "-refund", Evidence: ev})
		}
		s, _ := h.importing("NAMED,t,88.00,refunded,r-1", "UNNAMED,t,88.00,refunded,", "NEW,t,88.00,refunded,r-9", "NEW,t,88.00,refunded,r-9")
		h.pass(time.Second)
		h.wantRows(s.ID, map[engine.RowOutcome]int64{engine.RowMoved: 3, engine.RowUnchanged: 1, engine.RowCase: 0})
		for _, orderNo := range []string{"NAMED", "UNNAMED", "NEW"} {
			h.wantPayment(orderNo, order.Refunded, order.StatusRefunded)
			if o := h.order(orderNo); len(o.Refunds) != 1 {
				t.Errorf("%s has the refunds %+v", orderNo, o.Refunds)
			}
		}
	})
}

func TestTheSameSettlementAgainChangesNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		h.register("A1")
		first, _ := h.importing("A1,txn-1,88.00,succeeded,", "broken")
		h.pass(time.Second)
		seq := h.order("A1").Seq
		again, created := h.importing("A1,txn-1,88.00,succeeded,", "broken")
		h.pass(time.Second)
		if created || again.ID != first.ID || h.order("A1").Seq != seq {
			t.Errorf("created %v, %s and %s, seq %d after %d", created, first.ID, again.ID, h.order("A1").Seq, seq)
		}
		h.wantRows(first.ID, map[engine.RowOutcome]int64{engine.RowMoved: 1, engine.RowBad: 1})
	})
}

// TestAnImportThatIsCutOffGoesOn ends the engine while rows are weighed, and gives one
// batch to a store that fails: each row counts once.
func TestAnImportThatIsCutOffGoesOn(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		const orders = 450 // more than two batches
		var lines []string
		for i := range orders {
			orderNo := fmt.Sprintf("A%d", i)
			h.register(orderNo)
			lines = append(lines, orderNo+",txn-1,88.00,succeeded,")
		}
		fails := 3
		h.through(func(s engine.Store) engine.Store { return &failingRows{Store: s, after: 100, times: &fails} })
		s, _ := h.importing(lines...)
		h.pass(time.Second)
		if got, _, err := h.Settlement(context.Background(), s.ID); err != nil || got.State != engine.SettlementRunning {
			t.Fatalf("%+v, %v", got, err)
		}
		h.wrap = func(s engine.Store) engine.Store { return s }
		h.restart()
		h.pass(2 * time.Minute)
		h.wantRows(s.ID, map[engine.RowOutcome]int64{engine.RowMoved: orders, engine.RowUnchanged: 0, engine.RowWaiting: 0})
		for i := range orders {
			if o := h.order(fmt.Sprintf("A%d", i)); o.Payment != order.Succeeded || len(o.Cases) != 0 {
				t.Fatalf("%s is %s with %v", o.OrderNo, o.Payment, o.Cases)
			}
		}
	})
}

// failingRows is a store that fails to commit outcomes once some were committed.
type failingRows struct {
	engine.Store
	after int
	times *int
}

func (s *failingRows) Commit(ctx context.Context, c engine.Commit) error {
	if len(c.SettlementRows) > 0 && c.SettlementRows[0].Outcome == engine.RowMoved {
		if s.after--; s.after < 0 && *s.times > 0 {
			*s.times--
			return errors.New("disk full")
		}
	}
	return s.Store.Commit(ctx, c)
}

func TestASettlementThatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, h *house) {
		file := engine.SettlementFile{Channel: "nowhere", Currency: "CNY", Content: sheet()}
		if _, _, err := h.ImportSettlement(context.Background(), file); !errors.Is(err, engine.ErrUnknownChannel) {
			t.Errorf("unknown channel: %v", err)
		}
		file.Channel, file.Content = pay, []byte("order,money\n")
		var refused *settlement.HeaderError
		if _, _, err := h.ImportSettlement(context.Background(), file); !errors.As(err, &refused) {
			t.Errorf("odd header: %v", err)
		}
		file.Content = []byte(strings.Repeat("\n", engine.MaxSettlementRows+1))
		if _, _, err := h.ImportSettlement(context.Background(), file); !errors.Is(err, engine.ErrTooManyRows) {
			t.Errorf("long file: %v", err)
		}
		list, _, err := h.Settlements(context.Background(), 10, "")
		if err != nil || len(list) != 0 {
			t.Errorf("something was stored: %+v, %v", list, err)
		}
	})
}
