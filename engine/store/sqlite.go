package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"; pure Go, so that the binary needs no C compiler
)

// This file and the migrations below are all that is SQLite's own.

//go:embed migrations/sqlite/*.sql
var migrationFiles embed.FS

func sqliteMigrations() fs.FS {
	sub, err := fs.Sub(migrationFiles, "migrations/sqlite")
	if err != nil {
		panic(err) // the path is the one embedded above
	}
	return sub
}

// Pragmas of the three kinds of connections. FULL makes each commit reach the disk
// before it returns; with less, WAL mode may lose the last ones when power fails. No
// automatic checkpoint: the checkpointer does it, off the writer's way. The caches (KiB)
// are small, since the kernel caches the same pages, and a reader drops its own with every
// commit of others. Together they may hold 13 MiB, which take twice that in memory: the
// driver's allocator gives a page, which is 4 KiB and a little, a slot of 8.
const (
	writerPragmas = "journal_mode(WAL) synchronous(FULL) busy_timeout(5000) temp_store(MEMORY) cache_size(-8192) " +
		"wal_autocheckpoint(0) journal_size_limit(16777216)"
	readerPragmas     = "query_only(1) busy_timeout(5000) temp_store(MEMORY) cache_size(-512)"
	checkpointPragmas = "synchronous(FULL) busy_timeout(1000) cache_size(-1024)"
)

const (
	sqlBegin       = `BEGIN IMMEDIATE`                 // a plain BEGIN takes the write lock too late to wait for it
	sqlCopyLog     = `PRAGMA wal_checkpoint(PASSIVE)`  // blocks nobody
	sqlCloseLog    = `PRAGMA wal_checkpoint(RESTART)`  // the next commit starts the log anew
	sqlTruncateLog = `PRAGMA wal_checkpoint(TRUNCATE)` // besides, gives its disk space back
	// Closing the log waits for those who still read from it, and every commit waits
	// with it; better to try again later.
	sqlWaitShort = `PRAGMA busy_timeout = 20`
	sqlWaitLong  = `PRAGMA busy_timeout = 5000`
)

func sqliteDSN(path, pragmas string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // file:///C:/data/anxin.db
	}
	dsn := url.URL{Scheme: "file", Path: slashed, RawQuery: url.Values{"_pragma": strings.Fields(pragmas)}.Encode()}
	return dsn.String()
}

// numbered matches the parameters of a statement.
var numbered = regexp.MustCompile(`\$([0-9]+)`)

// positional writes the parameters of a statement that stand in their order, each once,
// as "?". What has a name the driver looks up by it, with each call and each parameter.
func positional(text string) string {
	for i, match := range numbered.FindAllStringSubmatch(text, -1) {
		if match[1] != strconv.Itoa(i+1) {
			return text
		}
	}
	return numbered.ReplaceAllString(text, "?")
}

// prepareFile creates the database file and its folder, readable by the owner only
// since payers' contacts are in it, and returns its absolute path. SQLite gives the log
// the permissions of the database.
func prepareFile(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("resolve path: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("create data folder: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return "", fmt.Errorf("create database file: %w", err)
	}
	return path, file.Close()
}

// requireWAL makes sure that the mode was taken: on a network file system, say, SQLite
// silently keeps another, in which readers and the writer block one another.
func requireWAL(ctx context.Context, db *sql.DB) error {
	var mode string
	if err := db.QueryRowContext(ctx, `PRAGMA journal_mode`).Scan(&mode); err != nil {
		return fmt.Errorf("read journal mode: %w", err)
	}
	if mode != "wal" {
		return fmt.Errorf("journal mode is %q: the file system cannot share memory (mmap) as write-ahead logging needs", mode)
	}
	return nil
}
