package store_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
	"anxin/engine/store"
	"anxin/engine/store/storetest"
)

// requesters is how many callers the benchmarks have at once.
const requesters = 64

// BenchmarkCommitGrouped commits what the intake of a callback does: the raw callback,
// the new state, an event and a task.
func BenchmarkCommitGrouped(b *testing.B) {
	s := openBench(b, filepath.Join(b.TempDir(), "bench.db"))
	orders := registerMany(b, s, b.N)
	measure(b, func(i int) error { return s.Commit(b.Context(), intake(orders[i], i)) })
}

// BenchmarkCommitPaced offers 1,000 intakes a second whatever the store does, which is
// what makes its pauses visible in p99.
func BenchmarkCommitPaced(b *testing.B) {
	s := openBench(b, filepath.Join(b.TempDir(), "bench.db"))
	orders := registerMany(b, s, b.N)
	const gap = time.Millisecond
	latencies := make([]time.Duration, b.N)
	var callers sync.WaitGroup
	tick := time.NewTicker(gap)
	defer tick.Stop()
	b.ResetTimer()
	for i := range b.N {
		begin := <-tick.C
		callers.Go(func() {
			if err := s.Commit(b.Context(), intake(orders[i], i)); err != nil {
				b.Error(err)
			}
			latencies[i] = time.Since(begin)
		})
	}
	callers.Wait()
	report(b, latencies)
}

// BenchmarkFloorGroupedInserts is the least that a durable commit through the same
// driver can cost.
func BenchmarkFloorGroupedInserts(b *testing.B) {
	f := storetest.NewFloor(b, 250)
	measure(b, func(int) error { return f.Insert() })
}

// BenchmarkClaimAmongMillion claims 500 due tasks among a million armed.
func BenchmarkClaimAmongMillion(b *testing.B) {
	const armed, due = 1_000_000, 500
	path := filepath.Join(b.TempDir(), "bench.db")
	s := openBench(b, path)
	putTasks(b, s, "armed", armed, 1_000_000)
	if err := s.Close(); err != nil { // nothing of the arming is left to do
		b.Fatal(err)
	}
	s = openBench(b, path)
	for round := 0; b.Loop(); round++ {
		b.StopTimer()
		putTasks(b, s, fmt.Sprint("due", round), due, 1)
		b.StartTimer()
		tasks, err := s.ClaimTasks(b.Context(), engine.Claim{DueBy: 1000, Now: 1000, LeaseUntil: 1 << 40, Token: 7, Limit: due})
		if err != nil || len(tasks) != due {
			b.Fatalf("claimed %d of %d: %v", len(tasks), due, err)
		}
		b.StopTimer()
		finish(b, s, tasks)
		b.StartTimer()
	}
}

func finish(b *testing.B, s *store.Store, tasks []engine.Task) {
	b.Helper()
	var c engine.Commit
	for _, t := range tasks {
		c.Tasks = append(c.Tasks, engine.TaskWrite{Task: t, Delete: true})
	}
	if err := s.Commit(b.Context(), c); err != nil {
		b.Fatal(err)
	}
}

func putTasks(b *testing.B, s *store.Store, name string, n int, firstDue order.Time) {
	b.Helper()
	for begin := 0; begin < n; begin += 5000 {
		var c engine.Commit
		for i := begin; i < min(n, begin+5000); i++ {
			key := engine.TaskKey{OrderNo: fmt.Sprintf("%s-%d", name, i), Kind: engine.TaskQuery, Target: "bench"}
			c.Tasks = append(c.Tasks, engine.TaskWrite{Task: engine.Task{TaskKey: key, DueAt: firstDue + order.Time(i%997)}})
		}
		if err := s.Commit(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
}

func openBench(b *testing.B, path string) *store.Store {
	b.Helper()
	s, err := store.Open(context.Background(), "sqlite:"+path, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

func registerMany(b *testing.B, s *store.Store, n int) []order.Order {
	b.Helper()
	orders := make([]order.Order, n)
	each(n, func(i int) {
		registered, err := order.Register(order.Registration{
			OrderNo: fmt.Sprintf("BENCH-%07d", i), Backend: "shop", Channel: "sandbox", Mode: order.Managed,
			Amount: order.Money{Minor: 8800, Currency: "CNY"}, Subject: "benchmark", Payer: order.Payer{ID: "payer", Phone: "+8613800000000"},
		}, order.Time(1_700_000_000_000+i))
		if err == nil {
			err = s.Commit(b.Context(), engine.Commit{Order: &registered.Order, Events: registered.Events})
		}
		if err != nil {
			b.Error(err)
		}
		orders[i] = registered.Order
	})
	return orders
}

func intake(o order.Order, i int) engine.Commit {
	evidence := order.Evidence{Source: order.FromCallback, Claims: order.ClaimsSucceeded, Amount: &o.Amount}
	key := engine.CallbackKey{Channel: o.Channel, DedupeKey: fmt.Sprint("bench-", i)}
	changed := o.Apply(evidence, o.CreatedAt+1)
	return engine.Commit{
		Order: &changed.Order, Expect: o.Seq, Events: changed.Events,
		Tasks: []engine.TaskWrite{{Task: engine.Task{
			TaskKey: engine.TaskKey{OrderNo: o.OrderNo, Kind: engine.TaskDeliver, Target: o.Backend}, DueAt: o.CreatedAt,
		}}},
		Callbacks: []engine.Callback{{
			CallbackKey: key, OrderNo: o.OrderNo, State: engine.CallbackProcessed,
			Notification: channel.Notification{OrderNo: o.OrderNo, DedupeKey: key.DedupeKey, Evidence: evidence},
			Raw: channel.Request{
				Header: http.Header{"Content-Type": {"application/json"}, "Webhook-Signature": {strings.Repeat("s", 44)}},
				Body:   []byte(strings.Repeat("b", 400)),
			},
		}},
	}
}

// each calls do with 0 to n-1 from as many goroutines as there are requesters.
func each(n int, do func(i int)) {
	var next atomic.Int64
	var callers sync.WaitGroup
	for range requesters {
		callers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	callers.Wait()
}

func measure(b *testing.B, do func(i int) error) {
	b.Helper()
	latencies := make([]time.Duration, b.N)
	b.ResetTimer()
	each(b.N, func(i int) {
		begin := time.Now()
		if err := do(i); err != nil {
			b.Error(err)
		}
		latencies[i] = time.Since(begin)
	})
	report(b, latencies)
}

func report(b *testing.B, latencies []time.Duration) {
	b.Helper()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
	storetest.ReportLatency(b, latencies)
}
