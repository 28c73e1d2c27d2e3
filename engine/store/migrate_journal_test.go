package store

import (
	"context"
	"database/sql"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// migrationsBefore are those that come before the one of a number.
func migrationsBefore(t *testing.T, number string) fstest.MapFS {
	t.Helper()
	all := sqliteMigrations()
	names, err := fs.Glob(all, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	files := make(fstest.MapFS)
	for _, name := range names {
		text, err := fs.ReadFile(all, name)
		if err != nil {
			t.Fatal(err)
		}
		if name < number {
			files[name] = &fstest.MapFile{Data: text}
		}
	}
	return files
}

// What had been acknowledged and not weighed when there was no journal is not looked for
// any more: tasks have to know of it.
func TestTheJournalForgetsNothingThatWaitedBeforeIt(t *testing.T) {
	t.Parallel()
	db, ctx := openEmpty(t), context.Background()
	if err := migrate(ctx, db, migrationsBefore(t, "0020")); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(ctx, `
INSERT INTO orders (order_no, seq, status, channel, diagnosis, stage, created_at, updated_at, state, contact, backend)
  VALUES ('known', 1, 'awaiting_payment', 'pay', 'healthy', 'fresh', 1, 1, '{}', '', 'shop');
INSERT INTO callbacks (channel, dedupe_key, order_no, state, notification, raw, received_at) VALUES
  ('pay', 'a', 'known', 'pending', '{}', x'01', 1), ('pay', 'b', 'known', 'pending', '{}', x'01', 2),
  ('pay', 'c', 'unknown', 'pending', '{}', x'01', 3), ('pay', 'd', 'known', 'processed', '{}', x'01', 4),
  ('other', 'e', 'known', 'pending', '{}', x'01', 5);
INSERT INTO tasks (order_no, kind, target, due_at, tries, token, lease_until) VALUES ('known', 'process', 'other', 7, 1, 0, 0)`); err != nil {
		t.Fatal(err)
	}
	if err := migrate(ctx, db, sqliteMigrations()); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string][]string{
		`SELECT order_no || ' ' || target || ' ' || due_at FROM tasks WHERE kind = 'process' ORDER BY 1`: {"known other 7", "known pay 0", "unknown pay 0"},
		`SELECT dedupe_key || ' ' || state FROM callbacks ORDER BY 1`:                                    {"a pending", "b pending", "c quarantined", "d processed", "e pending"},
	} {
		if got := texts(t, db, query); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", strings.Join(got, ", "), want)
		}
	}
}

func texts(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	list, err := collect(rows, func(r row) (text string, err error) { return text, r.Scan(&text) })
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// What the journal held when it was a table is weighed by tasks.
func TestTheTableOfTheJournalIsEmptiedIntoCallbacks(t *testing.T) {
	t.Parallel()
	db, ctx := openEmpty(t), context.Background()
	if err := migrate(ctx, db, migrationsBefore(t, "0021")); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(ctx, `
INSERT INTO orders (order_no, seq, status, channel, diagnosis, stage, created_at, updated_at, state, contact, backend)
  VALUES ('known', 1, 'awaiting_payment', 'pay', 'healthy', 'fresh', 1, 1, '{}', '', 'shop');
INSERT INTO callbacks (channel, dedupe_key, order_no, state, notification, raw, received_at) VALUES ('pay', 'a', 'known', 'processed', '{}', x'01', 1);
INSERT INTO journal (id, channel, dedupe_key, order_no, notification, raw) VALUES
  (1000000, 'pay', 'a', 'known', '{}', x'01'), (2000000, 'pay', 'b', 'known', '{}', x'01'),
  (3000001, 'pay', 'b', 'known', '{}', x'02'), (4000000, 'pay', 'c', 'unknown', '{}', x'01')`); err != nil {
		t.Fatal(err)
	}
	if err := migrate(ctx, db, sqliteMigrations()); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string][]string{
		`SELECT order_no || ' ' || target || ' ' || due_at FROM tasks WHERE kind = 'process' ORDER BY 1`: {"known pay 0", "unknown pay 0"},
		`SELECT dedupe_key || ' ' || state || ' ' || received_at FROM callbacks ORDER BY 1`:              {"a processed 1", "b pending 2", "c quarantined 4"},
	} {
		if got := texts(t, db, query); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", strings.Join(got, ", "), want)
		}
	}
}
