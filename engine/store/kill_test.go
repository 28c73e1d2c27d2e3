package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"anxin/engine"
	"anxin/engine/store"
)

// The environment of the child process that the tests below start, which is this test
// binary running TestChild alone.
const (
	childDSN  = "ANXIN_STORETEST_CHILD_DSN"
	childLife = "ANXIN_STORETEST_CHILD_LIFE" // makes the numbers of its orders its own
)

// TestChild is the child's life: it opens the database and registers orders from many
// goroutines until it is killed, naming each on stdout once Commit has returned. In the
// parent it has nothing to do.
func TestChild(t *testing.T) {
	dsn := os.Getenv(childDSN)
	if dsn == "" {
		return
	}
	s, err := store.Open(context.Background(), dsn, store.Options{})
	if err != nil {
		t.Fatalf("child: %v", err)
	}
	var mu sync.Mutex // one line after the other
	var writers sync.WaitGroup
	for w := range 32 {
		writers.Go(func() {
			for i := 0; ; i++ {
				c := registration(t, fmt.Sprintf("L%s-%d-%d", os.Getenv(childLife), w, i))
				task := engine.Task{TaskKey: engine.TaskKey{OrderNo: c.Order.OrderNo, Kind: engine.TaskQuery}, DueAt: 1, Token: 1, LeaseUntil: 1 << 40}
				if err := s.Commit(context.Background(), engine.Commit{
					Order: &c.Order, Events: c.Events, Tasks: []engine.TaskWrite{{Task: task}},
				}); err != nil {
					t.Errorf("child: %v", err)
					return
				}
				mu.Lock()
				_, err := fmt.Fprintf(os.Stdout, "%s committed.\n", c.Order.OrderNo)
				mu.Unlock()
				if err != nil {
					return // nobody listens
				}
			}
		})
	}
	writers.Wait()
}

// startChild returns a running child and its stdout.
func startChild(t *testing.T, dsn string, life int) (*os.Process, *bufio.Scanner) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run", "^TestChild$")
	child.Env = append(os.Environ(), childDSN+"="+dsn, fmt.Sprintf("%s=%d", childLife, life))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill() // most are dead by then
		_ = child.Wait()
	})
	return child.Process, bufio.NewScanner(out)
}

func TestAcknowledgedCommitsSurviveKill(t *testing.T) {
	t.Parallel()
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "anxin.db")
	const lives, perLife = 3, 200
	acknowledged := make(map[string]bool)
	for life := range lives {
		child, said := startChild(t, dsn, life)
		for n := 0; said.Scan(); {
			orderNo, ok := strings.CutSuffix(said.Text(), " committed.")
			if !ok {
				continue // the line that it was killed in
			}
			acknowledged[orderNo] = true
			if n++; n == perLife {
				if err := child.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := child.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if len(acknowledged) < lives*perLife {
		t.Fatalf("only %d orders were acknowledged", len(acknowledged))
	}
	s := reopen(t, dsn)
	for orderNo := range acknowledged {
		expectWhole(t, s, orderNo)
	}
	expectEveryTask(t, s, acknowledged)
}

// expectWhole checks that an order is there with its timeline.
func expectWhole(t *testing.T, s *store.Store, orderNo string) {
	t.Helper()
	if _, err := s.Order(t.Context(), orderNo); err != nil {
		t.Errorf("acknowledged order %s: %v", orderNo, err)
	}
	if events, err := s.Events(t.Context(), orderNo, 0, 10); err != nil || len(events) != 1 {
		t.Errorf("acknowledged order %s has %d events: %v", orderNo, len(events), err)
	}
}

// expectEveryTask checks that each acknowledged order's task is there and free, and that
// each task has its order: nothing was written by half.
func expectEveryTask(t *testing.T, s *store.Store, acknowledged map[string]bool) {
	t.Helper()
	tasks, err := s.ClaimTasks(t.Context(), engine.Claim{DueBy: 1, Now: 1, LeaseUntil: 2, Token: 2, Limit: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		if _, err := s.Order(t.Context(), task.OrderNo); err != nil {
			t.Errorf("task without an order: %v", err)
		}
		delete(acknowledged, task.OrderNo)
	}
	if len(acknowledged) > 0 {
		t.Errorf("%d acknowledged orders have no task", len(acknowledged))
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "anxin.db")
	child, said := startChild(t, dsn, 0)
	if !said.Scan() {
		t.Fatal("the child said nothing")
	}
	if _, err := store.Open(t.Context(), dsn, store.Options{}); !errors.Is(err, store.ErrInUse) {
		t.Errorf("got %v, want %v", err, store.ErrInUse)
	}
	if err := child.Kill(); err != nil {
		t.Fatal(err)
	}
	for said.Scan() { // until it is dead
	}
	if _, err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	reopen(t, dsn)
}
