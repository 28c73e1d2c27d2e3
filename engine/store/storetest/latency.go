package storetest

import (
	"slices"
	"testing"
	"time"
)

// ReportLatency reports p50-ms, p99-ms and max-ms of what a benchmark measured, and no
// ns/op. It sorts it.
func ReportLatency(b *testing.B, took []time.Duration) {
	b.Helper()
	b.ReportMetric(Quantile(took, 0.50), "p50-ms")
	b.ReportMetric(Quantile(took, 0.99), "p99-ms")
	b.ReportMetric(Quantile(took, 1), "max-ms")
	b.ReportMetric(0, "ns/op")
}

// Quantile returns one in milliseconds. It sorts what was measured.
func Quantile(took []time.Duration, q float64) float64 {
	slices.Sort(took)
	return float64(took[int(q*float64(len(took)-1))]) / float64(time.Millisecond)
}
