package store_test

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"anxin/engine"
	"anxin/engine/order"
	"anxin/engine/store"
)

func TestOpenRefusesWhatItCannotOpen(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"", "sqlite:", "sqlite::memory:", "data/anxin.db", "mysql://db", "postgres://anxin:s3cret@db/anxin", "postgresql://anxin:s3cret@db/anxin",
	} {
		_, err := store.Open(t.Context(), dsn, store.Options{})
		if !errors.Is(err, store.ErrDSN) || !strings.Contains(err.Error(), "sqlite:PATH") {
			t.Errorf("%q: got %v, want %v naming what is supported", dsn, err, store.ErrDSN)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: the password is in the error", dsn)
		}
	}
}

func TestOpenReportsAFileThatIsNoDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "anxin.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(t.Context(), "sqlite:"+path, store.Options{})
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Fatalf("got %v, want an error naming the file", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	reopen(t, "sqlite:"+path) // the failed Open left no lock behind
}

func TestOpenTakesPathsWithSpecialCharacters(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b", "50%3F", "支付?mode=memory#x.db")
	reopen(t, "sqlite:"+path)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("database is elsewhere: %v", err)
	}
}

func TestFilesAreReadableByTheOwnerOnly(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "data")
	s := reopen(t, "sqlite:"+filepath.Join(folder, "anxin.db"))
	register(t, s, "A1")
	seen := 0
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", filepath.Base(path), info.Mode())
		}
		seen++
		return err
	})
	if err != nil || seen < 4 { // the folder, the database, its log, its lock
		t.Fatalf("saw %d files: %v", seen, err)
	}
}

func TestContactStandsOnlyInItsColumn(t *testing.T) {
	t.Parallel()
	s, dsn := setup(t)
	o := register(t, s, "A1")
	db := inspect(t, dsn)
	rows, err := db.Query(`SELECT contact, order_no || seq || status || channel || diagnosis || stage || state FROM orders
UNION ALL SELECT '', event FROM events`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	var contacts string
	for rows.Next() {
		var contact, rest string
		if err := rows.Scan(&contact, &rest); err != nil {
			t.Fatal(err)
		}
		contacts += contact
		for _, secret := range []string{o.Payer.Phone, o.Payer.Email, o.Payer.Push[0]} {
			if strings.Contains(rest, secret) {
				t.Errorf("%q stands outside of the contact: %s", secret, rest)
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{o.Payer.Phone, o.Payer.Email, o.Payer.Push[0]} {
		if !strings.Contains(contacts, secret) {
			t.Errorf("contact %q lacks %q", contacts, secret)
		}
	}
}

func TestLeasesOfTheProcessBeforeAreReleasedAtOpen(t *testing.T) {
	t.Parallel()
	s, dsn := setup(t)
	key := engine.TaskKey{OrderNo: "A1", Kind: engine.TaskQuery, Target: "sandbox"}
	leased := engine.Task{TaskKey: key, DueAt: 1000, Tries: 2, Token: 5, LeaseUntil: 1_000_000_000}
	if err := s.Commit(t.Context(), engine.Commit{Tasks: []engine.TaskWrite{{Task: leased}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, dsn)
	stale := engine.Commit{Fence: &engine.Fence{TaskKey: key, Token: 5}}
	if err := s.Commit(t.Context(), stale); !errors.Is(err, engine.ErrFenced) {
		t.Errorf("the dead worker's fence holds: %v", err)
	}
	tasks, err := s.ClaimTasks(t.Context(), engine.Claim{DueBy: 1000, Now: 1000, LeaseUntil: 2000, Token: 6, Limit: 10})
	if err != nil || len(tasks) != 1 || tasks[0].Tries != 2 {
		t.Fatalf("claimed %v, %v", tasks, err)
	}
}

func TestClosedStoreRefusesWork(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	if err := s.Ready(t.Context()); err != nil {
		t.Fatalf("ready: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close again: %v", err)
	}
	_, claimed := s.ClaimTasks(t.Context(), engine.Claim{Limit: 1})
	for name, err := range map[string]error{
		"ready": s.Ready(t.Context()), "commit": s.Commit(t.Context(), engine.Commit{}), "claim": claimed,
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s: got %v, want %v", name, err, store.ErrClosed)
		}
	}
	if _, err := s.Order(t.Context(), "A1"); err == nil || errors.Is(err, engine.ErrNotFound) {
		t.Errorf("read: got %v, want an error that says nothing about the order", err)
	}
}

// inspect opens the database beside the store, as an operator's tool would.
func inspect(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(dsn, "sqlite:"))
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

// register stores a new order with a contact.
func register(t *testing.T, s *store.Store, orderNo string) order.Order {
	t.Helper()
	c := registration(t, orderNo)
	if err := s.Commit(t.Context(), engine.Commit{Order: &c.Order, Events: c.Events}); err != nil {
		t.Fatalf("register %s: %v", orderNo, err)
	}
	return c.Order
}

func registration(t *testing.T, orderNo string) order.Change {
	t.Helper()
	c, err := order.Register(order.Registration{
		OrderNo: orderNo, Backend: "shop", Channel: "sandbox", Mode: order.Managed,
		Amount: order.Money{Minor: 8800, Currency: "CNY"}, Subject: "coffee",
		Payer: order.Payer{ID: "payer-1", Phone: "+8613800000001", Email: "payer@example.com", Push: []string{"device-a"}},
	}, 1_795_000_000_000)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
