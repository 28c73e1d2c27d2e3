//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anxin/hub/client"
)

const (
	// restartClients are the project's own Go clients: they back off and resume as in an
	// app's backend.
	restartClients = 5_000
	restartChanged = 200 // orders that move while their watchers come back
	curveStep      = 100 * time.Millisecond
)

// BenchmarkRestart stops a server under 5,000 connections, starts it again over the same
// data, and prints how many were back with their state in each tenth of a second from
// when it was ready. It fails unless every client ends with what was acknowledged.
func BenchmarkRestart(b *testing.B) {
	dir, address := b.TempDir(), freeAddress(b)
	p := startServerAt(b, dir, address, quiet...)
	crowd := newReturning(registerAll(b, p, restartClients))
	crowd.follow(b, p.base)
	crowd.ready.Wait()

	began := time.Now()
	if code := p.terminate(); code != 0 {
		b.Errorf("the server ended with %d", code)
	}
	stopped := time.Since(began)
	crowd.expectAll()
	p = startServerAt(b, dir, address, quiet...)
	crowd.began(time.Now())
	for i := range restartChanged {
		crowd.expectSeq(i, claimed(b, p, orderName(i)))
	}
	crowd.await(b)

	b.ReportMetric(0, "ns/op")
	b.ReportMetric(stopped.Seconds(), "drain-s")
	b.ReportMetric(crowd.last().Seconds(), "all-back-s")
	curve, most := crowd.curve()
	b.ReportMetric(float64(most), "most-in-100ms")
	fmt.Fprintf(os.Stdout, "\nback with their state, per 100 ms from when the server was ready:\n%s\n", curve)
}

// claimed claims an order as its backend and returns the seq that it has now.
func claimed(b *testing.B, p *process, orderNo string) int64 {
	b.Helper()
	status, answer := p.call(http.MethodPost, "/v1/orders/"+orderNo+"/claim", object{})
	progress, _ := answer["progress"].(object)
	seq, ok := progress["seq"].(float64)
	if status != http.StatusOK || !ok {
		b.Fatalf("claim %s: %d %v", orderNo, status, answer)
	}
	return int64(seq)
}

// returning are clients that are cut off and come back.
type returning struct {
	tokens []string
	ready  sync.WaitGroup // until each has its first state

	mu     sync.Mutex // guards what follows
	seqs   []int64
	wanted []int64
	away   bool        // the server has ended
	back   []time.Time // when each had its state from the new one; zero for not yet
	start  time.Time   // when that was ready
	news   chan struct{}
}

func newReturning(tokens []string) *returning {
	n := len(tokens)
	r := &returning{tokens: tokens, seqs: make([]int64, n), wanted: make([]int64, n), back: make([]time.Time, n), news: make(chan struct{}, 1)}
	r.ready.Add(n)
	return r
}

func (r *returning) follow(b *testing.B, base string) {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	for i := range r.tokens {
		from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+i/perAddress))}}
		var once sync.Once
		c, err := client.New(client.Config{
			URL:    "ws" + strings.TrimPrefix(base, "http") + "/v1/live",
			Token:  func(context.Context, string) (string, error) { return r.tokens[i], nil },
			Dialer: &websocket.Dialer{NetDialContext: from.DialContext, ReadBufferSize: 512, WriteBufferSize: 512},
			Handle: func(f client.Frame) {
				r.got(i, f)
				once.Do(r.ready.Done)
			},
		})
		if err != nil {
			b.Fatal(err)
		}
		c.Subscribe("order:" + orderName(i))
		running.Go(func() { _ = c.Run(ctx) })
	}
	b.Cleanup(func() { stop(); running.Wait() })
}

func (r *returning) got(i int, f client.Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seqs[i] = f.Seq
	if r.away && r.back[i].IsZero() {
		r.back[i] = time.Now()
	}
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// expectAll wants every client back with the state that it has.
func (r *returning) expectAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	copy(r.wanted, r.seqs)
	r.away = true
}

func (r *returning) expectSeq(i int, seq int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted[i] = seq
}

func (r *returning) began(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start = now
}

func (r *returning) await(b *testing.B) {
	b.Helper()
	late := time.After(2 * patience)
	for !r.complete() {
		select {
		case <-r.news:
		case <-late:
			b.Fatal("not all came back with the truth")
		}
	}
}

func (r *returning) complete() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, at := range r.back {
		if at.IsZero() || r.seqs[i] < r.wanted[i] { // a claimed order moves on by itself
			return false
		}
	}
	return true
}

// after tells how long after the server was ready a client was back. A few are back in
// the moment before that is noticed.
func (r *returning) after(i int) time.Duration { return max(r.back[i].Sub(r.start), 0) }

func (r *returning) last() (last time.Duration) {
	for i := range r.back {
		last = max(last, r.after(i))
	}
	return last
}

func (r *returning) curve() (text string, most int) {
	counts := make([]int, r.last()/curveStep+1)
	for i := range r.back {
		counts[r.after(i)/curveStep]++
	}
	for _, n := range counts {
		most = max(most, n)
	}
	return strings.Trim(fmt.Sprint(counts), "[]"), most
}
