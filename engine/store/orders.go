package store

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"

	"anxin/engine"
	"anxin/engine/order"
)

// Order returns an order with its payer's contact; see engine.OrderReader. It is not
// broken off when ctx ends: it reads one row, and watching ctx would cost the driver a
// goroutine for each, as much as the reading.
func (s *Store) Order(ctx context.Context, orderNo string) (order.Order, error) {
	o, err := s.scanOrder(s.reads.order.QueryRowContext(context.WithoutCancel(ctx), orderNo))
	if err != nil {
		return order.Order{}, fmt.Errorf("read order: %w", notFound(err))
	}
	return o, nil
}

func (s *Store) scanOrder(r row) (order.Order, error) {
	var state, personal string
	if err := r.Scan(&state, &personal); err != nil {
		return order.Order{}, err
	}
	return s.sealer.decodeOrder(state, personal)
}

// Orders lists orders, newest registration first; see engine.OrderReader. A page has at
// most 1,000 orders, whatever the limit.
func (s *Store) Orders(ctx context.Context, f engine.Filter) ([]order.Order, string, error) {
	limit := bounded(f.Limit)
	query, args, err := listQuery(f, limit+1)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.reads.pool.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, "", fmt.Errorf("list orders: %w", err)
	}
	list, err := collect(rows, s.scanOrder)
	if err != nil {
		return nil, "", fmt.Errorf("list orders: %w", err)
	}
	list, next := cut(list, limit, orderFields(f), func(o order.Order) mark { return mark{o.CreatedAt, o.OrderNo} })
	return list, next, nil
}

func listQuery(f engine.Filter, limit int) (string, []any, error) {
	var c conditions
	c.equal("backend", f.Backend)
	c.equal("status", string(f.Status))
	c.equal("channel", f.Channel)
	c.equal("diagnosis", string(f.Diagnosis))
	c.equal("stage", string(f.Stage))
	c.within("created_at", f.Since, f.Until)
	if err := c.behind("created_at", "order_no", f.Cursor, orderFields(f)); err != nil {
		return "", nil, err
	}
	for _, hint := range indexHints(f) {
		c.add(hint)
	}
	query, args := c.list("SELECT state, contact FROM orders", "created_at DESC, order_no", limit)
	return query, args, nil
}

func orderFields(f engine.Filter) fields {
	return fields{f.Backend, string(f.Status), f.Channel, string(f.Diagnosis), string(f.Stage), f.Since.String(), f.Until.String(), ""}
}

// The conditions of the partial indexes, word for word: a database uses such an index only
// for a query that says its condition too.
const (
	conditionLive   = "live = 1"
	conditionUnpaid = "(status = 'failed' OR status = 'closed' OR status = 'refunding' OR status = 'refunded')"
)

// indexHints returns the conditions that follow from f and open the way to a partial
// index. They exclude nothing that f selects: an order whose status is not final has a
// stage that is not resolved.
func indexHints(f engine.Filter) []string {
	var hints []string
	switch f.Status {
	case order.StatusFailed, order.StatusClosed, order.StatusRefunding, order.StatusRefunded:
		hints = append(hints, conditionUnpaid)
	case order.StatusAwaiting, order.StatusConfirming:
		return []string{conditionLive}
	case order.StatusSucceeded:
	}
	if (f.Stage != "" && f.Stage != order.Resolved) || (f.Diagnosis != "" && f.Diagnosis != order.DiagnosisResolved) {
		hints = append(hints, conditionLive)
	}
	return hints
}

// OrdersByNo returns those of the orders that exist; see engine.OrderReader. Like Order it is
// not broken off when ctx ends.
func (s *Store) OrdersByNo(ctx context.Context, orderNos []string) (map[string]order.Order, error) {
	found := make(map[string]order.Order, len(orderNos))
	err := inLists(context.WithoutCancel(ctx), s.reads.byNo, orderNos, func(r row) error {
		o, err := s.scanOrder(r)
		found[o.OrderNo] = o
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	return found, nil
}

// Views lends those of the orders that exist; see engine.OrderReader. Like Order it is not
// broken off when ctx ends.
func (s *Store) Views(ctx context.Context, orderNos []string, each func(*order.Order) error) error {
	o := orderPool.Get().(*order.Order) //nolint:forcetypeassert // it holds nothing else
	defer orderPool.Put(o)
	var state string
	err := inLists(context.WithoutCancel(ctx), s.reads.views, orderNos, func(r row) error {
		if err := r.Scan(&state); err != nil {
			return err
		}
		*o = order.Order{}
		if err := orderForm.read(state, reflect.ValueOf(o).Elem()); err != nil {
			return err
		}
		return each(o)
	})
	if err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	return nil
}

// inLists asks for the orders with statements of some sizes, and has each row scanned.
func inLists(ctx context.Context, statements map[int]*sql.Stmt, orderNos []string, scan func(row) error) error {
	for len(orderNos) > 0 {
		n := min(len(orderNos), many)
		size := many
		switch {
		case n <= one:
			size = one
		case n <= few:
			size = few
		case n <= dozens:
			size = dozens
		}
		args := make([]any, size)
		for i := range args {
			args[i] = orderNos[min(i, n-1)] // the padding repeats the last
		}
		rows, err := statements[size].QueryContext(ctx, args...)
		if err != nil {
			return err
		}
		if _, err := collect(rows, func(r row) (struct{}, error) { return struct{}{}, scan(r) }); err != nil {
			return err
		}
		orderNos = orderNos[n:]
	}
	return nil
}
