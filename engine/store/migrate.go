package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// migration is one numbered step of the schema. Once landed it is never edited: the
// databases that have it would differ from those that get it later.
type migration struct {
	version  int64
	name     string
	text     string
	checksum string
}

const sqlCreateMigrations = `CREATE TABLE IF NOT EXISTS schema_migrations (
  version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)`

// migrate applies the migrations in files that db does not have, each in a transaction
// of its own. It changes nothing when db has one that is newer (ErrSchemaNewer) or
// different (ErrSchemaEdited).
func migrate(ctx context.Context, db *sql.DB, files fs.FS) error {
	known, err := loadMigrations(files)
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, sqlCreateMigrations); err != nil {
		return fmt.Errorf("create list of migrations: %w", err)
	}
	landed, err := landedMigrations(ctx, db)
	if err != nil {
		return err
	}
	for i, have := range landed {
		if i >= len(known) || have.version > known[len(known)-1].version {
			return fmt.Errorf("%w: it has migration %s", ErrSchemaNewer, have.name)
		}
		if have.version != known[i].version || have.checksum != known[i].checksum {
			return fmt.Errorf("%w: %s", ErrSchemaEdited, have.name)
		}
	}
	for _, m := range known[len(landed):] {
		if err := m.apply(ctx, db); err != nil {
			return fmt.Errorf("migration %s: %w", m.name, err)
		}
	}
	return nil
}

// loadMigrations reads NNNN_name.sql files, numbered 1, 2, 3 without a gap.
func loadMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "*.sql") // sorted
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	list := make([]migration, 0, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(name, "_")
		if v, err := strconv.Atoi(number); err != nil || v != i+1 || len(number) != 4 {
			return nil, fmt.Errorf("migration %s: want number %04d", name, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", name, err)
		}
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) // a checkout on Windows is no edit
		sum := sha256.Sum256(text)
		list = append(list, migration{int64(i + 1), name, string(text), hex.EncodeToString(sum[:])})
	}
	return list, nil
}

func landedMigrations(ctx context.Context, db *sql.DB) ([]migration, error) {
	rows, err := db.QueryContext(ctx, `SELECT version, name, checksum FROM schema_migrations ORDER BY version`)
	if err != nil {
		return nil, fmt.Errorf("read list of migrations: %w", err)
	}
	return collect(rows, func(r row) (m migration, err error) {
		err = r.Scan(&m.version, &m.name, &m.checksum)
		return m, err
	})
}

func (m migration) apply(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it has nothing to do
	if _, err := tx.ExecContext(ctx, m.text); err != nil {
		return fmt.Errorf("execute: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)`,
		m.version, m.name, m.checksum, time.Now().UnixMilli()); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
