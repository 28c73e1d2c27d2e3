package engine

import (
	"context"
	"fmt"

	"anxin/engine/order"
	"anxin/engine/settlement"
)

// Settlement is one imported file of a channel.
type Settlement struct {
	ID         string // made from channel and content: a file is imported once
	Channel    string
	Actor      string // the operator
	State      SettlementState
	CreatedAt  order.Time
	FinishedAt order.Time
	From       order.Time // the earliest and the latest row; 0 without rows
	Until      order.Time
}

// SettlementState is how far the import of a file is.
type SettlementState string

// The states of a settlement.
const (
	SettlementLoading SettlementState = "loading" // its rows are being stored: what was cut off is uploaded again
	SettlementRunning SettlementState = "running" // its rows are durable and being weighed
	SettlementDone    SettlementState = "done"
)

// RowOutcome is what became of a row.
type RowOutcome string

// The outcomes of rows.
const (
	RowWaiting   RowOutcome = "waiting"
	RowMoved     RowOutcome = "moved"     // it moved its order
	RowUnchanged RowOutcome = "unchanged" // it told what was known
	RowCase      RowOutcome = "case"      // it opened a case
	RowNoOrder   RowOutcome = "no_order"  // no order of the channel has its number
	RowBad       RowOutcome = "bad"       // it could not be read; see Code
)

// CodeOtherChannel is the code of a no_order row whose number another channel's order has.
const CodeOtherChannel = "other_channel"

// SettlementRow is one line of a file.
type SettlementRow struct {
	SettlementID string
	settlement.Row
	Outcome RowOutcome
	Code    string
}

// SettlementFilter selects rows of a settlement.
type SettlementFilter struct {
	ID      string
	Outcome RowOutcome // "" = all
	Limit   int
	Cursor  string
}

// PaidOrder is an order that counts as paid, as the list of what a file lacks shows it.
type PaidOrder struct {
	OrderNo   string
	SettledAt order.Time
}

// SettlementReader reads imported files.
type SettlementReader interface {
	// Settlement returns an imported file, or ErrNotFound.
	Settlement(ctx context.Context, id string) (Settlement, error)
	// Settlements lists the imported files, newest first.
	Settlements(ctx context.Context, limit int, cursor string) ([]Settlement, string, error)
	// SettlementCounts returns how many rows of a file have each outcome.
	SettlementCounts(ctx context.Context, id string) (map[RowOutcome]int64, error)
	// SettlementRows lists rows in the order of the file.
	SettlementRows(ctx context.Context, f SettlementFilter) ([]SettlementRow, string, error)
	// UnsettledOrders lists the orders of the file's channel that were found paid in its
	// range of time and that no file of the channel names, earliest first. f.Outcome
	// does not count.
	UnsettledOrders(ctx context.Context, s Settlement, f SettlementFilter) ([]PaidOrder, string, error)
}

// Settlement returns an imported file and how many of its rows have each outcome, or
// ErrNotFound.
func (e *Engine) Settlement(ctx context.Context, id string) (Settlement, map[RowOutcome]int64, error) {
	s, err := e.deps.Store.Settlement(ctx, id)
	if err != nil {
		return Settlement{}, nil, fmt.Errorf("load settlement: %w", err)
	}
	counts, err := e.deps.Store.SettlementCounts(ctx, id)
	if err != nil {
		return Settlement{}, nil, fmt.Errorf("count rows: %w", err)
	}
	return s, counts, nil
}

// Settlements lists the imported files, newest first.
func (e *Engine) Settlements(ctx context.Context, limit int, cursor string) ([]Settlement, string, error) {
	return e.deps.Store.Settlements(ctx, limit, cursor)
}

// SettlementRows lists rows of a file in its order; rows with the outcome no_order are
// the one side of what does not match. ErrNotFound: there is no such file.
func (e *Engine) SettlementRows(ctx context.Context, f SettlementFilter) ([]SettlementRow, string, error) {
	if _, err := e.deps.Store.Settlement(ctx, f.ID); err != nil {
		return nil, "", fmt.Errorf("load settlement: %w", err)
	}
	return e.deps.Store.SettlementRows(ctx, f)
}

// UnsettledOrders lists the other side: orders that were found paid in the file's range
// of time and that no file of the channel names.
func (e *Engine) UnsettledOrders(ctx context.Context, f SettlementFilter) ([]PaidOrder, string, error) {
	s, err := e.deps.Store.Settlement(ctx, f.ID)
	if err != nil {
		return nil, "", fmt.Errorf("load settlement: %w", err)
	}
	return e.deps.Store.UnsettledOrders(ctx, s, f)
}
