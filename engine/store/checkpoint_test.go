package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
)

// openWithLimits returns a store and the path of its log.
func openWithLimits(t *testing.T, limits logLimits) (*Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "anxin.db")
	s, err := openLimited(t.Context(), "sqlite:"+path, Options{}.withDefaults(), limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, path + "-wal"
}

func logSize(t *testing.T, log string) int64 {
	t.Helper()
	info, err := os.Stat(log)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// body makes a commit of about four pages.
func body(name string) engine.Commit {
	return engine.Commit{Key: &engine.Key{OrderNo: "A1", Key: name, Hash: strings.Repeat("x", 16<<10)}}
}

func TestLogStaysBoundedUnderConstantLoad(t *testing.T) {
	t.Parallel()
	const pageSize, closeAt, writers, each = 4096, 32, 4, 100
	s, log := openWithLimits(t, logLimits{copyEvery: 4, closeAt: closeAt, idleAfter: time.Hour})
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				if err := s.Commit(t.Context(), body(fmt.Sprint(w, "-", i))); err != nil {
					t.Errorf("commit: %v", err)
				}
			}
		})
	}
	group.Wait()
	// 400 commits of more than 4 pages each; what came in while the log was copied is
	// beyond the limit, but not the half of everything.
	if size, all := logSize(t, log), int64(writers*each*4*pageSize); size > all/2 {
		t.Errorf("the log has %d bytes of %d written", size, all)
	}
}

func TestIdleStoreEmptiesItsLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, log := openWithLimits(t, logLimits{copyEvery: 1 << 40, closeAt: 1 << 40, idleAfter: time.Minute})
		if err := s.Commit(t.Context(), body("a")); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute - time.Second)
		expectReady(t, s) // no change: asking whether it is ready keeps nobody busy
		if logSize(t, log) == 0 {
			t.Error("the log is empty before its time")
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		if size := logSize(t, log); size != 0 {
			t.Errorf("the log of an idle store has %d bytes", size)
		}
		if err := s.Commit(t.Context(), body("b")); err != nil {
			t.Errorf("commit after that: %v", err)
		}
	})
}
