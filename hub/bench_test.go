package hub_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anxin/hub"
)

// benchState has about the size of a real one.
func benchState(topic string, seq int64) hub.Message {
	const size = 250
	return hub.Message{
		Topic: topic, Seq: seq, Event: "retry.scheduled",
		Data: fmt.Appendf(nil, `{"n":%d,"pad":%q}`, seq, strings.Repeat("x", size)),
	}
}

// BenchmarkPublishToFrame measures one update at a time, from Publish to the
// frame in the client's hands over a loopback socket, client included.
func BenchmarkPublishToFrame(b *testing.B) {
	n := setup(b)
	n.truth.set("order:A", 1)
	p := n.dial(b)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	latencies := make([]time.Duration, 0, b.N)
	b.ReportAllocs()
	seq := int64(1)
	for b.Loop() {
		seq++
		m := benchState("order:A", seq)
		start := time.Now()
		n.Publish(m)
		if _, _, err := p.ReadMessage(); err != nil {
			b.Fatal(err)
		}
		latencies = append(latencies, time.Since(start))
	}
	slices.Sort(latencies)
	b.ReportMetric(float64(latencies[len(latencies)/2].Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(latencies[len(latencies)*99/100].Nanoseconds()), "p99-ns")
}

// benchWatchers connects clients that count the bytes of what they are sent and
// decode nothing, so that mostly the hub is measured.
func benchWatchers(b *testing.B, n *node, count int, topic func(int) string) *sync.WaitGroup {
	b.Helper()
	received := &sync.WaitGroup{}
	for i := range count {
		name := topic(i)
		n.truth.set(name, 1)
		p := n.dial(b)
		p.subscribe(name, 0)
		p.expect("snapshot", name, 1)
		if err := p.SetReadDeadline(time.Time{}); err != nil {
			b.Fatal(err)
		}
		go countFrames(p.Conn, received)
	}
	return received
}

// countFrames ends with its connection, which the benchmark's cleanup closes.
func countFrames(conn *websocket.Conn, received *sync.WaitGroup) {
	for {
		if _, _, err := conn.NextReader(); err != nil {
			return
		}
		received.Done()
	}
}

// BenchmarkUpdates measures the cost of one delivered update when each of many
// clients watches its own topic. Every update of a round reaches its client
// before the next round, so that none is conflated.
func BenchmarkUpdates(b *testing.B) {
	const clients = 500
	n := setup(b)
	name := func(i int) string { return fmt.Sprintf("order:%d", i) }
	received := benchWatchers(b, n, clients, name)
	b.ReportAllocs()
	seq := int64(1)
	for b.Loop() {
		seq++
		received.Add(clients)
		for i := range clients {
			n.Publish(benchState(name(i), seq))
		}
		received.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*clients), "ns/update")
}

// BenchmarkBroadcast measures one message to many watchers of one topic.
func BenchmarkBroadcast(b *testing.B) {
	const clients = 500
	n := setup(b)
	received := benchWatchers(b, n, clients, func(int) string { return "announcements" })
	b.ReportAllocs()
	seq := int64(1)
	for b.Loop() {
		seq++
		received.Add(clients)
		n.Publish(benchState("announcements", seq))
		received.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*clients), "ns/update")
}
