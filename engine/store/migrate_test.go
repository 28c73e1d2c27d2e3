package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func sqlFiles(texts ...string) fstest.MapFS {
	names := []string{"0001_a.sql", "0002_b.sql", "0003_c.sql"}
	files := make(fstest.MapFS)
	for i, text := range texts {
		files[names[i]] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func openEmpty(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestMigrationsAreAppliedOnceEach(t *testing.T) {
	t.Parallel()
	db, ctx := openEmpty(t), t.Context()
	steps := []string{"CREATE TABLE a (x BIGINT)", "INSERT INTO a VALUES (1); INSERT INTO a VALUES (2)", "INSERT INTO a VALUES (3)"}
	for n := range len(steps) + 1 {
		for range 2 {
			if err := migrate(ctx, db, sqlFiles(steps[:n]...)); err != nil {
				t.Fatalf("%d migrations: %v", n, err)
			}
		}
	}
	var sum int
	if err := db.QueryRowContext(ctx, `SELECT SUM(x) FROM a`).Scan(&sum); err != nil || sum != 6 {
		t.Fatalf("sum %d, %v", sum, err)
	}
}

func TestEditedMigrationIsRefused(t *testing.T) {
	t.Parallel()
	db, ctx := openEmpty(t), t.Context()
	if err := migrate(ctx, db, sqlFiles("CREATE TABLE a (x BIGINT)", "CREATE TABLE b (x BIGINT)")); err != nil {
		t.Fatal(err)
	}
	err := migrate(ctx, db, sqlFiles("CREATE TABLE a (x BIGINT)", "CREATE TABLE b (y BIGINT)", "CREATE TABLE c (x BIGINT)"))
	if !errors.Is(err, ErrSchemaEdited) || !strings.Contains(err.Error(), "0002_b.sql") {
		t.Errorf("got %v, want %v naming the file", err, ErrSchemaEdited)
	}
	expectNoTable(t, db, "c")
	if err := migrate(ctx, db, sqlFiles("CREATE TABLE a (x BIGINT)", "CREATE TABLE b (x BIGINT)")); err != nil {
		t.Errorf("unedited again: %v", err)
	}
}

func TestLineEndsAreNoEdit(t *testing.T) {
	t.Parallel()
	db, ctx := openEmpty(t), t.Context()
	for _, text := range []string{"CREATE TABLE a\n(x BIGINT)\n", "CREATE TABLE a\r\n(x BIGINT)\r\n"} {
		if err := migrate(ctx, db, sqlFiles(text)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	db, ctx := openEmpty(t), t.Context()
	if err := migrate(ctx, db, sqlFiles("CREATE TABLE a (x BIGINT)", "CREATE TABLE b (x BIGINT)")); err != nil {
		t.Fatal(err)
	}
	if err := migrate(ctx, db, sqlFiles("CREATE TABLE a (x BIGINT)")); !errors.Is(err, ErrSchemaNewer) {
		t.Fatalf("got %v, want %v", err, ErrSchemaNewer)
	}
}

func TestFailedMigrationLeavesNothing(t *testing.T) {
	t.Parallel()
	db, ctx := openEmpty(t), t.Context()
	if err := migrate(ctx, db, sqlFiles("CREATE TABLE a (x BIGINT)", "CREATE TABLE b (x BIGINT); INSERT INTO nowhere VALUES (1)")); err == nil {
		t.Fatal("a broken migration was accepted")
	}
	expectNoTable(t, db, "b")
	if err := migrate(ctx, db, sqlFiles("CREATE TABLE a (x BIGINT)", "CREATE TABLE b (x BIGINT)")); err != nil {
		t.Fatalf("the mended one: %v", err)
	}
}

func TestMigrationNumbersHaveNoGap(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"0002_a.sql", "1_a.sql", "first.sql"} {
		if _, err := loadMigrations(fstest.MapFS{name: &fstest.MapFile{Data: []byte("SELECT 1")}}); err == nil {
			t.Errorf("%s was accepted as the first", name)
		}
	}
}

func expectNoTable(t *testing.T, db *sql.DB, name string) {
	t.Helper()
	var n int
	err := db.QueryRowContext(context.Background(), `SELECT COUNT(*) FROM sqlite_schema WHERE name = $1`, name).Scan(&n)
	if err != nil || n != 0 {
		t.Errorf("table %s exists: %d, %v", name, n, err)
	}
}

// What somebody waits for or looks into before the column live is so with it too.
func TestOrdersOfBeforeAreLiveAsTheyWere(t *testing.T) {
	t.Parallel()
	db, ctx := openEmpty(t), t.Context()
	before := make(fstest.MapFS)
	names, err := fs.Glob(sqliteMigrations(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_live.sql") {
			break
		}
		text, err := fs.ReadFile(sqliteMigrations(), name)
		if err != nil {
			t.Fatal(err)
		}
		before[name] = &fstest.MapFile{Data: text}
	}
	if err := migrate(ctx, db, before); err != nil {
		t.Fatal(err)
	}
	for orderNo, at := range map[string][2]string{
		"waiting": {"fresh", "none"}, "done": {"resolved", "resolved"}, "conflict": {"resolved", "conflict"},
	} {
		if _, err := db.ExecContext(ctx, `INSERT INTO orders VALUES ($1, 1, 'x', 'x', $2, $3, 1, 1, '{}', '', 'shop')`, orderNo, at[1], at[0]); err != nil {
			t.Fatal(err)
		}
	}
	if err := migrate(ctx, db, sqliteMigrations()); err != nil {
		t.Fatal(err)
	}
	var live string
	err = db.QueryRowContext(ctx, `SELECT GROUP_CONCAT(order_no, ' ' ORDER BY order_no) FROM orders WHERE live = 1`).Scan(&live)
	if err != nil || live != "conflict waiting" {
		t.Errorf("live: %q, %v", live, err)
	}
}
