package store

import (
	"context"
	"fmt"
)

const (
	sqlUnsealed = `SELECT order_no, contact FROM orders WHERE order_no > $1 AND contact <> '' ORDER BY order_no LIMIT $2`
	// Only what is still as it was read: a change of the order has sealed it anew.
	sqlReseal = `UPDATE orders SET contact = $3 WHERE order_no = $1 AND contact = $2`
)

// Reseal seals the contacts of at most limit orders after a number with the key that seals
// now, those that were stored before there was one too. It returns the number to go on
// from, "" at the end.
func (s *Store) Reseal(ctx context.Context, after string, limit int) (next string, err error) {
	type stale struct{ orderNo, was, now string }
	rows, err := s.reads.unsealed.QueryContext(ctx, after, bounded(limit))
	if err != nil {
		return "", fmt.Errorf("read contacts: %w", err)
	}
	list, err := collect(rows, func(r row) (c stale, err error) {
		err = r.Scan(&c.orderNo, &c.was)
		return c, err
	})
	if err != nil || len(list) == 0 {
		return "", err
	}
	var old []stale
	for _, c := range list {
		if s.sealer.current(c.was) {
			continue
		}
		text, err := s.sealer.unseal(c.was, c.orderNo)
		if err == nil {
			c.now, err = s.sealer.seal(text, c.orderNo)
		}
		if err != nil {
			return "", fmt.Errorf("seal contact anew: %w", err)
		}
		old = append(old, c)
	}
	if len(old) > 0 {
		err = s.writer.do(ctx, func(ctx context.Context, w *writes) error {
			for _, c := range old {
				if _, err := w.run(ctx, "seal contact", w.reseal, c.orderNo, c.was, c.now); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil || len(list) < bounded(limit) {
		return "", err
	}
	return list[len(list)-1].orderNo, nil
}
