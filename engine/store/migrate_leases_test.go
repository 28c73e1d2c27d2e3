package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
)

// What was leased by a process of before, with its lease in the row, is free.
func TestTasksThatWereLeasedInTheirRowsAreKeptAndFree(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "old.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), db, migrationsBefore(t, "0021")); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO tasks (order_no, kind, target, due_at, tries, token, lease_until) VALUES
('leased', 'query', 'pay', 10, 3, 7, 1000000), ('free', 'query', 'pay', 20, 0, 0, 0), ('later', 'query', 'pay', 500, 0, 0, 0)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.Background(), "sqlite:"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	tasks := expectClaimed(t, s, claiming(100, 1, 10), "leased", "free")
	want := taskOf("leased", 10)
	want.Tries, want.Token, want.LeaseUntil = 3, 1, 1_000_000
	if tasks[0] != want {
		t.Errorf("got %v, want %v", tasks[0], want)
	}
	expectClaimed(t, s, claiming(500, 2, 10), "later")
}
