package store_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"anxin/engine"
	"anxin/engine/store"
	"anxin/engine/store/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestSQLiteKeepsWhatPayersAreToldAndSay(t *testing.T) {
	t.Parallel()
	storetest.RunPayers(t, func(t *testing.T) storetest.PayerStore {
		t.Helper()
		s, _ := setup(t)
		return s
	})
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) engine.Store {
		t.Helper()
		s, _ := setup(t)
		return s
	})
}

// setup opens a fresh store in a folder of its own.
func setup(t *testing.T) (s *store.Store, dsn string) {
	t.Helper()
	dsn = storetest.Database(t)
	return reopen(t, dsn), dsn
}

// reopen opens a database; the test's end closes it unless the test did.
func reopen(t *testing.T, dsn string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), dsn, store.Options{})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}
