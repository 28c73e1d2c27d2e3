package hub

import (
	"sync/atomic"
	"time"
)

// waitBounds are the upper bounds of the histogram's buckets: from what one write
// costs to where a payer feels that the page hangs.
var waitBounds = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	50 * time.Millisecond, 250 * time.Millisecond, time.Second, 5 * time.Second,
}

// histogram counts durations by bucket.
type histogram struct {
	buckets [len(waitBounds) + 1]atomic.Uint64
	sum     atomic.Int64 // ns
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(waitBounds) && d > waitBounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

// Histogram is a count of durations.
type Histogram struct {
	// Buckets are the counts up to each bound, all shorter ones included.
	Buckets []Bucket
	Count   uint64
	Sum     time.Duration
}

// Bucket counts what took at most UpTo.
type Bucket struct {
	UpTo  time.Duration
	Count uint64
}

func (h *histogram) snapshot() Histogram {
	s := Histogram{Buckets: make([]Bucket, len(waitBounds)), Sum: time.Duration(h.sum.Load())}
	for i := range h.buckets {
		s.Count += h.buckets[i].Load()
		if i < len(waitBounds) {
			s.Buckets[i] = Bucket{waitBounds[i], s.Count}
		}
	}
	return s
}
