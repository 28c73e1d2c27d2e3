package client

import (
	"math/rand/v2"
	"time"
)

const (
	firstDelay = 500 * time.Millisecond
	lastDelay  = 30 * time.Second
)

// backoff chooses delays with full jitter: anything up to a bound that doubles.
// So clients that were cut off together do not come back together.
type backoff struct{ attempts int }

func (b *backoff) next() time.Duration {
	bound := min(firstDelay<<min(b.attempts, 10), lastDelay)
	b.attempts++
	return rand.N(bound)
}

func (b *backoff) reset() { b.attempts = 0 }
