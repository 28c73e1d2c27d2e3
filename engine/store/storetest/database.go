package storetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"anxin/engine/store"
)

// Database returns the URL of a database in a folder of the test's own, as opening an
// empty one would leave it. It is a copy of one that is made once in a process: under the
// race detector the migrations take longer than most tests.
func Database(t testing.TB) (dsn string) {
	t.Helper()
	content, err := empty()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "anxin.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

var empty = sync.OnceValues(func() (content []byte, err error) {
	dir, err := os.MkdirTemp("", "empty")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "anxin.db")
	s, err := store.Open(context.Background(), "sqlite:"+path, store.Options{Readers: 1})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})
