package store

import (
	"context"
	"fmt"
	"math"

	"anxin/engine"
	"anxin/engine/order"
)

const (
	settlementColumns = `id, channel, actor, state, created_at, finished_at, from_at, until_at`
	sqlSettlement     = `SELECT ` + settlementColumns + ` FROM settlements WHERE id = $1`
	sqlSettlements    = `SELECT ` + settlementColumns + ` FROM settlements
WHERE created_at <= $1 AND (created_at < $1 OR id > $2) ORDER BY created_at DESC, id LIMIT $3`
	// Two uploads of one file may overlap: what is running or done is not loaded again.
	sqlPutSettlement = `INSERT INTO settlements (` + settlementColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, finished_at = excluded.finished_at,
from_at = excluded.from_at, until_at = excluded.until_at
WHERE settlements.state <> 'done' AND NOT (settlements.state = 'running' AND excluded.state = 'loading')`

	rowColumns          = `line, order_no, channel_txn, refund_id, minor, currency, claims, at, outcome, code`
	sqlPutSettlementRow = `INSERT INTO settlement_rows (settlement_id, ` + rowColumns + `)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (settlement_id, line) DO UPDATE SET outcome = excluded.outcome, code = excluded.code
WHERE settlement_rows.outcome = 'waiting'`
	sqlSettlementCounts = `SELECT outcome, COUNT(*) FROM settlement_rows WHERE settlement_id = $1 GROUP BY outcome`
	sqlAllRows          = `SELECT ` + rowColumns + ` FROM settlement_rows WHERE settlement_id = $1 AND line > $2 ORDER BY line LIMIT $3`
	sqlOutcomeRows      = `SELECT ` + rowColumns + ` FROM settlement_rows
WHERE settlement_id = $1 AND line > $2 AND outcome = $4 ORDER BY line LIMIT $3`

	sqlPutPayment = `INSERT INTO payments (channel, settled_at, order_no) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	// A payment of around midnight may stand in the file of the day before or after, so a
	// payment lacks only if no file of its channel names it.
	sqlUnsettled = `SELECT settled_at, order_no FROM payments AS p
WHERE channel = $1 AND settled_at >= $2 AND settled_at <= $3 AND (settled_at > $2 OR order_no > $4)
AND NOT EXISTS (SELECT 1 FROM settlement_rows AS r WHERE r.order_no = p.order_no AND r.outcome <> 'no_order')
ORDER BY settled_at, order_no LIMIT $5`
)

func (e *encoded) writeSettlement(ctx context.Context, w *writes) error {
	if s := e.Settlement; s != nil {
		if _, err := w.run(ctx, "write settlement", w.putSettlement, s.ID, s.Channel, s.Actor, string(s.State),
			int64(s.CreatedAt), int64(s.FinishedAt), int64(s.From), int64(s.Until)); err != nil {
			return err
		}
	}
	for _, r := range e.SettlementRows {
		if _, err := w.run(ctx, "write settlement row", w.putSettlementRow, r.SettlementID, r.Line, r.OrderNo, r.ChannelTxn,
			r.RefundID, r.Amount.Minor, r.Amount.Currency, string(r.Claims), int64(r.At), string(r.Outcome), r.Code); err != nil {
			return err
		}
	}
	return nil
}

// writePayment notes when an order was found paid, with the event that tells it.
func (e *encoded) writePayment(ctx context.Context, w *writes) error {
	o := e.Order
	if o == nil || o.SettledSeq <= e.Expect {
		return nil
	}
	switch o.Payment {
	case order.Succeeded, order.Refunding, order.Refunded:
		_, err := w.run(ctx, "write payment", w.putPayment, o.Channel, int64(o.SettledAt), o.OrderNo)
		return err
	case order.Pending, order.Failed, order.Closed:
	}
	return nil
}

func scanSettlement(r row) (engine.Settlement, error) {
	var s engine.Settlement
	var created, finished, from, until int64
	err := r.Scan(&s.ID, &s.Channel, &s.Actor, &s.State, &created, &finished, &from, &until)
	s.CreatedAt, s.FinishedAt, s.From, s.Until = order.Time(created), order.Time(finished), order.Time(from), order.Time(until)
	return s, err
}

// Settlement returns an imported file; see engine.SettlementReader.
func (s *Store) Settlement(ctx context.Context, id string) (engine.Settlement, error) {
	found, err := scanSettlement(s.reads.settlement.QueryRowContext(ctx, id))
	if err != nil {
		return engine.Settlement{}, fmt.Errorf("read settlement: %w", notFound(err))
	}
	return found, nil
}

// Settlements lists the imported files, newest first; see engine.SettlementReader.
func (s *Store) Settlements(ctx context.Context, limit int, cursor string) ([]engine.Settlement, string, error) {
	of := fields{"settlements"}
	after, err := parseMark(cursor, of, mark{at: math.MaxInt64})
	if err != nil {
		return nil, "", err
	}
	limit = bounded(limit)
	rows, err := s.reads.settlements.QueryContext(ctx, int64(after.at), after.id, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("list settlements: %w", err)
	}
	list, err := collect(rows, scanSettlement)
	list, next := cut(list, limit, of, func(s engine.Settlement) mark { return mark{s.CreatedAt, s.ID} })
	return list, next, err
}

// SettlementCounts counts the rows of a file by outcome; see engine.SettlementReader.
func (s *Store) SettlementCounts(ctx context.Context, id string) (map[engine.RowOutcome]int64, error) {
	rows, err := s.reads.settlementCounts.QueryContext(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("count settlement rows: %w", err)
	}
	counts := make(map[engine.RowOutcome]int64)
	_, err = collect(rows, func(r row) (struct{}, error) {
		var outcome engine.RowOutcome
		var n int64
		err := r.Scan(&outcome, &n)
		counts[outcome] = n
		return struct{}{}, err
	})
	return counts, err
}

// SettlementRows lists rows of a file; see engine.SettlementReader.
func (s *Store) SettlementRows(ctx context.Context, f engine.SettlementFilter) ([]engine.SettlementRow, string, error) {
	of := fields{"rows", f.ID, string(f.Outcome)}
	after, err := parseMark(f.Cursor, of, mark{})
	if err != nil {
		return nil, "", err
	}
	limit := bounded(f.Limit)
	statement, args := s.reads.allRows, []any{f.ID, int64(after.at), limit + 1}
	if f.Outcome != "" {
		statement, args = s.reads.outcomeRows, append(args, string(f.Outcome))
	}
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return nil, "", fmt.Errorf("list settlement rows: %w", err)
	}
	list, err := collect(rows, func(r row) (engine.SettlementRow, error) {
		row := engine.SettlementRow{SettlementID: f.ID}
		var at int64
		err := r.Scan(&row.Line, &row.OrderNo, &row.ChannelTxn, &row.RefundID, &row.Amount.Minor, &row.Amount.Currency,
			&row.Claims, &at, &row.Outcome, &row.Code)
		row.At = order.Time(at)
		return row, err
	})
	list, next := cut(list, limit, of, func(r engine.SettlementRow) mark { return mark{at: order.Time(r.Line)} })
	return list, next, err
}

// UnsettledOrders lists paid orders that no file names; see engine.SettlementReader.
func (s *Store) UnsettledOrders(ctx context.Context, file engine.Settlement, f engine.SettlementFilter) ([]engine.PaidOrder, string, error) {
	of := fields{"unsettled", file.ID}
	after, err := parseMark(f.Cursor, of, mark{at: file.From})
	if err != nil {
		return nil, "", err
	}
	limit := bounded(f.Limit)
	rows, err := s.reads.unsettled.QueryContext(ctx, file.Channel, int64(after.at), int64(file.Until), after.id, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("list unsettled orders: %w", err)
	}
	list, err := collect(rows, func(r row) (engine.PaidOrder, error) {
		var o engine.PaidOrder
		var at int64
		err := r.Scan(&at, &o.OrderNo)
		o.SettledAt = order.Time(at)
		return o, err
	})
	list, next := cut(list, limit, of, func(o engine.PaidOrder) mark { return mark{o.SettledAt, o.OrderNo} })
	return list, next, err
}
