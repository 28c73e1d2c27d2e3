package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"anxin/engine"
	"anxin/engine/order"
)

const (
	sqlInsertPayer  = `INSERT INTO payers (backend, payer_id, created_at, order_no) VALUES ($1, $2, $3, $4)`
	sqlPaidTwice    = `SELECT order_no FROM purchases WHERE purchase = $1 AND created_at >= $2 AND created_at <= $3 AND order_no <> $4 LIMIT 1`
	sqlPutPurchase  = `INSERT INTO purchases (purchase, created_at, order_no) VALUES ($1, $2, $3) ON CONFLICT (purchase, created_at, order_no) DO NOTHING`
	sqlDropPurchase = `DELETE FROM purchases WHERE purchase = $1 AND created_at = $2 AND order_no = $3`
)

// checkPurchase refuses a payment whose twin its commit does not know.
func (e *encoded) checkPurchase(ctx context.Context, w *writes) error {
	p := e.Purchase
	if p == nil || !p.Paid || p.Known != "" {
		return nil
	}
	var twin string
	err := w.paidTwice.one(ctx, p.Key, int64(p.Since), int64(p.Until), e.Order.OrderNo).Scan(&twin)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("check purchase: %w", err)
	}
	return &engine.PaidTwiceError{OrderNo: twin}
}

// writePurchase keeps the index of payers and that of what was paid.
func (e *encoded) writePurchase(ctx context.Context, w *writes) error {
	if o := e.Order; o != nil && e.Expect == 0 {
		if _, err := w.run(ctx, "write payer", w.insertPayer, o.Backend, o.Payer.ID, int64(o.CreatedAt), o.OrderNo); err != nil {
			return err
		}
	}
	p := e.Purchase
	if p == nil {
		return nil
	}
	statement := w.dropPurchase
	if p.Paid {
		statement = w.putPurchase
	}
	_, err := w.run(ctx, "write purchase", statement, p.Key, int64(p.At), e.Order.OrderNo)
	return err
}

// OrdersOfPayer returns a payer's orders; see engine.OrderReader.
func (s *Store) OrdersOfPayer(ctx context.Context, backend, payerID string, since order.Time, limit int) ([]order.Order, error) {
	rows, err := s.reads.ofPayer.QueryContext(ctx, backend, payerID, int64(since), bounded(limit))
	if err != nil {
		return nil, fmt.Errorf("read orders of payer: %w", err)
	}
	list, err := collect(rows, s.scanOrder)
	if err != nil {
		return nil, fmt.Errorf("read orders of payer: %w", err)
	}
	return list, nil
}
