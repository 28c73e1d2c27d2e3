package chaos

import (
	"math/rand/v2"
	"sync"
	"time"
)

// faults deals out what goes wrong in the world until the storm is over.
type faults struct {
	mu    sync.Mutex // guards what follows
	rng   *rand.Rand
	calm  bool
	began time.Time
}

func newFaults(seed uint64) *faults {
	return &faults{rng: rand.New(rand.NewPCG(seed, 2)), began: time.Now()}
}

// The channel is out of order for a while, again and again: long enough for the breaker.
const (
	outageEvery = 12 * time.Second
	outageFor   = 2 * time.Second
)

func (f *faults) outage() bool { return f.away(outageEvery, outageFor) }

// One carrier is out of order now and then too: its messages go by the other.
const (
	carrierOutEvery = 15 * time.Second
	carrierOutFor   = 4 * time.Second
)

func (f *faults) carrierOut() bool { return f.away(carrierOutEvery, carrierOutFor) }

func (f *faults) away(every, span time.Duration) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.calm && time.Since(f.began)%every > every-span
}

func (f *faults) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calm = true
}

// one reports whether a fault of a chance in percent strikes now.
func (f *faults) one(percent int) bool { return f.upTo(100) < percent }

// upTo returns a number below n, or n when the faults have stopped.
func (f *faults) upTo(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calm {
		return n
	}
	return f.rng.IntN(n)
}
