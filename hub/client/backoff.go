package client

import (
	"math/rand/v2"
	"time"
)

const (
	// firstDelay is doubled up to lastDelay. A server that starts anew under as many
	// clients as it may have has them all back in that time, at a rate that it bears.
	firstDelay = 500 * time.Millisecond
	lastDelay  = 4 * time.Second
	// patientAttempts in a row take about a minute. Then nobody waits for a restart any
	// more, and longDelay leaves the network alone.
	patientAttempts = 30
	longDelay       = 30 * time.Second
)

// backoff chooses delays with full jitter: anything up to a bound that grows. So clients
// that were cut off together do not come back together.
type backoff struct{ attempts int }

func (b *backoff) next() time.Duration {
	bound := longDelay
	if b.attempts < patientAttempts {
		bound = min(firstDelay<<min(b.attempts, 10), lastDelay)
	}
	b.attempts++
	return rand.N(bound)
}

func (b *backoff) reset() { b.attempts = 0 }
