package storetest

import (
	"errors"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/order"
	"anxin/engine/settlement"
)

func aSettlement(id string, state engine.SettlementState) engine.Settlement {
	return engine.Settlement{
		ID: id, Channel: "sandbox", Actor: "wang", State: state, CreatedAt: start, From: start, Until: start.Add(time.Hour),
	}
}

func aRow(id string, line int, orderNo string, outcome engine.RowOutcome) engine.SettlementRow {
	return engine.SettlementRow{SettlementID: id, Outcome: outcome, Row: settlement.Row{
		Line: line, OrderNo: orderNo, ChannelTxn: "t-1", RefundID: "r-1", Amount: order.Money{Minor: 8800, Currency: "CNY"},
		Claims: order.ClaimsSucceeded, At: start,
	}}
}

func settlementRows(t *testing.T, s engine.Store, f engine.SettlementFilter) ([]engine.SettlementRow, string) {
	t.Helper()
	rows, next, err := s.SettlementRows(t.Context(), f)
	if err != nil {
		t.Fatalf("list rows: %v", err)
	}
	return rows, next
}

func settlementState(t *testing.T, s engine.Store, id string) engine.SettlementState {
	t.Helper()
	got, err := s.Settlement(t.Context(), id)
	if err != nil {
		t.Fatalf("read settlement: %v", err)
	}
	return got.State
}

func testSettlementRoundTrip(t *testing.T, s engine.Store) {
	t.Helper()
	_, err := s.Settlement(t.Context(), "st_1")
	isNotFound(t, "settlement", err)
	file := aSettlement("st_1", engine.SettlementLoading)
	row := aRow("st_1", 2, "A1", engine.RowWaiting)
	bad := engine.SettlementRow{SettlementID: "st_1", Row: settlement.Row{Line: 3}, Outcome: engine.RowBad, Code: settlement.BadAmount}
	commit(t, s, engine.Commit{Settlement: &file, SettlementRows: []engine.SettlementRow{row, bad}})
	got, err := s.Settlement(t.Context(), "st_1")
	equal(t, "error", err, nil)
	equal(t, "settlement", got, file)
	rows, _ := settlementRows(t, s, engine.SettlementFilter{ID: "st_1"})
	equal(t, "rows", rows, []engine.SettlementRow{row, bad})
	counts, err := s.SettlementCounts(t.Context(), "st_1")
	equal(t, "error", err, nil)
	equal(t, "counts", counts, map[engine.RowOutcome]int64{engine.RowWaiting: 1, engine.RowBad: 1})

	newer := aSettlement("st_0", engine.SettlementDone)
	newer.CreatedAt = start.Add(time.Second)
	commit(t, s, engine.Commit{Settlement: &newer})
	list, next, err := s.Settlements(t.Context(), 1, "")
	equal(t, "error", err, nil)
	equal(t, "newest", list, []engine.Settlement{newer})
	list, next, err = s.Settlements(t.Context(), 1, next)
	equal(t, "error", err, nil)
	equal(t, "oldest", list, []engine.Settlement{file})
	equal(t, "end", next, "")
}

// testSettlementGoesOn holds what makes an import safe to repeat and to cut off.
func testSettlementGoesOn(t *testing.T, s engine.Store) {
	t.Helper()
	put := func(state engine.SettlementState, outcome engine.RowOutcome) {
		file := aSettlement("st_1", state)
		commit(t, s, engine.Commit{Settlement: &file, SettlementRows: []engine.SettlementRow{aRow("st_1", 2, "A1", outcome)}})
	}
	for i, step := range []struct {
		state   engine.SettlementState
		outcome engine.RowOutcome
		want    engine.SettlementState
		wantRow engine.RowOutcome
	}{
		{engine.SettlementLoading, engine.RowWaiting, engine.SettlementLoading, engine.RowWaiting},
		{engine.SettlementLoading, engine.RowWaiting, engine.SettlementLoading, engine.RowWaiting},
		{engine.SettlementRunning, engine.RowMoved, engine.SettlementRunning, engine.RowMoved},
		{engine.SettlementLoading, engine.RowWaiting, engine.SettlementRunning, engine.RowMoved},
		{engine.SettlementRunning, engine.RowUnchanged, engine.SettlementRunning, engine.RowMoved},
		{engine.SettlementDone, engine.RowUnchanged, engine.SettlementDone, engine.RowMoved},
		{engine.SettlementRunning, engine.RowWaiting, engine.SettlementDone, engine.RowMoved},
	} {
		put(step.state, step.outcome)
		equal(t, "state at step "+numbered(i), settlementState(t, s, "st_1"), step.want)
		rows, _ := settlementRows(t, s, engine.SettlementFilter{ID: "st_1"})
		equal(t, "outcome at step "+numbered(i), rows[0].Outcome, step.wantRow)
	}
}

func testSettlementRowsPaged(t *testing.T, s engine.Store) {
	t.Helper()
	var c engine.Commit
	for line := 2; line < 22; line++ {
		outcome := engine.RowUnchanged
		if line%2 == 0 {
			outcome = engine.RowNoOrder
		}
		c.SettlementRows = append(c.SettlementRows, aRow("st_1", line, numbered(line), outcome))
	}
	commit(t, s, c)
	for outcome, want := range map[engine.RowOutcome]int{"": 20, engine.RowNoOrder: 10, engine.RowMoved: 0} {
		f, seen := engine.SettlementFilter{ID: "st_1", Outcome: outcome, Limit: 3}, 0
		for line := 0; ; {
			rows, next := settlementRows(t, s, f)
			for _, row := range rows {
				if seen++; row.Line <= line || (outcome != "" && row.Outcome != outcome) {
					t.Fatalf("%q: line %d with %s after %d", outcome, row.Line, row.Outcome, line)
				}
				line = row.Line
			}
			if f.Cursor = next; next == "" {
				break
			}
		}
		equal(t, "rows of "+string(outcome), seen, want)
	}
	_, next := settlementRows(t, s, engine.SettlementFilter{ID: "st_1", Limit: 3})
	if _, _, err := s.SettlementRows(t.Context(), engine.SettlementFilter{ID: "st_2", Cursor: next}); !errors.Is(err, engine.ErrBadCursor) {
		t.Errorf("cursor of another file: %v", err)
	}
}

func testUnsettledOrders(t *testing.T, s engine.Store) {
	t.Helper()
	paid := func(orderNo string, at time.Duration, claims order.Claimed) {
		o := created(t, s, orderNo)
		amount := o.Amount
		commit(t, s, following(o, o.Apply(order.Evidence{
			Source: order.FromCallback, Claims: claims, Amount: &amount, Merchant: "m-1",
		}, start.Add(at))))
	}
	for i, at := range []time.Duration{0, time.Minute, time.Minute, 2 * time.Minute, time.Hour, 61 * time.Minute} {
		paid(numbered(i), at, order.ClaimsSucceeded)
	}
	paid("FAILED", time.Minute, order.ClaimsFailed)
	created(t, s, "PENDING")
	file := aSettlement("st_1", engine.SettlementDone)
	foreign := aRow("st_2", 2, numbered(2), engine.RowNoOrder) // another channel's file: no order of it has the number
	commit(t, s, engine.Commit{Settlement: &file, SettlementRows: []engine.SettlementRow{aRow("st_1", 2, numbered(1), engine.RowUnchanged), foreign}})

	var got []string
	f := engine.SettlementFilter{ID: "st_1", Limit: 2}
	for {
		list, next, err := s.UnsettledOrders(t.Context(), file, f)
		if err != nil {
			t.Fatalf("list unsettled: %v", err)
		}
		for _, o := range list {
			got = append(got, o.OrderNo)
		}
		if f.Cursor = next; next == "" {
			break
		}
	}
	equal(t, "unsettled", got, []string{numbered(0), numbered(2), numbered(3), numbered(4)})
	file.Channel = "elsewhere"
	list, _, err := s.UnsettledOrders(t.Context(), file, engine.SettlementFilter{ID: "st_1"})
	equal(t, "error", err, nil)
	equal(t, "of another channel", len(list), 0)
}
