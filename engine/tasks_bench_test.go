package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/order"
	"anxin/engine/store/storetest"
)

// enterAtOnce makes every claimed order due for its next stage: a task whose run writes
// the order, its event and the next task, and waits for nobody but the store.
var enterAtOnce = engine.Config{Stages: order.StageLimits{Delayed: time.Millisecond, Prolonged: 24 * time.Hour}}

// BenchmarkTasks runs b.N tasks that are due at once. Each commits its order, an event
// row and the next task, fenced. The floor, before and after it, is as many commits of one
// row, grouped in the same way.
func BenchmarkTasks(b *testing.B) { benchmarkTasks(b, benchOrder) }

// BenchmarkTasksScattered is the same with numbers of orders that were drawn at random.
func BenchmarkTasksScattered(b *testing.B) {
	benchmarkTasks(b, func(i int) string { return scattered("B", i) })
}

func benchmarkTasks(b *testing.B, name func(i int) string) {
	b.Helper()
	s := benchStore(b, filepath.Join(b.TempDir(), "bench.db"))
	claimMany(b, s, b.N, name)
	armMany(b, s, name, b.N, func(int) order.Time { return order.At(time.Now()) })
	done := newCountdown(b.N)
	e := benchEngine(b, s, enterAtOnce, done)
	single := besideFloor(b, func() {
		b.ResetTimer()
		stop := runBench(b, e)
		<-done.zero
		b.StopTimer()
		stop()
	})
	rate := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "tasks/s")
	b.ReportMetric(single, "floor/s")
	b.ReportMetric(rate/single, "of-floor")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFiring measures how late tasks begin when 100,000 of them are due within
// 20 seconds among 1,000,000 that are armed for later, and what memory this takes above
// that of the idle store. The floor, which runs after it, is a loop that sleeps until each
// is due. The numbers of the orders are scattered, so that nothing that is
// due together lies together. A task that begins early fails it. Run it once (1x).
func BenchmarkFiring(b *testing.B) {
	const (
		due, armed = 100_000, 1_000_000
		within     = 20 * time.Second
	)
	path := filepath.Join(b.TempDir(), "bench.db")
	s := benchStore(b, path)
	name := func(i int) string { return scattered("B", i) }
	claimMany(b, s, due, name)
	armMany(b, s, func(i int) string { return scattered("armed", i) }, armed, func(i int) order.Time { return order.At(time.Now().Add(time.Hour)) + order.Time(i) })
	if err := s.Close(); err != nil { // nothing of the arming is left to do, nor in memory
		b.Fatal(err)
	}
	s = benchStore(b, path)
	debug.FreeOSMemory()
	idle := resident()

	first := time.Now().Add(15 * time.Second) // when all are armed, and beyond the horizon
	plan := make([]order.Time, due)
	late := make([]time.Duration, due)
	for i := range plan {
		plan[i] = order.At(first.Add(within / due * time.Duration(i)))
	}
	armMany(b, s, name, due, func(i int) order.Time { return plan[i] })
	done := newCountdown(due)
	e := benchEngine(b, watched{s, func(orderNo string) {
		if i := benchIndex(orderNo); late[i] == 0 {
			late[i] = time.Since(plan[i].Std())
		}
	}}, enterAtOnce, done)
	stop := runBench(b, e)
	<-time.After(time.Until(first))
	stolen := storetest.Stolen(b)
	peak := watchMemory(done.zero)
	stolen()
	stop()
	slices.Sort(late)
	if late[0] < 0 {
		b.Errorf("a task began %s early", -late[0])
	}
	storetest.ReportLatency(b, late)
	if idle > 0 {
		b.ReportMetric(float64(peak-idle)/(1<<20), "MiB-above-idle")
	}
	b.ReportMetric(storetest.Quantile(sleepLoop(within/4, within/due), 0.99), "floor-p99-ms")
}

// sleepLoop is the least that firing can be: one goroutine that sleeps until each of the
// due times and does nothing. It returns how late it was.
func sleepLoop(within, every time.Duration) []time.Duration {
	late, began := make([]time.Duration, within/every), time.Now()
	for i := range late {
		due := began.Add(every * time.Duration(i))
		<-time.After(time.Until(due))
		late[i] = time.Since(due)
	}
	return late
}

// BenchmarkCallbackUnderArmed offers 500 callbacks a second while 100,000 tasks are armed.
func BenchmarkCallbackUnderArmed(b *testing.B) {
	const armed, every = 100_000, 2 * time.Millisecond
	s := benchStore(b, filepath.Join(b.TempDir(), "bench.db"))
	e := benchEngine(b, s, engine.Config{}, deaf{})
	registerMany(b, e, b.N)
	armMany(b, s, func(i int) string { return scattered("armed", i) }, armed, func(i int) order.Time { return order.At(time.Now().Add(time.Hour)) + order.Time(i) })
	requests := sealMany(b, b.N)
	defer runBench(b, e)()
	took := make([]time.Duration, b.N)
	var all sync.WaitGroup
	stolen := storetest.Stolen(b)
	b.ResetTimer()
	for i, began := 0, time.Now(); i < b.N; i++ {
		at := began.Add(every * time.Duration(i))
		<-time.After(time.Until(at))
		all.Go(func() {
			if _, err := e.Receive(b.Context(), pay, requests[i]); err != nil {
				b.Error(err)
			}
			took[i] = time.Since(at)
		})
	}
	all.Wait()
	b.StopTimer()
	stolen()
	storetest.ReportLatency(b, took)
}

// claimMany stores n orders whose payers say that they have paid.
func claimMany(b *testing.B, s engine.Store, n int, name func(i int) string) {
	b.Helper()
	atOnce(n, func(i int) {
		r := registration(name(i))
		r.Mode = order.Pushed // nobody is asked about it
		c, err := order.Register(r, order.At(time.Now()))
		if err == nil {
			c = c.Then(c.Order.Claim(c.Order.CreatedAt, order.Wait{}))
			err = s.Commit(b.Context(), engine.Commit{Order: &c.Order, Events: c.Events})
		}
		if err != nil {
			b.Error(err)
		}
	})
}

// armMany stores n stage tasks, many to a commit.
func armMany(b *testing.B, s engine.Store, name func(i int) string, n int, due func(i int) order.Time) {
	b.Helper()
	for begin := 0; begin < n; begin += 5000 {
		var c engine.Commit
		for i := begin; i < min(n, begin+5000); i++ {
			key := engine.TaskKey{OrderNo: name(i), Kind: engine.TaskStage}
			c.Tasks = append(c.Tasks, engine.TaskWrite{Task: engine.Task{TaskKey: key, DueAt: due(i)}})
		}
		if err := s.Commit(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
}

func benchIndex(orderNo string) int {
	_, digits, _ := strings.Cut(orderNo, "B")
	i, _ := strconv.Atoi(digits)
	return i
}

// runBench runs an engine until stop, which returns when it has ended.
func runBench(b *testing.B, e *engine.Engine) (stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := e.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	return func() { cancel(); running.Wait() }
}

// countdown closes zero after n commits.
type countdown struct {
	left atomic.Int64
	zero chan struct{}
}

func newCountdown(n int) *countdown {
	c := &countdown{zero: make(chan struct{})}
	c.left.Store(int64(n))
	return c
}

func (c *countdown) Committed(order.Order, []order.Event) {
	if c.left.Add(-1) == 0 {
		close(c.zero)
	}
}

// watched tells when the runs of tasks begin: they read their orders first.
type watched struct {
	engine.Store
	began func(orderNo string)
}

func (w watched) Order(ctx context.Context, orderNo string) (order.Order, error) {
	w.began(orderNo)
	return w.Store.Order(ctx, orderNo)
}

func (w watched) OrdersByNo(ctx context.Context, orderNos []string) (map[string]order.Order, error) {
	for _, orderNo := range orderNos {
		w.began(orderNo)
	}
	return w.Store.OrdersByNo(ctx, orderNos)
}

// watchMemory returns the most that was resident until done.
func watchMemory(done <-chan struct{}) (peak int64) {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-done:
			return peak
		case <-look.C:
			peak = max(peak, resident())
		}
	}
}

// resident returns the memory of this process in bytes, 0 where /proc does not tell.
func resident() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
