package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"anxin/engine/channel/sandbox"
	"anxin/engine/order"
	"anxin/engine/store/storetest"
	"anxin/hub/client"
)

// The benchmarks measure the real binary as a process of its own; the load comes from
// this one, so on few cores it is part of the figure.

// requesters are the connections that send callbacks at once, as in the figures that
// the documentation compares with.
const requesters = 64

// quiet is a server that logs no requests and owes the backend of the key "dev" no
// webhooks, so that what is measured is the intake.
var quiet = []string{"ANXIN_LOG_LEVEL=error", "ANXIN_API_KEYS=dev:dev,other:other"}

// BenchmarkCallbacks sends b.N callbacks for b.N orders over 64 connections. Each is
// acknowledged after it is durable; processed/s counts until the last result is. http/s is
// how many requests the same connections make that have the server do nothing. The floor,
// grouped single-row commits without HTTP, is measured by BenchmarkIntake of engine.
func BenchmarkCallbacks(b *testing.B) {
	p := startServer(b, b.TempDir(), quiet...)
	registerAll(b, p, b.N)
	requests := sealAll(b, p, b.N)
	took := make([]time.Duration, b.N)
	stolen := storetest.Stolen(b)
	b.ResetTimer()
	inParallel(b, b.N, func(c *fasthttp.Client, i int) {
		began := time.Now()
		post(b, c, requests[i])
		took[i] = time.Since(began)
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "acknowledged/s")
	awaitWeighed(b, p)
	b.StopTimer()
	stolen()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "processed/s")
	storetest.ReportLatency(b, took)
	began := time.Now()
	inParallel(b, b.N, func(c *fasthttp.Client, _ int) {
		idle := fasthttp.AcquireRequest()
		defer fasthttp.ReleaseRequest(idle)
		idle.SetRequestURI(p.base + "/healthz")
		post(b, c, idle)
	})
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "http/s")
}

// awaitWeighed returns when all that was acknowledged has been weighed.
func awaitWeighed(b *testing.B, p *process) {
	b.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !strings.Contains(p.text("/metrics"), "\nanxin_callbacks_unweighed 0\n") {
		<-look.C
	}
}

// BenchmarkCallbacksPaced offers 1,000 callbacks a second whatever the server does, and
// measures from when each was to be sent: a pause is felt by all that fall into it. The
// floor is offered as many commits of one row afterwards, in this process.
func BenchmarkCallbacksPaced(b *testing.B) {
	p := startServer(b, b.TempDir(), quiet...)
	registerAll(b, p, b.N)
	requests := sealAll(b, p, b.N)
	took := make([]time.Duration, b.N)
	c := &fasthttp.Client{MaxConnsPerHost: 4096} // a late answer holds up no request
	defer c.CloseIdleConnections()
	stolen := storetest.Stolen(b)
	b.ResetTimer()
	paced(b.N, time.Millisecond, func(i int, at time.Time) {
		post(b, c, requests[i])
		took[i] = time.Since(at)
	})
	b.StopTimer()
	stolen()
	storetest.ReportLatency(b, took)
	floor := storetest.NewFloor(b, 900) // bytes, about those of a stored callback
	paced(b.N, time.Millisecond, func(i int, at time.Time) {
		if err := floor.Insert(); err != nil {
			b.Error(err)
		}
		took[i] = time.Since(at)
	})
	b.ReportMetric(storetest.Quantile(took, 0.50), "floor-p50-ms")
	b.ReportMetric(storetest.Quantile(took, 0.99), "floor-p99-ms")
}

// paced begins do every so often, and returns when all have ended. Each is told when it
// was to begin.
func paced(n int, every time.Duration, do func(i int, at time.Time)) {
	var all sync.WaitGroup
	for i, began := 0, time.Now(); i < n; i++ {
		at := began.Add(every * time.Duration(i))
		<-time.After(time.Until(at))
		all.Go(func() { do(i, at) })
	}
	all.Wait()
}

// BenchmarkCallbackToFrame sends callbacks at 200 a second, each for an order that is
// watched, and measures from sending it to the frame that tells its result.
func BenchmarkCallbackToFrame(b *testing.B) {
	const every = 5 * time.Millisecond
	p := startServer(b, b.TempDir(), quiet...)
	tokens := registerAll(b, p, b.N)
	requests := sealAll(b, p, b.N)
	sent, took := make([]time.Time, b.N), make([]time.Duration, b.N)
	told := watchAll(b, p, tokens, func(i int) { took[i] = time.Since(sent[i]) })
	c := &fasthttp.Client{MaxConnsPerHost: requesters}
	defer c.CloseIdleConnections()
	stolen := storetest.Stolen(b)
	b.ResetTimer()
	paced(b.N, every, func(i int, _ time.Time) {
		sent[i] = time.Now()
		post(b, c, requests[i])
	})
	told()
	b.StopTimer()
	stolen()
	storetest.ReportLatency(b, took)
}

func orderName(i int) string { return fmt.Sprintf("B%d", i) }

// registerAll registers n orders that are not claimed and returns their view tokens.
func registerAll(b *testing.B, p *process, n int) []string {
	b.Helper()
	tokens := make([]string, n)
	inParallel(b, n, func(c *fasthttp.Client, i int) {
		body, err := json.Marshal(registration(orderName(i)))
		if err != nil {
			b.Error(err)
			return
		}
		req := fasthttp.AcquireRequest()
		req.Header.SetMethod("POST")
		req.SetRequestURI(p.base + "/v1/orders")
		req.Header.Set("Authorization", "Bearer dev")
		req.Header.SetContentType("application/json")
		req.SetBodyRaw(body)
		var answer struct {
			ViewToken string `json:"view_token"`
		}
		if err := json.Unmarshal(post(b, c, req), &answer); err != nil {
			b.Error(err)
		}
		tokens[i] = answer.ViewToken
	})
	return tokens
}

// sealAll signs a success for each order beforehand.
func sealAll(b *testing.B, p *process, n int) []*fasthttp.Request {
	b.Helper()
	secret, now := p.channelSecret(), time.Now()
	requests := make([]*fasthttp.Request, n)
	for i := range requests {
		no := orderName(i)
		body, err := json.Marshal(sandbox.Notice{ID: "evt_" + no, Payment: sandbox.Payment{
			OutTradeNo: no, Merchant: sandboxMerchant, TransactionID: "tx_" + no, State: sandbox.StateSucceeded,
			Amount: &order.Money{Minor: 8800, Currency: "CNY"}, At: order.At(now),
		}})
		if err != nil {
			b.Fatal(err)
		}
		req := fasthttp.AcquireRequest()
		req.Header.SetMethod("POST")
		req.SetRequestURI(p.base + "/v1/callbacks/sandbox")
		req.Header.SetContentType("application/json")
		header := map[string][]string{}
		sandbox.Seal(header, secret, now, rand.Text(), body)
		for name, values := range header {
			req.Header.Set(name, values[0])
		}
		req.SetBodyRaw(body)
		requests[i] = req
	}
	return requests
}

// inParallel runs do for 0 to n-1 on as many connections as there are requesters.
func inParallel(b *testing.B, n int, do func(c *fasthttp.Client, i int)) {
	b.Helper()
	c := &fasthttp.Client{MaxConnsPerHost: requesters}
	defer c.CloseIdleConnections()
	var all sync.WaitGroup
	var next atomic.Int64
	for range requesters {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(c, int(i))
			}
		})
	}
	all.Wait()
}

// post sends a request and returns the body of a 2xx answer.
func post(b *testing.B, c *fasthttp.Client, req *fasthttp.Request) []byte {
	b.Helper()
	resp := fasthttp.AcquireResponse()
	defer fasthttp.ReleaseResponse(resp)
	if err := c.Do(req, resp); err != nil {
		b.Errorf("request: %v", err)
		return nil
	}
	if code := resp.StatusCode(); code < 200 || code > 299 {
		b.Errorf("answer %d: %s", code, resp.Body())
	}
	return slices.Clone(resp.Body())
}

// watchAll watches the orders over a few connections. It returns when all have their
// snapshot; the function it returns waits until told was called for each, at its result.
func watchAll(b *testing.B, p *process, tokens []string, told func(i int)) func() {
	b.Helper()
	const perConnection = 100
	ctx, stop := context.WithCancel(b.Context())
	var running, ready, results sync.WaitGroup
	ready.Add(len(tokens))
	results.Add(len(tokens))
	for begin := 0; begin < len(tokens); begin += perConnection {
		c, err := client.New(client.Config{
			URL: "ws" + strings.TrimPrefix(p.base, "http") + "/v1/live",
			Token: func(_ context.Context, topic string) (string, error) {
				return tokens[orderIndex(topic)], nil
			},
			Handle: func(f client.Frame) {
				var state order.Progress
				_ = json.Unmarshal(f.Data, &state)
				switch {
				case f.Type == client.Snapshot:
					ready.Done()
				case state.Status == order.StatusSucceeded:
					told(orderIndex(f.Topic))
					results.Done()
				}
			},
		})
		if err != nil {
			b.Fatal(err)
		}
		for i := begin; i < min(begin+perConnection, len(tokens)); i++ {
			c.Subscribe("order:" + orderName(i))
		}
		running.Go(func() { _ = c.Run(ctx) })
	}
	b.Cleanup(func() { stop(); running.Wait() })
	ready.Wait()
	return results.Wait
}

func orderIndex(topic string) int {
	var i int
	_, _ = fmt.Sscanf(topic, "order:B%d", &i)
	return i
}
