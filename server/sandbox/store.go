package sandbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"anxin/engine/order"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// fileName is the sandbox's own database, beside Anxin's and apart from it: a payment
// channel shares nothing with its merchant.
const fileName = "sandbox.db"

// Rows kept, the oldest go first. A payment is about 2 KB, so the file stays below a
// few hundred megabytes however long scripts run against it.
const (
	maxPayments = 100_000
	maxWebhooks = 100_000
)

const schema = `
CREATE TABLE IF NOT EXISTS payments (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	order_no TEXT NOT NULL UNIQUE,
	doc      TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS jobs (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	order_no TEXT NOT NULL,
	kind     TEXT NOT NULL,
	due_at   INTEGER NOT NULL,
	doc      TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (due_at);
CREATE TABLE IF NOT EXISTS webhooks (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	webhook_id TEXT NOT NULL UNIQUE,
	order_no   TEXT NOT NULL,
	doc        TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS webhooks_order ON webhooks (order_no);
CREATE TABLE IF NOT EXISTS outbox (
	id  INTEGER PRIMARY KEY AUTOINCREMENT,
	doc TEXT NOT NULL
);`

// Errors of the store.
var (
	errNotFound = errors.New("the channel does not know the order")
	errExists   = errors.New("a payment of this order exists")
)

// store keeps payments and what is owed. One connection serves all, so transactions run
// one after the other and a read-modify-write needs no further lock.
type store struct{ db *sql.DB }

func openStore(dir string) (*store, error) {
	path, err := filepath.Abs(filepath.Join(dir, fileName))
	if err != nil {
		return nil, fmt.Errorf("locate sandbox database: %w", err)
	}
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	dsn.RawQuery = "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open sandbox database: %w", err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(context.Background(), schema); err != nil {
		return nil, errors.Join(fmt.Errorf("create sandbox tables: %w", err), db.Close())
	}
	return &store{db: db}, nil
}

func (s *store) close() error { return s.db.Close() }

// create stores a new payment with what it owes, or returns errExists.
func (s *store) create(ctx context.Context, p payment, jobs []job) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		doc, err := json.Marshal(p)
		if err != nil {
			return fmt.Errorf("write payment: %w", err)
		}
		result, err := tx.ExecContext(ctx, `INSERT INTO payments (order_no, doc) VALUES ($1, $2) ON CONFLICT DO NOTHING`, p.OrderNo, string(doc))
		if err != nil {
			return fmt.Errorf("insert payment: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(errExists, err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM payments WHERE id <= (SELECT max(id) FROM payments) - $1`, maxPayments); err != nil {
			return fmt.Errorf("drop old payments: %w", err)
		}
		return insertJobs(ctx, tx, jobs)
	})
}

// load returns a payment or errNotFound.
func (s *store) load(ctx context.Context, orderNo string) (payment, error) {
	return loadPayment(ctx, s.db, orderNo)
}

// update changes a payment and adds what it owes then, in one transaction.
func (s *store) update(ctx context.Context, orderNo string, change func(*payment) ([]job, error)) (payment, error) {
	var p payment
	err := s.inTx(ctx, func(tx *sql.Tx) (err error) {
		p, err = updatePayment(ctx, tx, orderNo, change)
		return err
	})
	return p, err
}

// settle does what update does and ends a job, or puts it off when change returns it
// again. The job of a payment that was dropped meanwhile just ends.
func (s *store) settle(ctx context.Context, done job, change func(*payment) ([]job, error)) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM jobs WHERE id = $1`, done.ID); err != nil {
			return fmt.Errorf("end job: %w", err)
		}
		_, err := updatePayment(ctx, tx, done.OrderNo, change)
		if errors.Is(err, errNotFound) {
			return nil
		}
		return err
	})
}

// due returns at most limit jobs that are due, the earliest first, and when the next one
// after them is (0 = none).
func (s *store) due(ctx context.Context, now order.Time, limit int) ([]job, order.Time, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, order_no, kind, due_at, doc FROM jobs ORDER BY due_at, id LIMIT $1`, limit)
	if err != nil {
		return nil, 0, fmt.Errorf("read jobs: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err below tells what went wrong
	var jobs []job
	for rows.Next() {
		var j job
		var doc string
		if err := rows.Scan(&j.ID, &j.OrderNo, &j.Kind, &j.DueAt, &doc); err != nil {
			return nil, 0, fmt.Errorf("read job: %w", err)
		}
		if j.DueAt > now {
			return jobs, j.DueAt, nil
		}
		if err := json.Unmarshal([]byte(doc), &j); err != nil {
			return nil, 0, fmt.Errorf("read job %d: %w", j.ID, err)
		}
		jobs = append(jobs, j)
	}
	return jobs, 0, rows.Err()
}

func (s *store) inTx(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

type rowReader interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func loadPayment(ctx context.Context, db rowReader, orderNo string) (payment, error) {
	var doc string
	err := db.QueryRowContext(ctx, `SELECT doc FROM payments WHERE order_no = $1`, orderNo).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return payment{}, errNotFound
	}
	if err != nil {
		return payment{}, fmt.Errorf("read payment: %w", err)
	}
	var p payment
	if err := json.Unmarshal([]byte(doc), &p); err != nil {
		return payment{}, fmt.Errorf("read payment %s: %w", orderNo, err)
	}
	return p, nil
}

func updatePayment(ctx context.Context, tx *sql.Tx, orderNo string, change func(*payment) ([]job, error)) (payment, error) {
	p, err := loadPayment(ctx, tx, orderNo)
	if err != nil {
		return payment{}, err
	}
	jobs, err := change(&p)
	if err != nil {
		return payment{}, err
	}
	doc, err := json.Marshal(p)
	if err != nil {
		return payment{}, fmt.Errorf("write payment: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE payments SET doc = $1 WHERE order_no = $2`, string(doc), orderNo); err != nil {
		return payment{}, fmt.Errorf("update payment: %w", err)
	}
	return p, insertJobs(ctx, tx, jobs)
}

func insertJobs(ctx context.Context, tx *sql.Tx, jobs []job) error {
	for _, j := range jobs {
		doc, err := json.Marshal(j)
		if err != nil {
			return fmt.Errorf("write job: %w", err)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO jobs (order_no, kind, due_at, doc) VALUES ($1, $2, $3, $4)`,
			j.OrderNo, string(j.Kind), int64(j.DueAt), string(doc))
		if err != nil {
			return fmt.Errorf("insert job: %w", err)
		}
	}
	return nil
}
