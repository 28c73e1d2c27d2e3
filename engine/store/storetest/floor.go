package storetest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // the driver that stores use
)

// Floor makes durable commits of one row each, as many to a transaction as are waiting:
// the least that a durable write can cost with the driver that stores use, on the same
// disk and with the log as the driver leaves it. Benchmarks measure beside it.
type Floor struct {
	queue chan chan error
}

// NewFloor returns a floor whose rows have as many bytes, until the benchmark ends.
func NewFloor(b *testing.B, rowBytes int) *Floor {
	b.Helper()
	dsn := "file:" + filepath.Join(b.TempDir(), "floor.db") + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	ctx := context.WithoutCancel(b.Context()) // it ends with the benchmark's own clean-up
	if _, err := db.ExecContext(ctx, `CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB NOT NULL)`); err != nil {
		b.Fatal(err)
	}
	insert, err := db.PrepareContext(ctx, `INSERT INTO rows (body) VALUES ($1)`)
	if err != nil {
		b.Fatal(err)
	}
	f := &Floor{queue: make(chan chan error, 1024)}
	body, ended := bytes.Repeat([]byte("x"), rowBytes), make(chan struct{})
	go func() {
		defer close(ended)
		for first := range f.queue {
			group := []chan error{first}
			for len(f.queue) > 0 {
				group = append(group, <-f.queue)
			}
			err := insertRows(ctx, db, insert, body, len(group))
			for _, done := range group {
				done <- err
			}
		}
	}()
	b.Cleanup(func() {
		close(f.queue)
		<-ended
		_ = insert.Close()
		_ = db.Close()
	})
	return f
}

// Insert returns when a row is durable.
func (f *Floor) Insert() error {
	done := make(chan error, 1)
	f.queue <- done
	return <-done
}

func insertRows(ctx context.Context, db *sql.DB, insert *sql.Stmt, body []byte, n int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()                      //nolint:errcheck // after Commit it has nothing to do
	statement := tx.StmtContext(ctx, insert) //nolint:sqlclosecheck // closed with tx
	for range n {
		if _, err := statement.ExecContext(ctx, body); err != nil {
			return fmt.Errorf("insert: %w", err)
		}
	}
	return tx.Commit()
}
