package engine

import (
	"time"

	"anxin/engine/order"
)

// BreakerLimits say when a target counts as sick and how soon it is tried again. Zero
// fields take the defaults.
type BreakerLimits struct {
	Failures int           // in a row that open the breaker
	Cooldown time.Duration // until the first probe; it doubles with each that fails
}

// DefaultBreaker opens after five failures in a row, which a lost packet or a restart of
// the other side does not bring about, and probes after half a minute.
var DefaultBreaker = BreakerLimits{Failures: 5, Cooldown: 30 * time.Second}

// maxCooldown bounds the doubling: a target that has recovered is found within that time.
const maxCooldown = 5 * time.Minute

// probePatience is how long a probe may be without an outcome before another call takes
// its place. Nothing runs longer, so only a probe that got lost is replaced.
const probePatience = maxRun

func (l BreakerLimits) withDefaults() BreakerLimits {
	return BreakerLimits{orDefault(l.Failures, DefaultBreaker.Failures), orDefault(l.Cooldown, DefaultBreaker.Cooldown)}
}

// BreakerState is what a breaker does with calls.
type BreakerState string

// The states of breakers.
const (
	BreakerClosed  BreakerState = "closed"    // calls pass
	BreakerOpen    BreakerState = "open"      // no call passes before the probe time
	BreakerProbing BreakerState = "half_open" // one call is on its way to find out
)

// breaker keeps calls away from a target that fails. It opens after some failures in a
// row; when its cooldown is over one call passes, the probe: its success closes the
// breaker, its failure opens it again for twice as long. While the breaker is open only
// the probe is listened to: calls that were on their way as it opened tell of the time
// before.
//
// It has no clock and no lock: its owner has both.
type breaker struct {
	limits   BreakerLimits
	failures int           // in a row
	cooldown time.Duration // of this opening
	probeAt  order.Time    // 0 = closed
	probe    TaskKey       // the call that is the probe
	probing  order.Time    // since when, 0 = no probe is on its way
}

func newBreaker(limits BreakerLimits) breaker { return breaker{limits: limits.withDefaults()} }

func (b *breaker) state() BreakerState {
	switch {
	case b.probeAt == 0:
		return BreakerClosed
	case b.probing != 0:
		return BreakerProbing
	}
	return BreakerOpen
}

// opensAt returns when a call may pass: 0 when the breaker is closed, the probe's time
// while it is open, and never while a probe is on its way.
func (b *breaker) opensAt(now order.Time) (at order.Time, ok bool) {
	if b.probing != 0 && now < b.probing.Add(probePatience) {
		return 0, false
	}
	return b.probeAt, true
}

// begin tells that a call starts. The first one while the breaker is open is the probe.
func (b *breaker) begin(key TaskKey, now order.Time) {
	if b.probeAt != 0 {
		b.probe, b.probing = key, now
	}
}

// succeeded and failed tell how a call ended. failed reports whether it opened the
// breaker.
func (b *breaker) succeeded(key TaskKey) {
	if b.listens(key) {
		*b = breaker{limits: b.limits}
	}
}

func (b *breaker) failed(key TaskKey, now order.Time) (opened bool) {
	if !b.listens(key) {
		return false
	}
	b.failures++
	switch {
	case b.probeAt != 0:
		b.cooldown = min(2*b.cooldown, maxCooldown)
	case b.failures >= b.limits.Failures:
		b.cooldown, opened = b.limits.Cooldown, true
	default:
		return false
	}
	b.probe, b.probing, b.probeAt = TaskKey{}, 0, now.Add(b.cooldown)
	return opened
}

func (b *breaker) listens(key TaskKey) bool {
	return b.probeAt == 0 || (b.probing != 0 && b.probe == key)
}

// ended tells that a call is over, whatever became of it. A probe that had no outcome
// gives its place to the next call.
func (b *breaker) ended(key TaskKey) {
	if b.probing != 0 && b.probe == key {
		b.probe, b.probing = TaskKey{}, 0
	}
}
