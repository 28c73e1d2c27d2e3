package store

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anxin/engine"
	"anxin/engine/order"
)

// Lists must not walk all orders of a backend to find the few that somebody asks for.
func TestListsUseTheirIndexes(t *testing.T) {
	t.Parallel()
	s := openPlanned(t)
	for name, c := range map[string]struct {
		filter engine.Filter
		index  string
	}{
		"all":              {engine.Filter{}, "orders_by_backend"},
		"a channel":        {engine.Filter{Channel: "alipay"}, "orders_by_channel"},
		"succeeded":        {engine.Filter{Status: order.StatusSucceeded}, "orders_by_backend"},
		"awaiting":         {engine.Filter{Status: order.StatusAwaiting}, "orders_live"},
		"confirming":       {engine.Filter{Status: order.StatusConfirming}, "orders_live"},
		"closed":           {engine.Filter{Status: order.StatusClosed}, "orders_unpaid"},
		"refunding, since": {engine.Filter{Status: order.StatusRefunding, Since: 7}, "orders_unpaid"},
		"delayed":          {engine.Filter{Stage: order.Delayed}, "orders_live"},
		"resolved":         {engine.Filter{Stage: order.Resolved}, "orders_by_backend"},
		"a conflict":       {engine.Filter{Diagnosis: order.DiagnosisConflict}, "orders_live"},
	} {
		c.filter.Backend = "shop"
		if plan := explain(t, s, c.filter); !strings.Contains(plan, "INDEX "+c.index+" ") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s: %s, want the index %s and no sorting", name, plan, c.index)
		}
	}
}

// openPlanned opens a store that is asked for its plans.
func openPlanned(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "plan.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func explain(t *testing.T, s *Store, f engine.Filter) string {
	t.Helper()
	query, args, err := listQuery(f, 10)
	if err != nil {
		t.Fatal(err)
	}
	return planOf(t, s, query, args...)
}

// planOf returns how the database means to answer a query.
func planOf(t *testing.T, s *Store, query string, args ...any) string {
	t.Helper()
	rows, err := s.reads.pool.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := collect(rows, func(r row) (step string, err error) {
		var id, parent, unused int
		err = r.Scan(&id, &parent, &unused, &step)
		return step, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "; ")
}

// What is written with each order must not make the database build tables on the way, as
// it does for a list in the condition of an index.
func TestFrequentWritesBuildNoTables(t *testing.T) {
	t.Parallel()
	s := openPlanned(t)
	for _, text := range []string{sqlInsertOrder, sqlTurnOrder, sqlUpdateOrder, sqlInsertEvent, sqlInsertCallback, sqlPutTask, sqlMoveTask, sqlDeleteTask, sqlPutPayment} {
		rows, err := s.reads.pool.QueryContext(t.Context(), "EXPLAIN "+text, make([]any, strings.Count(text, "$"))...)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := collect(rows, func(r row) (opcode string, err error) {
			var ignored any
			err = r.Scan(&ignored, &opcode, &ignored, &ignored, &ignored, &ignored, &ignored, &ignored)
			return opcode, err
		})
		if err != nil || len(steps) == 0 || slices.Contains(steps, "OpenEphemeral") {
			t.Errorf("%s: %v, %v", text, steps, err)
		}
	}
}
