package batch

import (
	"context"
	"time"
)

// Sweep calls sweep in each period until ctx ends, and again at once while it says that
// there is more: large deletions in small steps.
func Sweep(ctx context.Context, period time.Duration, sweep func() (more bool)) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		if sweep() {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
