package engine

import (
	"testing"
	"time"

	"anxin/engine/order"
)

func call(no string) TaskKey { return TaskKey{no, TaskQuery, "pay"} }

// opened returns a breaker of 3 failures and 10 s that opened at now.
func opened(now order.Time) breaker {
	b := newBreaker(BreakerLimits{Failures: 3, Cooldown: 10 * time.Second})
	for range 3 {
		b.failed(call("A"), now)
	}
	return b
}

func TestBreakerOpensOnlyForFailuresInARow(t *testing.T) {
	t.Parallel()
	b := newBreaker(BreakerLimits{Failures: 3, Cooldown: 10 * time.Second})
	for range 5 {
		b.failed(call("A"), 1)
		b.failed(call("A"), 1)
		b.succeeded(call("A"))
	}
	if b.state() != BreakerClosed {
		t.Fatal("it opened although every third call succeeded")
	}
	for i := range 3 {
		if got, want := b.failed(call("A"), 1000), i == 2; got != want {
			t.Errorf("failure %d opens: %v, want %v", i+1, got, want)
		}
	}
	if at, ok := b.opensAt(1000); b.state() != BreakerOpen || at != 11_000 || !ok {
		t.Errorf("%s, calls pass at %d, %v", b.state(), at, ok)
	}
}

func TestBreakerLetsOneProbePass(t *testing.T) {
	t.Parallel()
	b := opened(1000)
	b.begin(call("B"), 11_000)
	if _, ok := b.opensAt(11_001); ok || b.state() != BreakerProbing {
		t.Error("a second call passes beside the probe")
	}
	b.succeeded(call("B"))
	if at, ok := b.opensAt(11_002); at != 0 || !ok || b.state() != BreakerClosed || b.failures != 0 {
		t.Errorf("after a good probe: %s with %d failures", b.state(), b.failures)
	}
}

func TestBreakerDoublesItsCooldownUpToABound(t *testing.T) {
	t.Parallel()
	now, b := order.Time(1000), opened(1000)
	for _, seconds := range []int{20, 40, 80, 160, 300, 300} {
		now, _ = b.opensAt(now)
		b.begin(call("B"), now)
		if b.failed(call("B"), now) {
			t.Error("a probe that fails does not open what is open")
		}
		if got := b.probeAt.Sub(now); int(got.Seconds()) != seconds {
			t.Errorf("the next probe comes after %v, want %d s", got, seconds)
		}
	}
	b.begin(call("B"), b.probeAt)
	b.succeeded(call("B"))
	for range 3 {
		b.failed(call("A"), now)
	}
	if b.cooldown != 10*time.Second {
		t.Errorf("after it recovered it cools down for %v", b.cooldown)
	}
}

func TestBreakerListensToItsProbeAlone(t *testing.T) {
	t.Parallel()
	b := opened(1000)
	b.failed(call("straggler"), 2000)
	b.succeeded(call("straggler"))
	if b.probeAt != 11_000 {
		t.Fatalf("a call from before moved the probe to %d", b.probeAt)
	}
	b.begin(call("B"), 11_000)
	b.succeeded(call("straggler"))
	b.failed(call("straggler"), 11_001)
	b.ended(call("straggler"))
	if b.state() != BreakerProbing || b.cooldown != 10*time.Second {
		t.Errorf("a call from before ended the probe: %s, %v", b.state(), b.cooldown)
	}
}

func TestBreakerReplacesAProbeThatGotLost(t *testing.T) {
	t.Parallel()
	b := opened(1000)
	b.begin(call("B"), 11_000)
	b.ended(call("B")) // settled meanwhile: nothing was asked
	if at, ok := b.opensAt(11_001); at > 11_001 || !ok {
		t.Error("no other call may take the place of a probe that asked nothing")
	}
	b.begin(call("C"), 12_000)
	if _, ok := b.opensAt(order.Time(12_000).Add(probePatience)); !ok {
		t.Error("a probe that never ends keeps the breaker open for ever")
	}
}
