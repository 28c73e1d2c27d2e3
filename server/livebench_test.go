//go:build linux

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Sizes of the live benchmark. Ten thousand connections fit twice below the usual limit
// of 20,000 descriptors, and are what the figures of other servers are known for.
const (
	liveClients = 10_000
	liveRuns    = 3
	liveRounds  = 10 // one update for each client in each
	// liveRest is how long after the storm memory is read: what a runtime gives back by
	// itself it has begun to give back by then.
	liveRest     = 10 * time.Second
	liveRate     = 2_000 // updates a second
	liveSeconds  = 8
	liveCasts    = 10
	liveWatching = 10 * time.Second
)

// liveFigure is a row of the table.
type liveFigure struct {
	name   string
	format string
	aim    string
}

var liveFigures = []liveFigure{
	{"memory after the storm, KB a connection", "%.1f", "11"},
	{"memory after a collection, KB a connection", "%.1f", "8"},
	{"connect + subscribe, CPU s per 10,000", "%.2f", "1.3"},
	{"updates, CPU s per 100,000", "%.2f", "2.0"},
	{"updates, delivered a second", "%.0f", ""},
	{"2,000 updates/s, p50 ms", "%.2f", ""},
	{"2,000 updates/s, p99 ms", "%.2f", "0.9"},
	{"2,000 updates/s, CPU s per 100,000", "%.2f", ""},
	{"broadcast, CPU s per 100,000 deliveries", "%.2f", "1.35"},
	{"broadcast, last of 10,000 after ms", "%.0f", ""},
	{"at rest, CPU ms a second, pings and sweeps included", "%.1f", ""},
	{"one sweep of 10,000 watched orders, ms", "%.1f", ""},
}

// liveRun holds the figures of one run by their names.
type liveRun map[string]float64

// BenchmarkLive measures this server and a floor in turn: the smallest correct server on
// the same WebSocket library, without subscriptions, tokens or state. Servers and load are
// processes of their own. Figures of shared machines drift by a quarter between runs, so
// what counts is the ratio to the floor of the same run.
func BenchmarkLive(b *testing.B) {
	var ours, floors []liveRun
	for range liveRuns {
		floors = append(floors, measureLive(b, roleFloor))
		ours = append(ours, measureLive(b, roleServer))
	}
	b.ReportMetric(0, "ns/op")
	fmt.Fprint(os.Stdout, liveTable(ours, floors))
}

func liveTable(ours, floors []liveRun) string {
	var t strings.Builder
	fmt.Fprintf(&t, "\n%-52s %9s %9s %9s %6s   %s\n", "", "server", "floor", "ratio", "aim", "runs")
	for _, f := range liveFigures {
		value, floor := median(ours, f.name), median(floors, f.name)
		base, ratio := "-", "-"
		if floor > 0 {
			base, ratio = fmt.Sprintf(f.format, floor), fmt.Sprintf("%.2f", value/floor)
		}
		var runs []string
		for i := range ours {
			runs = append(runs, fmt.Sprintf(f.format+" / "+f.format, ours[i][f.name], floors[i][f.name]))
		}
		fmt.Fprintf(&t, "%-52s %9s %9s %9s %6s   %s\n", f.name, fmt.Sprintf(f.format, value), base, ratio, f.aim, strings.Join(runs, ", "))
	}
	return t.String()
}

func median(runs []liveRun, name string) float64 {
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = r[name]
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// measureLive takes every figure of one server process.
func measureLive(b *testing.B, role string) liveRun {
	b.Helper()
	p := startSubject(b, role)
	defer p.stop()
	run := liveRun{}
	before := p.ask("collect")
	s := newSwarm(b, p.addr, p.greetings)
	defer s.hangUp()

	storm := p.during("storm", func() { s.connect(liveClients) })
	run["connect + subscribe, CPU s per 10,000"] = storm.CPU
	<-time.After(liveRest)
	const kilobyte = 1024 * liveClients
	run["memory after the storm, KB a connection"] = float64(p.ask("look").Resident-before.Resident) / kilobyte
	run["memory after a collection, KB a connection"] = float64(p.ask("collect").Resident-before.Resident) / kilobyte

	p.updates(s, 1) // warm up
	began := time.Now()
	updates := p.during("updates", func() { p.updates(s, liveRounds) })
	run["updates, CPU s per 100,000"] = updates.CPU * 100_000 / (liveClients * liveRounds)
	run["updates, delivered a second"] = liveClients * liveRounds / time.Since(began).Seconds()

	paced := p.during("paced", func() { p.paced(s) })
	run["2,000 updates/s, CPU s per 100,000"] = paced.CPU * 100_000 / (liveRate * liveSeconds)
	run["2,000 updates/s, p50 ms"], run["2,000 updates/s, p99 ms"] = s.latency(0.50), s.latency(0.99)

	s.joinCrowd()
	var last time.Duration
	broadcast := p.during("broadcast", func() { last = p.broadcasts(s) })
	run["broadcast, CPU s per 100,000 deliveries"] = broadcast.CPU * 100_000 / (liveClients * liveCasts)
	run["broadcast, last of 10,000 after ms"] = last.Seconds() * 1000 / liveCasts

	if role == roleServer {
		rest := p.during("rest", func() { <-time.After(liveWatching) })
		run["at rest, CPU ms a second, pings and sweeps included"] = rest.CPU * 1000 / liveWatching.Seconds()
		run["one sweep of 10,000 watched orders, ms"] = p.ask("sweep").Millis
	}
	return run
}
