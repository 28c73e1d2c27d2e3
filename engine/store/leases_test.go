package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"anxin/engine"
	"anxin/engine/order"
)

func taskOf(orderNo string, due order.Time) engine.Task {
	return engine.Task{TaskKey: engine.TaskKey{OrderNo: orderNo, Kind: engine.TaskQuery, Target: "pay"}, DueAt: due}
}

func leasedBy(t engine.Task, token int64) engine.Task {
	t.Token, t.LeaseUntil = token, 1_000_000
	return t
}

func putting(tasks ...engine.Task) engine.Commit {
	var c engine.Commit
	for _, t := range tasks {
		c.Tasks = append(c.Tasks, engine.TaskWrite{Task: t})
	}
	return c
}

func deleting(tasks ...engine.Task) engine.Commit {
	c := putting(tasks...)
	for i := range c.Tasks {
		c.Tasks[i].Delete = true
	}
	return c
}

func fenced(c engine.Commit, t engine.Task) engine.Commit {
	c.Fence = &engine.Fence{TaskKey: t.TaskKey, Token: t.Token}
	return c
}

func writing(c engine.Commit) action { return (&encoded{Commit: c}).write }

func mustCommit(t *testing.T, s *Store, c engine.Commit) {
	t.Helper()
	if err := s.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// claiming is a claim of a worker at an instant, of what is due by then, until 1,000,000.
func claiming(now order.Time, token int64, limit int) engine.Claim {
	return engine.Claim{DueBy: now, Now: now, LeaseUntil: 1_000_000, Token: token, Limit: limit}
}

func claimed(t *testing.T, s *Store, c engine.Claim) []engine.Task {
	t.Helper()
	tasks, err := s.ClaimTasks(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return tasks
}

func expectClaimed(t *testing.T, s *Store, c engine.Claim, want ...string) []engine.Task {
	t.Helper()
	tasks := claimed(t, s, c)
	names := make([]string, len(tasks))
	for i, task := range tasks {
		names[i] = task.OrderNo
	}
	if !slices.Equal(names, want) {
		t.Errorf("claimed %v, want %v", names, want)
	}
	return tasks
}

// inside looks at the leases between two groups.
func inside(s *Store, look func(w *writes)) {
	s.writer.pause(func(context.Context) { look(s.writer.statements) })
}

func TestRollbackOfAGroupTakesItsLeasesBack(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]action{
		"a request fails":      func(context.Context, *writes) error { return errDisk },
		"the transaction does": func(ctx context.Context, w *writes) error { w.rollback(ctx); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, release := held(t)
			release()
			kept, gone := leasedBy(taskOf("kept", 10), 1), leasedBy(taskOf("gone", 20), 2)
			mustCommit(t, s, putting(kept, gone, taskOf("free", 30)))
			err := s.writer.do(t.Context(), func(ctx context.Context, w *writes) error {
				moved := kept
				moved.DueAt, moved.Token = 15, 3
				for _, c := range []engine.Commit{fenced(putting(moved), kept), fenced(deleting(gone), gone), putting(taskOf("new", 5))} {
					if err := writing(c)(ctx, w); err != nil {
						t.Error(err)
					}
				}
				if tasks, _, err := w.claim(ctx, claiming(100, 4, 10), 10); err != nil || len(tasks) != 2 {
					t.Errorf("claimed %v, %v", tasks, err)
				}
				return breaks(ctx, w)
			})
			if err == nil {
				t.Error("the group was committed")
			}
			mustCommit(t, s, fenced(engine.Commit{}, kept))
			mustCommit(t, s, fenced(engine.Commit{}, gone))
			expectClaimed(t, s, claiming(100, 5, 10), "free")
			ended := claiming(100, 6, 10)
			ended.Now = 1_000_001
			expectClaimed(t, s, ended, "kept", "gone", "free")
		})
	}
}

func TestLeasesHoldWithinTheirGroup(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	born := leasedBy(taskOf("born", 1), 1)
	var first, second []engine.Task
	claim := func(into *[]engine.Task, token int64) action {
		return func(ctx context.Context, w *writes) (err error) {
			*into, _, err = w.claim(ctx, claiming(10, token, 10), 10)
			return err
		}
	}
	free := leasedBy(taskOf("free", 2), 7)
	requests := queue(s.writer, writing(putting(born, taskOf("free", 2))), claim(&first, 7), claim(&second, 8),
		writing(fenced(engine.Commit{}, free)), writing(fenced(deleting(free), free)), writing(fenced(engine.Commit{}, free)))
	release()
	expect(t, requests, nil, nil, nil, nil, nil, engine.ErrFenced)
	if len(first) != 1 || first[0] != free || len(second) != 0 {
		t.Errorf("claimed %v, then %v", first, second)
	}
}

func TestFenceOfAFreeTaskRefuses(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	release()
	mustCommit(t, s, putting(taskOf("early", 10)))
	expectClaimed(t, s, claiming(100, 1, 10), "early")
	for _, due := range []order.Time{50, 500} { // behind what claims have read, and before it
		free := taskOf("free", due)
		free.Token = 9
		mustCommit(t, s, putting(free))
		if err := s.Commit(t.Context(), fenced(engine.Commit{}, free)); !errors.Is(err, engine.ErrFenced) {
			t.Errorf("due at %v: got %v, want %v", due, err, engine.ErrFenced)
		}
	}
}

// What is read once is not read again, however much of it is leased; what is written behind
// that is found all the same.
func TestClaimsReadOnFromWhereTheyWere(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	release()
	const n = 2*claimAtOnce + 7
	var many []engine.Task
	for i := range n {
		many = append(many, taskOf(fmt.Sprintf("T%04d", i), order.Time(10+i/300))) // many at one instant
	}
	mustCommit(t, s, putting(many...))
	for _, want := range []int{3, n - 3, 0} { // a limit in the middle of what was read
		if tasks := claimed(t, s, claiming(100, 1, max(want, 1))); len(tasks) != want {
			t.Fatalf("claimed %d, want %d", len(tasks), want)
		}
	}
	mustCommit(t, s, putting(taskOf("behind", 11), taskOf("ahead", 200)))
	inside(s, func(w *writes) {
		if found, err := w.dueTasks(t.Context(), 1000); err != nil || len(found) != 1 {
			t.Errorf("read %d tasks, %v, want what is ahead", len(found), err)
		}
	})
	expectClaimed(t, s, claiming(200, 2, 10), "behind", "ahead")
	mustCommit(t, s, putting(taskOf("T0000", 5)))
	tasks := expectClaimed(t, s, claiming(200, 3, 10), "T0000")
	if tasks[0].DueAt != 5 {
		t.Errorf("due at %v, want 5", tasks[0].DueAt)
	}
}

// Claimers' clocks differ: a lease that ended by one of them has not ended by the other.
func TestALeaseEndsByTheClockOfWhoClaims(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	release()
	mustCommit(t, s, putting(leasedBy(taskOf("late", 90), 1), leasedBy(taskOf("later", 95), 1)))
	after, before := claiming(100, 2, 1), claiming(100, 3, 10)
	after.Now, after.LeaseUntil, before.Now = 1_000_001, 2_000_000, 1_000_000
	expectClaimed(t, s, after, "late")
	expectClaimed(t, s, before)
	after.Token = 4
	expectClaimed(t, s, after, "later")
	after.Token, after.Now, after.DueBy = 5, 3_000_000, 92 // the lease of both is over, one is due
	expectClaimed(t, s, after, "late")
}

// Renewals come by the thousand when a backlog is long.
func TestANewLeaseAloneIsNoWrite(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	release()
	born := leasedBy(taskOf("born", 1), 1)
	mustCommit(t, s, putting(born))
	var before, after int64
	inside(s, func(w *writes) { before = w.changed })
	renewed := leasedBy(born, 2)
	renewed.LeaseUntil *= 2
	mustCommit(t, s, fenced(putting(renewed), born))
	inside(s, func(w *writes) { after = w.changed })
	if before != after {
		t.Errorf("%d rows were written", after-before)
	}
	mustCommit(t, s, fenced(engine.Commit{}, renewed))
	if err := s.Commit(t.Context(), fenced(engine.Commit{}, born)); !errors.Is(err, engine.ErrFenced) {
		t.Errorf("the old lease: got %v, want %v", err, engine.ErrFenced)
	}
}

// Only what is leased takes memory: nothing is left of tasks that are done or put off, nor
// of what their changes noted for a rollback.
func TestTasksThatAreDoneTakeNoMemory(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	release()
	var many []engine.Task
	for i := range 1000 {
		many = append(many, taskOf(fmt.Sprint("T", i), order.Time(i)))
	}
	mustCommit(t, s, putting(many...))
	tasks := claimed(t, s, claiming(1000, 1, len(many)))
	inside(s, func(w *writes) {
		if n := len(w.leases.held); n != len(many) {
			t.Errorf("%d leases of %d", n, len(many))
		}
	})
	var later []engine.Task
	for _, task := range tasks[500:] {
		later = append(later, taskOf(task.OrderNo, 5000))
	}
	mustCommit(t, s, putting(later...))
	mustCommit(t, s, deleting(tasks[:500]...))
	mustCommit(t, s, engine.Commit{})
	inside(s, func(w *writes) {
		l := w.leases
		if len(l.held)+l.running.Len()+l.ended.Len()+len(l.undo) > 0 {
			t.Errorf("left: %d leases, %d running, %d ended, %d to undo", len(l.held), l.running.Len(), l.ended.Len(), len(l.undo))
		}
	})
}

// BenchmarkLease takes and ends a lease among 100,000, and tells what one takes in memory.
func BenchmarkLease(b *testing.B) {
	const n = 100_000
	l := newLeases()
	tasks := make([]storedTask, n)
	for i := range tasks {
		tasks[i] = storedTask{leasedBy(taskOf(fmt.Sprint("BENCH-", i), order.Time(i)), 1), int64(i + 1)}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, t := range tasks {
		l.written(t)
	}
	l.begin()
	runtime.GC()
	runtime.ReadMemStats(&after)
	i := 0
	for b.Loop() {
		l.drop(tasks[i%n].TaskKey)
		l.written(tasks[i%n])
		l.begin()
		i++
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/lease")
}

// Claims must not wade through what is armed for later, nor sort what is due.
func TestDueTasksComeOutOfTheirIndex(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	release()
	plan := planOf(t, s, sqlDueTasks, 1, 2, 1, 3, 4)
	for _, want := range []string{"MERGE", "tasks_due (due_at=? AND rowid>?)", "tasks_due (due_at>? AND due_at<?)"} {
		if !strings.Contains(plan, want) {
			t.Errorf("%s: want %s", plan, want)
		}
	}
	if strings.Contains(plan, "TEMP B-TREE") {
		t.Errorf("%s: it sorts", plan)
	}
}
