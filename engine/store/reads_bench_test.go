package store_test

import (
	"path/filepath"
	"testing"

	"anxin/engine/order"
)

// BenchmarkReads reads orders by their numbers, as tasks and callbacks do, and lends them,
// as the sweep does; an operation is one order.
func BenchmarkReads(b *testing.B) {
	const stored = 256
	s := openBench(b, filepath.Join(b.TempDir(), "bench.db"))
	names := make([]string, 0, stored)
	for _, o := range registerMany(b, s, stored) {
		names = append(names, o.OrderNo)
	}
	b.Run("Order", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if _, err := s.Order(b.Context(), names[i%stored]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("OrdersByNo", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i += 64 {
			if _, err := s.OrdersByNo(b.Context(), names[:64]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Views", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i += stored {
			if err := s.Views(b.Context(), names, func(*order.Order) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
}
