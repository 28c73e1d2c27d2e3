package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/store/journal"
)

// Errors of this package besides those of the port.
var (
	// ErrClosed is what becomes of a write after Close. Reads fail too.
	ErrClosed = errors.New("store is closed")
	// ErrInUse says that another process has the database open.
	ErrInUse = errors.New("database is in use by another process")
	// ErrDSN says that a database URL names nothing that this build can open.
	ErrDSN = errors.New("database URL is not supported: use sqlite:PATH")
	// ErrSchemaNewer says that the database was written by a newer version.
	ErrSchemaNewer = errors.New("database schema is newer than this program")
	// ErrSchemaEdited says that a migration that this database has was changed since.
	ErrSchemaEdited = errors.New("landed migration was edited")
	// ErrInvalid marks a Commit that contradicts itself: a bug of the caller.
	ErrInvalid = errors.New("commit is inconsistent")
)

// Options of a store. The zero value is ready to use.
type Options struct {
	// Readers bounds concurrent reads; more wait their turn. Default 8: on SQLite they
	// are bound by processors, not by waiting.
	Readers int
	// ContactSecrets seal payers' contacts; the first seals, all open. Empty = they are
	// stored as they are.
	ContactSecrets [][]byte
	// Log is told of trouble that no caller sees. Default: nobody.
	Log logrus.FieldLogger
}

const defaultReaders = 8

func (o Options) withDefaults() Options {
	if o.Readers <= 0 {
		o.Readers = defaultReaders
	}
	if o.Log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		o.Log = silent
	}
	return o
}

// Store is an engine.Store on one SQL database. It is safe for concurrent use.
type Store struct {
	reads   *reads
	journal *journal.Journal
	writer  *writer
	newest  *newest
	checks  *checkpointer
	sealer  *sealer
	closers []io.Closer // in the order of opening
	close   sync.Once
	closed  error // what close came to
}

var _ engine.Store = (*Store)(nil)

// Open opens the database that dsn names ("sqlite:PATH"), creates it with its folder
// (readable by the owner only) if need be, and brings its schema up to date. The
// database stays locked for other processes until Close: they get ErrInUse.
func Open(ctx context.Context, dsn string, opts Options) (*Store, error) {
	return openLimited(ctx, dsn, opts.withDefaults(), defaultLogLimits())
}

func openLimited(ctx context.Context, dsn string, opts Options, limits logLimits) (*Store, error) {
	path, err := pathOf(dsn)
	if err != nil {
		return nil, err
	}
	seals, err := newSealer(opts.ContactSecrets)
	if err != nil {
		return nil, err
	}
	s := &Store{sealer: seals, newest: newNewest()}
	if err := s.open(ctx, path, opts, limits); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), s.closeAll())
	}
	return s, nil
}

func pathOf(dsn string) (string, error) {
	path, ok := strings.CutPrefix(dsn, "sqlite:")
	if !ok || path == "" || strings.HasPrefix(path, ":") {
		return "", ErrDSN // not quoted: a database URL may hold a password
	}
	return path, nil
}

func (s *Store) open(ctx context.Context, path string, opts Options, limits logLimits) error {
	path, err := prepareFile(path)
	if err != nil {
		return err
	}
	lock, err := acquireLock(path + ".lock")
	if err != nil {
		return err
	}
	s.closers = append(s.closers, lock)
	if s.journal, err = journal.Open(path+journalFolder, journal.Options{Log: opts.Log}); err != nil {
		return err
	}
	s.closers = append(s.closers, s.journal)
	link, err := openLink(ctx, sqliteDSN(path, writerPragmas))
	if err != nil {
		return fmt.Errorf("open the writing connection: %w", err)
	}
	s.closers = append(s.closers, link)
	if err := migrateFile(ctx, path); err != nil {
		return err
	}
	statements, err := prepareWrites(link, s.newest)
	if err != nil {
		return err
	}
	return s.start(ctx, path, statements, opts, limits)
}

// migrateFile brings the schema up to date over a connection that is closed again. Another
// must be open meanwhile: the last one that closes empties the log.
func migrateFile(ctx context.Context, path string) (err error) {
	pool, err := sql.Open("sqlite", sqliteDSN(path, writerPragmas))
	if err != nil {
		return fmt.Errorf("open pool: %w", err)
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	pool.SetMaxOpenConns(1)
	if err := requireWAL(ctx, pool); err != nil {
		return err
	}
	return migrate(ctx, pool, sqliteMigrations())
}

func (s *Store) start(ctx context.Context, path string, statements *writes, opts Options, limits logLimits) error {
	pool, err := s.connect(ctx, path, readerPragmas, opts.Readers)
	if err != nil {
		return err
	}
	if s.reads, err = prepareReads(ctx, pool); err != nil {
		return err
	}
	copier, err := s.connect(ctx, path, checkpointPragmas, 1)
	if err != nil {
		return err
	}
	s.writer = newWriter(statements)
	s.checks = newCheckpointer(copier, s.writer, limits, opts.Log)
	unending := context.WithoutCancel(ctx) // both end with Close, whatever becomes of ctx
	go s.writer.run(unending)
	go s.checks.run(unending)
	return nil
}

// connect opens a pool that Close closes, and tests it.
func (s *Store) connect(ctx context.Context, path, pragmas string, size int) (*sql.DB, error) {
	pool, err := sql.Open("sqlite", sqliteDSN(path, pragmas))
	if err != nil {
		return nil, fmt.Errorf("open pool: %w", err)
	}
	s.closers = append(s.closers, pool)
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	if err := pool.PingContext(ctx); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return pool, nil
}

// Stats are totals since the store was opened.
type Stats struct {
	Writes int64 // requests to write, refused ones among them
	Groups int64 // transactions that they shared: one sync of the log each
}

// Stats returns the totals; Writes divided by Groups is how well writes are grouped.
func (s *Store) Stats() Stats {
	return Stats{Writes: s.writer.commits.Load(), Groups: s.writer.groups.Load()}
}

// Ready reports whether the store can read, and whether its writer takes work.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.writer.do(ctx, func(context.Context, *writes) error { return nil }); err != nil {
		return fmt.Errorf("writer: %w", err)
	}
	if err := s.reads.ping(ctx); err != nil {
		return fmt.Errorf("reader: %w", err)
	}
	return nil
}

// Sole implements the engine's question whether another process may write: the lock
// keeps all others out.
func (s *Store) Sole() bool { return true }

// Close writes what is queued, refuses everything later with ErrClosed, and gives the
// database free for other processes.
func (s *Store) Close() error {
	s.close.Do(func() {
		s.checks.stop()
		s.writer.stop()
		s.newest.forget()
		s.closed = s.closeAll()
	})
	return s.closed
}

func (s *Store) closeAll() error {
	var err error
	for _, c := range slices.Backward(s.closers) {
		err = errors.Join(err, c.Close())
	}
	return err
}
