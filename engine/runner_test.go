package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/order"
	"anxin/engine/store"
	"anxin/engine/store/storetest"
)

// works is a runner over the real store with a handler that records what it ran.
type works struct {
	*engine.Runner
	t     *testing.T
	tasks engine.TaskStore
	stop  func()

	mu   sync.Mutex
	runs []ran
}

type ran struct {
	engine.Task
	at time.Time
}

func openStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), storetest.Database(t), store.Options{Readers: 2})
	fatal(t, err)
	t.Cleanup(func() { fatal(t, s.Close()) })
	return s
}

// newWorks runs a runner until the test ends or stop is called. do may be nil: the task
// is then deleted, as a handler that is done does.
func newWorks(t *testing.T, tasks engine.TaskStore, limit int, do func(ctx context.Context, w *works, t engine.Task)) *works {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	w := &works{t: t, tasks: tasks}
	handle := func(ctx context.Context, task engine.Task) {
		w.mu.Lock()
		w.runs = append(w.runs, ran{task, time.Now()})
		w.mu.Unlock()
		if do == nil {
			fatal(t, w.finish(task))
			return
		}
		do(ctx, w, task)
	}
	w.Runner = engine.NewRunner(tasks, map[engine.TaskKind]engine.Handler{engine.TaskQuery: handle, engine.TaskDeliver: handle},
		map[engine.TaskKind]int{engine.TaskQuery: limit, engine.TaskDeliver: limit}, log)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { w.Run(ctx); close(ended) }()
	w.stop = func() { cancel(); <-ended }
	t.Cleanup(w.stop)
	return w
}

func (w *works) ran() []ran {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.runs)
}

// finish deletes a task under its fence, as a handler's last commit does.
func (w *works) finish(t engine.Task) error {
	begun := w.Begin()
	gone := []engine.TaskWrite{{Task: engine.Task{TaskKey: t.TaskKey}, Delete: true}}
	err := w.tasks.Commit(context.Background(), engine.Commit{Tasks: gone, Fence: &engine.Fence{TaskKey: t.TaskKey, Token: t.Token}})
	if err == nil {
		w.Committed(gone, begun)
	}
	return err
}

// put commits tasks the way the engine does.
func (w *works) put(tasks ...engine.Task) {
	w.t.Helper()
	begun := w.Begin()
	var c engine.Commit
	for _, t := range tasks {
		w.Lease(&t, order.At(time.Now()))
		c.Tasks = append(c.Tasks, engine.TaskWrite{Task: t})
	}
	fatal(w.t, w.tasks.Commit(context.Background(), c))
	w.Committed(c.Tasks, begun)
}

func task(orderNo, target string, in time.Duration) engine.Task {
	return engine.Task{TaskKey: engine.TaskKey{OrderNo: orderNo, Kind: engine.TaskQuery, Target: target}, DueAt: order.At(time.Now().Add(in))}
}

func TestRunnerFiresExactlyAtDueInOrderOfDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorks(t, openStore(t), 100, nil)
		// Some are near enough to be born leased, the others are claimed ahead.
		waits := []time.Duration{9 * time.Second, 1, 1500 * time.Millisecond, 2001 * time.Millisecond, time.Minute, 37 * time.Millisecond, 0, -time.Hour}
		for i, in := range waits {
			w.put(task(fmt.Sprintf("A%d", i), pay, in))
		}
		<-time.After(2 * time.Minute)
		runs := w.ran()
		if len(runs) != len(waits) {
			t.Fatalf("%d of %d tasks ran", len(runs), len(waits))
		}
		for i, r := range runs {
			if late := r.at.Sub(r.DueAt.Std()); late < 0 || (late >= time.Millisecond && r.OrderNo != "A7") {
				t.Errorf("%s ran %v after its time", r.OrderNo, late)
			}
			if i > 1 && runs[i-1].DueAt > r.DueAt && r.OrderNo != "A7" && r.OrderNo != "A6" {
				t.Errorf("%s ran after %s", r.OrderNo, runs[i-1].OrderNo)
			}
		}
	})
}

func TestRunnerDoesNotFireWhatWasReplacedOrDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorks(t, openStore(t), 10, nil)
		w.put(task("later", pay, time.Second), task("gone", pay, time.Second))
		w.put(task("later", pay, 5*time.Second))
		begun := w.Begin()
		gone := []engine.TaskWrite{{Task: task("gone", pay, 0), Delete: true}}
		fatal(t, w.tasks.Commit(t.Context(), engine.Commit{Tasks: gone}))
		w.Committed(gone, begun)
		<-time.After(4 * time.Second)
		if runs := w.ran(); len(runs) != 0 {
			t.Errorf("ran %v", runs)
		}
		<-time.After(2 * time.Second)
		if runs := w.ran(); len(runs) != 1 || runs[0].OrderNo != "later" {
			t.Errorf("ran %v, want the replacement once", runs)
		}
	})
}

// dying is a store whose runner can be made to claim no more, as one whose node is dead.
type dying struct {
	engine.TaskStore
	dead atomic.Bool
}

func (d *dying) ClaimTasks(ctx context.Context, c engine.Claim) ([]engine.Task, error) {
	if d.dead.Load() {
		return nil, nil
	}
	return d.TaskStore.ClaimTasks(ctx, c)
}

// between is a store that lets something happen between the moment at which a claim is
// durable and the moment at which the runner hears of it.
type between struct {
	engine.TaskStore
	claimed func([]engine.Task)
}

func (b *between) ClaimTasks(ctx context.Context, c engine.Claim) ([]engine.Task, error) {
	tasks, err := b.TaskStore.ClaimTasks(ctx, c)
	if len(tasks) > 0 {
		b.claimed(tasks)
	}
	return tasks, err
}

func TestRunnerFiresATaskThatWasReplacedWhileItWasClaimed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &between{TaskStore: openStore(t), claimed: func([]engine.Task) {}}
		w := newWorks(t, b, 10, func(_ context.Context, w *works, task engine.Task) {
			if err := w.finish(task); err != nil && !errors.Is(err, engine.ErrFenced) {
				w.t.Error(err)
			}
		})
		synctest.Wait()
		var due order.Time
		var once sync.Once
		b.claimed = func(claimed []engine.Task) {
			once.Do(func() { // somebody checks now
				next := task("A1", pay, time.Second)
				due = next.DueAt
				w.put(next)
			})
		}
		w.put(task("A1", pay, 3*time.Second))
		<-time.After(10 * time.Second)
		if !slices.ContainsFunc(w.ran(), func(r ran) bool { return r.DueAt == due && r.at.Equal(due.Std()) }) {
			t.Errorf("the replacement did not fire at its time: %v", w.ran())
		}
	})
}

func TestRunnerFiresATaskThatWasClaimedBeforeItsCommitReturned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorks(t, openStore(t), 10, nil)
		begun := w.Begin()
		next := task("A1", pay, 2300*time.Millisecond) // just too far to be born leased
		w.Lease(&next, order.At(time.Now()))
		writes := []engine.TaskWrite{{Task: next}}
		fatal(t, w.tasks.Commit(t.Context(), engine.Commit{Tasks: writes}))
		<-time.After(time.Second) // the claim loop sees the row before the commit's caller goes on
		w.Committed(writes, begun)
		<-time.After(5 * time.Second)
		if runs := w.ran(); len(runs) != 1 || !runs[0].at.Equal(next.DueAt.Std()) {
			t.Errorf("ran %v, want once at %v", runs, next.DueAt)
		}
	})
}

func TestRunnerBoundsEachTargetAndStarvesNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		w := newWorks(t, openStore(t), 3, func(_ context.Context, w *works, task engine.Task) {
			if task.Target == "slow" {
				most.Store(max(most.Load(), running.Add(1)))
				<-time.After(5 * time.Second)
				running.Add(-1)
			}
			fatal(w.t, w.finish(task))
		})
		for i := range 12 {
			w.put(task(fmt.Sprintf("S%d", i), "slow", time.Second))
			w.put(task(fmt.Sprintf("F%d", i), "fast", time.Second+time.Duration(i)*time.Millisecond))
		}
		<-time.After(1100 * time.Millisecond)
		fast := 0
		for _, r := range w.ran() {
			if r.Target == "fast" {
				fast++
			}
		}
		if fast != 12 {
			t.Errorf("%d of 12 tasks of the fast target ran beside the slow one", fast)
		}
		<-time.After(20 * time.Second)
		if n := len(w.ran()); n != 24 || most.Load() != 3 {
			t.Errorf("%d tasks ran, at most %d of the slow target at once; want 24, 3", n, most.Load())
		}
	})
}

// A backlog longer than a lease must still make progress: each task runs once, and its
// outcome is accepted.
func TestRunnerBacklogLongerThanALeaseIsWorkedOffOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var refused atomic.Int64
		w := newWorks(t, openStore(t), 2, func(_ context.Context, w *works, task engine.Task) {
			<-time.After(25 * time.Second)
			if w.finish(task) != nil {
				refused.Add(1)
			}
		})
		for i := range 20 {
			w.put(task(fmt.Sprintf("A%02d", i), "slow", time.Second+time.Duration(i)*time.Millisecond))
		}
		<-time.After(10 * 25 * time.Second)
		<-time.After(10 * time.Second)
		runs := w.ran()
		if len(runs) != 20 || refused.Load() != 0 {
			t.Errorf("20 tasks took %d runs, %d outcomes were refused", len(runs), refused.Load())
		}
		if !slices.IsSortedFunc(runs, func(a, b ran) int { return int(a.DueAt-b.DueAt) / 2 }) {
			t.Error("the backlog was not worked off in order of due")
		}
	})
}

func TestRunnerContainsAPanicAndRunsTheTaskAgainAfterItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := true
		w := newWorks(t, openStore(t), 1, func(_ context.Context, w *works, task engine.Task) {
			if first {
				first = false
				panic("a bug in an adapter")
			}
			fatal(w.t, w.finish(task))
		})
		w.put(task("A1", pay, time.Second))
		<-time.After(2 * time.Minute)
		runs := w.ran()
		if len(runs) != 2 || runs[1].at.Sub(runs[0].at) < time.Minute {
			t.Errorf("ran %v, want once and once more after the lease", runs)
		}
	})
}

func TestRunReturnsOnlyWhenHandlersHaveEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Bool
		w := newWorks(t, openStore(t), 1, func(ctx context.Context, _ *works, _ engine.Task) {
			<-ctx.Done()
			<-time.After(3 * time.Second)
			ended.Store(true)
		})
		w.put(task("A1", pay, 0), task("A2", pay, 0))
		synctest.Wait()
		w.stop()
		if !ended.Load() {
			t.Error("run returned while a handler was running")
		}
		if n := len(w.ran()); n != 1 {
			t.Errorf("%d handlers ran, the second began after the end", n)
		}
	})
}

func TestLeaseThatEndsHandsTheTaskToAnotherRunnerAndFencesTheFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		stalled := make(chan struct{})
		late := make(chan error, 1)
		node := &dying{TaskStore: s}
		first := newWorks(t, node, 1, func(_ context.Context, w *works, task engine.Task) {
			<-stalled // a node that is paused for longer than its lease
			late <- w.finish(task)
		})
		first.put(task("A1", pay, time.Second))
		<-time.After(2 * time.Second)
		if n := len(first.ran()); n != 1 {
			t.Fatalf("%d runs", n)
		}
		node.dead.Store(true)
		second := newWorks(t, s, 1, nil)
		<-time.After(2 * time.Minute)
		close(stalled)
		if err := <-late; !errors.Is(err, engine.ErrFenced) {
			t.Errorf("the stale outcome was answered %v, want ErrFenced", err)
		}
		if runs := second.ran(); len(runs) != 1 || runs[0].at.Sub(first.ran()[0].at) < time.Minute {
			t.Errorf("the second ran %v, want once after the lease of the first", runs)
		}
	})
}

func TestTwoRunnersShareTasksWithoutRunningOneTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		a, b := newWorks(t, s, 50, nil), newWorks(t, s, 50, nil)
		for i := range 60 {
			a.put(task(fmt.Sprintf("A%d", i), pay, time.Duration(3+i)*time.Second))
		}
		<-time.After(70 * time.Second)
		seen := make(map[string]int)
		for _, r := range append(a.ran(), b.ran()...) {
			seen[r.OrderNo]++
			if !r.at.Equal(r.DueAt.Std()) {
				t.Errorf("%s ran at %v, due %v", r.OrderNo, r.at, r.DueAt)
			}
		}
		for no, n := range seen {
			if n != 1 {
				t.Errorf("%s ran %d times", no, n)
			}
		}
		if len(seen) != 60 {
			t.Errorf("%d of 60 ran", len(seen))
		}
	})
}
