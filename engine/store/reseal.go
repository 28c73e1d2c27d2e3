package store

import (
	"context"
	"fmt"
	"strings"

	"anxin/engine"
)

const (
	sqlUnsealed = `SELECT order_no, contact FROM orders WHERE order_no > $1 AND contact <> '' ORDER BY order_no LIMIT $2`
	// Only what is still as it was read: a change of the order has sealed it anew.
	sqlReseal = `UPDATE orders SET contact = $3 WHERE order_no = $1 AND contact = $2`

	sqlOptInsAfter = `SELECT payer, channel, fingerprint, address FROM opt_ins
WHERE (payer, channel, fingerprint) > ($1, $2, $3) ORDER BY payer, channel, fingerprint LIMIT $4`
	sqlResealOptIn = `UPDATE opt_ins SET address = $5 WHERE payer = $1 AND channel = $2 AND fingerprint = $3 AND address = $4`
)

// optInMark begins the place of Reseal behind the orders: no order's number has a colon.
const optInMark = "opt_ins:"

// Reseal seals the contacts of at most limit orders or opt-ins after a place with the key
// that seals now, those that were stored before there was one too, and last the key of
// fingerprints. It returns the place to go on from, "" at the end: then nothing is sealed
// with another key any more.
func (s *Store) Reseal(ctx context.Context, after string, limit int) (next string, err error) {
	if place, ok := strings.CutPrefix(after, optInMark); ok {
		if next, err = s.resealOptIns(ctx, place, limit); err != nil || next != "" {
			return next, err
		}
		return "", s.resealKey(ctx)
	}
	if next, err = s.resealOrders(ctx, after, limit); err != nil || next != "" {
		return next, err
	}
	return optInMark, nil
}

// resealOptIns does so for what payers gave on their pages.
func (s *Store) resealOptIns(ctx context.Context, after string, limit int) (next string, err error) {
	type stale struct {
		in       engine.OptIn
		was, now string
	}
	place := append(strings.SplitN(after, ":", 3), "", "", "")
	rows, err := s.reads.pool.QueryContext(ctx, positional(sqlOptInsAfter), place[0], place[1], place[2], bounded(limit))
	if err != nil {
		return "", fmt.Errorf("read opt-ins: %w", err)
	}
	list, err := collect(rows, func(r row) (c stale, err error) {
		err = r.Scan(&c.in.Payer, &c.in.Channel, &c.in.Fingerprint, &c.was)
		return c, err
	})
	if err != nil || len(list) == 0 {
		return "", err
	}
	for i, c := range list {
		if s.sealer.current(c.was) {
			continue
		}
		text, err := s.sealer.unseal(c.was, placeOfOptIn(c.in))
		if err == nil {
			list[i].now, err = s.sealer.seal(text, placeOfOptIn(c.in))
		}
		if err != nil {
			return "", fmt.Errorf("seal opt-in anew: %w", err)
		}
	}
	err = s.writer.do(ctx, func(ctx context.Context, w *writes) error {
		for _, c := range list {
			if c.now == "" {
				continue
			}
			if _, err := w.exec(ctx, "seal opt-in", positional(sqlResealOptIn), c.in.Payer, string(c.in.Channel), c.in.Fingerprint, c.was, c.now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(list) < bounded(limit) {
		return "", err
	}
	last := list[len(list)-1].in
	return optInMark + strings.Join([]string{last.Payer, string(last.Channel), last.Fingerprint}, ":"), nil
}

// resealOrders does so for the contacts that backends gave.
func (s *Store) resealOrders(ctx context.Context, after string, limit int) (next string, err error) {
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
