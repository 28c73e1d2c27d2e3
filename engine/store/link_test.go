package store

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
)

func TestLinkTellsWhatItCannotCarry(t *testing.T) {
	t.Parallel()
	l, err := openLink(t.Context(), sqliteDSN(filepath.Join(t.TempDir(), "link.db"), writerPragmas))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	two, err := l.keep(`SELECT $1, 'text' WHERE $2 = 1`)
	if err != nil {
		t.Fatal(err)
	}
	type named string
	var number int
	var text string
	if err := two.one(t.Context(), named("a"), true).Scan(&text, &text); err != nil || text != "text" {
		t.Errorf("got %q, %v", text, err)
	}
	if err := two.one(t.Context(), 7, 0).Scan(&number, &text); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("no row: got %v", err)
	}
	for name, scan := range map[string]func() error{
		"a missing argument":     func() error { return two.one(t.Context(), 7).Scan(&number, &text) },
		"an argument of no kind": func() error { return two.one(t.Context(), struct{}{}, 1).Scan(&number, &text) },
		"another type":           func() error { return two.one(t.Context(), 7, 1).Scan(&text, &text) },
		"fewer columns":          func() error { return two.one(t.Context(), 7, 1).Scan(&number) },
		"no statement":           func() error { return l.oneOf(t.Context(), `SELECT`).Scan(&number) },
		"no table":               func() error { _, err := l.once(t.Context(), `DELETE FROM nothing`); return err },
	} {
		if err := scan(); err == nil || errors.Is(err, sql.ErrNoRows) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	// A statement that failed serves again.
	if err := two.one(t.Context(), 7, 1).Scan(&number, &text); err != nil || number != 7 {
		t.Errorf("got %d, %v", number, err)
	}
}
