package journal_test

import (
	"path/filepath"
	"sync"
	"testing"

	"anxin/engine/store/journal"
)

// BenchmarkAppend adds records of 900 bytes from 64 callers, none of which is done.
func BenchmarkAppend(b *testing.B) {
	j, err := journal.Open(filepath.Join(b.TempDir(), "j"), journal.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = j.Close() })
	value := make([]byte, 900)
	var callers sync.WaitGroup
	b.ResetTimer()
	for w := range 64 {
		callers.Go(func() {
			for i := w; i < b.N; i += 64 {
				if _, err := j.Append(value); err != nil {
					b.Error(err)
				}
			}
		})
	}
	callers.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
