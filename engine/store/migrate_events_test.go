package store

import (
	"slices"
	"strings"
	"testing"
)

func TestTimelinesAreKeptWhenEventsGetRows(t *testing.T) {
	t.Parallel()
	db := openEmpty(t)
	if err := migrate(t.Context(), db, migrationsBefore(t, "0022")); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO events (order_no, seq, type, at, event) VALUES
('B1', 1, 'order.registered', 10, '{"a":1}'), ('A1', 2, 'order.claimed', 10, '{}'), ('A1', 1, 'order.registered', 20, '{}')`); err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), db, sqliteMigrations()); err != nil {
		t.Fatal(err)
	}
	want := []string{"A1 1 order.registered 20 {}", "A1 2 order.claimed 10 {}", `B1 1 order.registered 10 {"a":1}`}
	got := texts(t, db, `SELECT order_no || ' ' || seq || ' ' || type || ' ' || at || ' ' || event FROM events ORDER BY order_no, seq`)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO events (order_no, seq, type, at, event) VALUES ('A1', 2, 'again', 30, '{}')`); err == nil {
		t.Error("an order has two events of one seq")
	}
}

// A timeline must not walk the events of all orders, nor sort its own.
func TestTimelinesComeOutOfTheirIndex(t *testing.T) {
	t.Parallel()
	s := openPlanned(t)
	plan := planOf(t, s, sqlEvents, "A1", 0, 10)
	if !strings.Contains(plan, "(order_no=? AND seq>?)") || strings.Contains(plan, "TEMP B-TREE") {
		t.Error(plan)
	}
}
