package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"anxin/engine/order"
)

// weighBatch is how many rows one run of the task weighs. Each that changes its order is
// a commit of its own, so that a run stays far below the lease.
const weighBatch = 200

// runSettle weighs the next rows of a file. What became of a row is committed together
// with what it did to its order, so a run that is cut off goes on where it was.
func (e *Engine) runSettle(ctx context.Context, t Task) {
	e.logTask(ctx, t, e.settle(ctx, t))
}

func (e *Engine) settle(ctx context.Context, t Task) error {
	s, err := e.deps.Store.Settlement(ctx, t.OrderNo)
	if err != nil {
		return fmt.Errorf("load settlement: %w", err)
	}
	rows, _, err := e.deps.Store.SettlementRows(ctx, SettlementFilter{ID: s.ID, Outcome: RowWaiting, Limit: weighBatch})
	if err != nil {
		return fmt.Errorf("load rows: %w", err)
	}
	done := Commit{Fence: &Fence{t.TaskKey, t.Token}}
	if len(rows) == 0 {
		s.State, s.FinishedAt = SettlementDone, now()
		done.Settlement = &s
		done.dropTask(t.TaskKey)
		return e.commit(ctx, done)
	}
	for _, row := range rows {
		if row.Outcome, row.Code, err = e.settleRow(ctx, s, row, *done.Fence); err != nil {
			return fmt.Errorf("line %d: %w", row.Line, err)
		}
		done.SettlementRows = append(done.SettlementRows, row)
	}
	done.addTask(t.TaskKey, now())
	return e.commit(ctx, done)
}

// settleRow weighs one row. Most rows tell what is known: they are only read here, and
// their outcomes are committed together.
func (e *Engine) settleRow(ctx context.Context, s Settlement, row SettlementRow, fence Fence) (RowOutcome, string, error) {
	o, err := e.deps.Store.Order(ctx, row.OrderNo)
	switch {
	case errors.Is(err, ErrNotFound):
		return RowNoOrder, "", nil
	case err != nil:
		return "", "", fmt.Errorf("load order: %w", err)
	case o.Channel != s.Channel:
		return RowNoOrder, CodeOtherChannel, nil
	case !o.Apply(settlementEvidence(o, row), now()).Changed():
		return RowUnchanged, "", nil
	}
	_, err = e.decide(ctx, row.OrderNo, func(o order.Order, now order.Time) (decision, error) {
		d := decision{Change: o.Apply(settlementEvidence(o, row), now), with: Commit{Fence: &fence}}
		row.Outcome = rowOutcome(o, d.Order)
		d.with.SettlementRows = []SettlementRow{row}
		return d, nil
	})
	return row.Outcome, "", err
}

func rowOutcome(before, after order.Order) RowOutcome {
	switch {
	case len(after.Cases) > len(before.Cases):
		return RowCase
	case after.Seq != before.Seq:
		return RowMoved
	}
	return RowUnchanged
}

// settlementEvidence is what a row states about its order.
func settlementEvidence(o order.Order, row SettlementRow) order.Evidence {
	ev := order.Evidence{Source: order.FromSettlement, Claims: row.Claims, ChannelTxn: row.ChannelTxn, OccurredAt: row.At}
	amount := row.Amount
	if !slices.Contains([]order.Claimed{order.ClaimsRefunding, order.ClaimsRefunded, order.ClaimsRefundFailed}, row.Claims) {
		ev.Amount = &amount
		return ev
	}
	ev.Refund = &order.RefundEvidence{ID: refundOf(o, row), Amount: &amount}
	switch row.Claims { //nolint:exhaustive // a failed refund has neither time
	case order.ClaimsRefunding:
		ev.Refund.AcceptedAt = row.At
	case order.ClaimsRefunded:
		ev.Refund.CreditedAt = row.At
	}
	return ev
}

// refundOf returns the refund that a row is about. One that names none is about the only
// refund of its amount, if there is one: booked under no name it would count twice.
func refundOf(o order.Order, row SettlementRow) string {
	if row.RefundID != "" {
		return row.RefundID
	}
	found, id := 0, ""
	for _, r := range o.Refunds {
		if r.Minor == row.Amount.Minor {
			found, id = found+1, r.ID
		}
	}
	if found != 1 {
		return ""
	}
	return id
}
