package store

import (
	"context"
	"fmt"

	"anxin/engine"
	"anxin/engine/order"
)

const (
	caseColumns = `id, order_no, kind, channel, backend, opened_at, answer_by, closed_at, closed_by, resolution, note`
	sqlCase     = `SELECT ` + caseColumns + ` FROM cases WHERE id = $1`
	sqlPutCase  = `INSERT INTO cases (` + caseColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (id) DO UPDATE SET closed_at = excluded.closed_at, closed_by = excluded.closed_by,
resolution = excluded.resolution, note = excluded.note`
)

func (e *encoded) writeCases(ctx context.Context, w *writes) error {
	for _, k := range e.Cases {
		if _, err := w.run(ctx, "write case", w.putCase, k.ID, k.OrderNo, string(k.Kind), k.Channel, k.Backend,
			int64(k.OpenedAt), int64(k.AnswerBy), int64(k.ClosedAt), k.ClosedBy, string(k.Resolution), k.Note); err != nil {
			return err
		}
	}
	return nil
}

func scanCase(r row) (engine.Case, error) {
	var k engine.Case
	var opened, answer, closed int64
	err := r.Scan(&k.ID, &k.OrderNo, &k.Kind, &k.Channel, &k.Backend, &opened, &answer, &closed, &k.ClosedBy, &k.Resolution, &k.Note)
	k.OpenedAt, k.AnswerBy, k.ClosedAt = order.Time(opened), order.Time(answer), order.Time(closed)
	return k, err
}

// Case returns a case; see engine.CaseReader.
func (s *Store) Case(ctx context.Context, id string) (engine.Case, error) {
	k, err := scanCase(s.reads.caseByID.QueryRowContext(ctx, id))
	if err != nil {
		return engine.Case{}, fmt.Errorf("read case: %w", notFound(err))
	}
	return k, nil
}

// Cases lists cases, last opened first; see engine.CaseReader. A page has at most 1,000
// cases, whatever the limit.
func (s *Store) Cases(ctx context.Context, f engine.CaseFilter) ([]engine.Case, string, error) {
	limit := bounded(f.Limit)
	query, args, err := caseQuery(f, limit+1)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.reads.pool.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, "", fmt.Errorf("list cases: %w", err)
	}
	list, err := collect(rows, scanCase)
	if err != nil {
		return nil, "", fmt.Errorf("list cases: %w", err)
	}
	list, next := cut(list, limit, caseFields(f), func(k engine.Case) mark { return mark{k.OpenedAt, k.ID} })
	return list, next, nil
}

func caseQuery(f engine.CaseFilter, limit int) (string, []any, error) {
	var c conditions
	c.equal("kind", string(f.Kind))
	c.equal("channel", f.Channel)
	c.equal("backend", f.Backend)
	c.equal("order_no", f.OrderNo)
	switch f.State {
	case engine.CaseOpen:
		c.add("closed_at = 0")
	case engine.CaseClosed:
		c.add("closed_at <> 0")
	}
	if err := c.behind("opened_at", "id", f.Cursor, caseFields(f)); err != nil {
		return "", nil, err
	}
	query, args := c.list("SELECT "+caseColumns+" FROM cases", "opened_at DESC, id", limit)
	return query, args, nil
}

func caseFields(f engine.CaseFilter) fields {
	return fields{"cases", string(f.Kind), f.Channel, f.Backend, f.OrderNo, string(f.State), ""}
}
