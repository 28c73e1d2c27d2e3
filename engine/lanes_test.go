package engine_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/order"
)

// batches is a runner over the real store whose tasks run together. Each batch takes as
// long as the test lets it.
type batches struct {
	works
	store *groupedCommits
	goOn  chan struct{} // takes one value for each batch that may end; closed: all may

	guard   sync.Mutex // guards what follows
	begun   []begun
	running int // tasks
	most    int // of running
}

type begun struct {
	tasks []engine.Task
	at    order.Time
}

func newBatches(t *testing.T) *batches {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	s := &groupedCommits{Store: openStore(t)}
	b := &batches{works: works{t: t, tasks: s}, store: s, goOn: make(chan struct{})}
	b.Runner = engine.NewRunner(b.tasks, nil, nil, log)
	b.RunTogether(engine.TaskStage, b.handle)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { b.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return b
}

func (b *batches) handle(_ context.Context, list []engine.Task) {
	b.guard.Lock()
	b.begun = append(b.begun, begun{list, order.At(time.Now())})
	b.running += len(list)
	b.most = max(b.most, b.running)
	b.guard.Unlock()
	<-b.goOn
	for _, t := range list {
		fatal(b.t, b.finish(t))
	}
	b.guard.Lock()
	b.running -= len(list)
	b.guard.Unlock()
}

// since returns the batches that have begun, but for the first n.
func (b *batches) since(n int) []begun {
	b.guard.Lock()
	defer b.guard.Unlock()
	return slices.Clone(b.begun[n:])
}

// sizes are those of batches, largest first.
func sizes(list []begun) []int {
	all := make([]int, len(list))
	for i, x := range list {
		all[i] = len(x.tasks)
	}
	slices.SortFunc(all, func(a, b int) int { return cmp.Compare(b, a) })
	return all
}

// due puts n tasks, the first due in some time and each of the others a step later.
func (b *batches) due(prefix string, n int, in, step time.Duration) {
	b.t.Helper()
	list := make([]engine.Task, n)
	for i := range list {
		list[i] = task(fmt.Sprintf("%s%03d", prefix, i), "", in+step*time.Duration(i))
		list[i].Kind = engine.TaskStage
	}
	b.put(list...)
}

func TestWhatComesDueAtTheSameMomentRunsTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBatches(t)
		close(b.goOn)
		b.due("A", 2*engine.BatchSize+5, time.Second, 0)
		b.due("B", 3, 2*time.Second, 0)
		<-time.After(1500 * time.Millisecond)
		if got, want := sizes(b.since(0)), []int{engine.BatchSize, engine.BatchSize, 5}; !slices.Equal(got, want) {
			t.Errorf("ran in batches of %v, want %v", got, want)
		}
		<-time.After(time.Second)
		if got := sizes(b.since(3)); !slices.Equal(got, []int{3}) {
			t.Errorf("a second later in batches of %v, want one of 3", got)
		}
	})
}

// While the store stalls, what comes due begins at its time, however few come due at each
// moment, until as many tasks are on their way as the store takes in one group.
func TestABoundOfTasksAndNotOfBatchesHoldsWhileTheStoreStalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const more = engine.BatchSize + 12
		b := newBatches(t)
		b.due("A", engine.BatchTasks+more, time.Second, time.Millisecond)
		<-time.After(2 * time.Second)
		first := b.since(0)
		if len(first) != engine.BatchTasks {
			t.Fatalf("%d batches began, want one for each of %d moments", len(first), engine.BatchTasks)
		}
		for _, x := range first {
			if len(x.tasks) != 1 || x.at != x.tasks[0].DueAt {
				t.Errorf("%d tasks began at %v, the first was due at %v", len(x.tasks), x.at, x.tasks[0].DueAt)
			}
		}
		close(b.goOn)
		synctest.Wait()
		// What waited is not run one by one, although it was one by one that room was made.
		if got, want := sizes(b.since(engine.BatchTasks)), []int{engine.BatchSize, more - engine.BatchSize}; !slices.Equal(got, want) {
			t.Errorf("what waited ran in batches of %v, want %v", got, want)
		}
		b.wantAllOnceInOrder(engine.BatchTasks + more)
	})
}

func TestWhatComesDueLaterWaitsBehindWhatMakesRoomForABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBatches(t)
		b.due("A", engine.BatchTasks+engine.BatchSize, time.Second, time.Millisecond)
		<-time.After(2 * time.Second)
		for range 10 {
			b.goOn <- struct{}{}
		}
		b.due("B", 5, 0, time.Millisecond)
		<-time.After(time.Second)
		if got := b.since(engine.BatchTasks); len(got) != 0 {
			t.Errorf("%v began ahead of what was due before", got)
		}
		close(b.goOn)
		synctest.Wait()
		b.wantAllOnceInOrder(engine.BatchTasks + engine.BatchSize + 5)
	})
}

// What has waited so long that its lease might end while it runs is leased anew together.
func TestABatchThatWaitedLongIsLeasedAnewInOneCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBatches(t)
		b.due("A", engine.BatchTasks+engine.BatchSize, time.Second, 0)
		<-time.After(30 * time.Second)
		close(b.goOn)
		synctest.Wait()
		b.wantAllOnceInOrder(engine.BatchTasks + engine.BatchSize)
		if n := b.store.n.Load(); n != 1 {
			t.Errorf("%d commits of many, want one", n)
		}
	})
}

// wantAllOnceInOrder holds that so many tasks have run, together with those due next to
// them, and never more at a time than the store takes in one group.
func (b *batches) wantAllOnceInOrder(n int) {
	b.t.Helper()
	seen := make(map[string]bool)
	var last order.Time
	list := b.since(0) // those that start at one moment come in any order
	slices.SortFunc(list, func(x, y begun) int { return cmp.Compare(x.tasks[0].DueAt, y.tasks[0].DueAt) })
	for _, x := range list {
		for _, task := range x.tasks {
			if seen[task.OrderNo] || task.DueAt < last {
				b.t.Errorf("%s ran twice or after what was due later", task.OrderNo)
			}
			seen[task.OrderNo], last = true, task.DueAt
		}
	}
	if b.guard.Lock(); len(seen) != n || b.most > engine.BatchTasks || b.running != 0 {
		b.t.Errorf("%d of %d tasks ran, %d at a time, %d still do", len(seen), n, b.most, b.running)
	}
	b.guard.Unlock()
}
