package hub

import "time"

// bucket is a token bucket for the frames of one client.
type bucket struct {
	rate, size, tokens float64
	last               time.Time
}

func newBucket(l Limits) bucket {
	const besides = 20 // frames beyond one subscribe a topic
	size := float64(l.MaxTopics + besides)
	return bucket{rate: float64(l.FrameRate), size: size, tokens: size, last: time.Now()}
}

func (b *bucket) take(now time.Time) bool {
	b.tokens = min(b.size, b.tokens+b.rate*now.Sub(b.last).Seconds())
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
