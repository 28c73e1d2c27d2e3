package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"anxin/engine/order"
	"anxin/engine/support"
)

var (
	_ support.FeedbackStore = (*Store)(nil)
	_ support.CodeStore     = (*Store)(nil)
)

const (
	sqlPutFeedback = `INSERT INTO feedback (order_no, at, seq, status, wording, helped, text) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	feedbackFields = `SELECT id, order_no, at, seq, status, wording, helped, text FROM feedback WHERE `
	sqlFeedback    = feedbackFields + `id < $1 ORDER BY id DESC LIMIT $2`
	sqlFeedbackOf  = feedbackFields + `id < $1 AND order_no = $3 ORDER BY id DESC LIMIT $2`

	sqlForgetCodes = `DELETE FROM lookup_codes WHERE expires_at < $1`
	sqlPutCode     = `INSERT INTO lookup_codes (order_no, hash, expires_at, tries) VALUES ($1, $2, $3, 0)
ON CONFLICT (order_no) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at, tries = 0`
	sqlTryCode  = `UPDATE lookup_codes SET tries = tries + 1 WHERE order_no = $1 AND expires_at > $2 AND tries < $3 RETURNING hash`
	sqlDropCode = `DELETE FROM lookup_codes WHERE order_no = $1 AND hash = $2`
)

// How "did it help" is stored.
const (
	helpedNot    = 0
	helpedYes    = 1
	helpedUnsaid = -1
)

// PutFeedback implements support.FeedbackStore.
func (s *Store) PutFeedback(ctx context.Context, f support.Feedback) error {
	helped := helpedUnsaid
	switch {
	case f.Helped == nil:
	case *f.Helped:
		helped = helpedYes
	default:
		helped = helpedNot
	}
	return s.writer.do(ctx, func(ctx context.Context, w *writes) error {
		_, err := w.exec(ctx, "write feedback", sqlPutFeedback, f.OrderNo, int64(f.At), f.Seq, string(f.Status), f.Wording, helped, f.Text)
		return err
	})
}

// FeedbackBefore implements support.FeedbackStore.
func (s *Store) FeedbackBefore(ctx context.Context, orderNo string, before int64, limit int) ([]support.Feedback, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	query, args := sqlFeedback, []any{before, bounded(limit)}
	if orderNo != "" {
		query, args = sqlFeedbackOf, append(args, orderNo)
	}
	rows, err := s.reads.pool.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read feedback: %w", err)
	}
	list, err := collect(rows, func(r row) (support.Feedback, error) {
		var f support.Feedback
		var at int64
		var helped int
		err := r.Scan(&f.ID, &f.OrderNo, &at, &f.Seq, &f.Status, &f.Wording, &helped, &f.Text)
		f.At = order.Time(at)
		if helped != helpedUnsaid {
			yes := helped == helpedYes
			f.Helped = &yes
		}
		return f, err
	})
	if err != nil {
		return nil, fmt.Errorf("read feedback: %w", err)
	}
	return list, nil
}

// PutCode implements support.CodeStore.
func (s *Store) PutCode(ctx context.Context, c support.Code, at order.Time) error {
	return s.writer.do(ctx, func(ctx context.Context, w *writes) error {
		if _, err := w.exec(ctx, "forget codes", sqlForgetCodes, int64(at)); err != nil {
			return err
		}
		_, err := w.exec(ctx, "write code", sqlPutCode, c.OrderNo, c.Hash, int64(c.ExpiresAt))
		return err
	})
}

// TryCode implements support.CodeStore.
func (s *Store) TryCode(ctx context.Context, orderNo string, at order.Time, most int) (hash []byte, err error) {
	err = s.changeOne(ctx, func(ctx context.Context, w *writes) (bool, error) {
		err := w.link.oneOf(ctx, sqlTryCode, orderNo, int64(at), most).Scan(&hash)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("count try: %w", err)
		}
		w.changed++
		return true, nil
	})
	return hash, err
}

// DropCode implements support.CodeStore.
func (s *Store) DropCode(ctx context.Context, orderNo string, hash []byte) error {
	return s.changeOne(ctx, func(ctx context.Context, w *writes) (bool, error) {
		changed, err := w.exec(ctx, "end code", sqlDropCode, orderNo, hash)
		return changed > 0, err
	})
}
