package engine_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/channel/sandbox"
	"anxin/engine/order"
	"anxin/engine/store"
	"anxin/engine/store/storetest"
)

// requesters is how many callers the benchmarks have at once.
const requesters = 64

const benchSecret = "the secret of the benchmarks"

// BenchmarkIntake takes in b.N signed callbacks for b.N orders, as the API does, without
// HTTP. acknowledged/s is what the channel sees, processed/s counts until the last result
// is durable. The floor runs before and after it, on the same disk: as many commits of one
// row that is as long as a stored callback, grouped in the same way; of-floor is the share of it
// that is acknowledged, and processed-of-floor the share that is processed.
func BenchmarkIntake(b *testing.B) {
	done := newCountdown(2 * b.N) // the registration and the result of each
	e := benchEngine(b, benchStore(b, filepath.Join(b.TempDir(), "bench.db")), engine.Config{}, done)
	registerMany(b, e, b.N)
	requests := sealMany(b, b.N)
	var acknowledged, processed float64
	single := besideFloor(b, func() {
		stop := runBench(b, e)
		b.ResetTimer()
		began := time.Now()
		atOnce(b.N, func(i int) {
			answer, err := e.Receive(b.Context(), pay, requests[i])
			if err != nil || answer.Status != http.StatusOK {
				b.Errorf("answer %d, %v", answer.Status, err)
			}
		})
		acknowledged = float64(b.N) / time.Since(began).Seconds()
		<-done.zero
		processed = float64(b.N) / time.Since(began).Seconds()
		b.StopTimer()
		stop()
	})
	if got := e.Counts(); got.Callbacks != int64(b.N) || got.Duplicates+got.Rejected+got.Quarantined != 0 {
		b.Errorf("not all were taken in: %+v", got)
	}
	b.ReportMetric(acknowledged, "acknowledged/s")
	b.ReportMetric(processed, "processed/s")
	b.ReportMetric(single, "floor/s")
	b.ReportMetric(acknowledged/single, "of-floor")
	b.ReportMetric(processed/single, "processed-of-floor")
	b.ReportMetric(0, "ns/op")
}

func benchStore(b *testing.B, path string) *store.Store {
	b.Helper()
	s, err := store.Open(context.Background(), "sqlite:"+path, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

func benchEngine(b *testing.B, s engine.Store, cfg engine.Config, l engine.Listener) *engine.Engine {
	b.Helper()
	ch, err := sandbox.New(sandbox.Config{Name: pay, GatewayURL: "http://gateway.test", Merchant: merchant, Secret: benchSecret})
	if err != nil {
		b.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	e, err := engine.New(cfg, engine.Deps{
		Store: s, Channels: map[string]channel.Channel{pay: ch}, Sender: &backend{}, Listener: l, Log: log,
	})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// deaf listens to nothing.
type deaf struct{}

func (deaf) Committed(order.Order, []order.Event) {}

func benchOrder(i int) string { return fmt.Sprintf("B%07d", i) }

// scattered numbers are in no order, as those that are drawn at random.
func scattered(prefix string, i int) string {
	return fmt.Sprintf("%08x%s%07d", uint32(i)*2654435761, prefix, i)
}

func registerMany(b *testing.B, e *engine.Engine, n int) {
	b.Helper()
	atOnce(n, func(i int) {
		if _, _, err := e.Register(b.Context(), registration(benchOrder(i))); err != nil {
			b.Error(err)
		}
	})
}

func sealMany(b *testing.B, n int) []channel.Request {
	b.Helper()
	requests, now := make([]channel.Request, n), time.Now()
	for i := range requests {
		body, err := json.Marshal(sandbox.Notice{ID: "evt_" + benchOrder(i), Payment: sandbox.Payment{
			OutTradeNo: benchOrder(i), Merchant: merchant, TransactionID: "tx_" + benchOrder(i), State: sandbox.StateSucceeded,
			Amount: &price, At: order.At(now),
		}})
		if err != nil {
			b.Fatal(err)
		}
		requests[i] = channel.Request{Header: http.Header{"Content-Type": {"application/json"}}, Body: body, ReceivedAt: now}
		sandbox.Seal(requests[i].Header, benchSecret, now, rand.Text(), body)
	}
	return requests
}

// atOnce calls do with 0 to n-1 from as many goroutines as there are requesters.
func atOnce(n int, do func(i int)) {
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

// storedBytes is about what the raw request and the notification of one of the
// benchmark's callbacks have together.
const storedBytes = 900

// besideFloor measures, and returns how many commits of one row a second there are for as
// many requesters: half of b.N were made before it and half after, since the disk and the
// host change from minute to minute. It reports what the host took meanwhile.
func besideFloor(b *testing.B, measured func()) float64 {
	b.Helper()
	half := max(b.N/2, 1)
	before := floor(b, half)
	stolen := storetest.Stolen(b)
	measured()
	stolen()
	return float64(2*half) / (before + floor(b, half)).Seconds()
}

// floor returns how long n commits of one row take.
func floor(b *testing.B, n int) time.Duration {
	b.Helper()
	f := storetest.NewFloor(b, storedBytes)
	began := time.Now()
	atOnce(n, func(int) {
		if err := f.Insert(); err != nil {
			b.Error(err)
		}
	})
	return time.Since(began)
}
