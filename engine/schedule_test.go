package engine

import (
	"testing"
	"time"

	"anxin/engine/order"
)

func TestNextByAgeIsNeverEarlyAndHardlyLate(t *testing.T) {
	t.Parallel()
	const start = order.Time(1_000_000)
	for name, ages := range map[string][]time.Duration{"default": DefaultSchedule, "unclaimed": unclaimedSchedule, "refund": refundSchedule} {
		now, previous := start, time.Duration(0)
		for i, age := range ages {
			if age <= previous {
				t.Errorf("%s: age %d is not above the one before", name, i)
			}
			next := nextByAge(ages, start, now)
			late := next.Sub(start.Add(age))
			if late < 0 || late > min(age-previous, time.Minute)/10 {
				t.Errorf("%s: the query at age %v is planned %v late", name, age, late)
			}
			if next < now.Add(minGap) {
				t.Errorf("%s: the query at age %v comes %v after the one before", name, age, next.Sub(now))
			}
			now, previous = next, age
		}
		if next := nextByAge(ages, start, now); next != 0 {
			t.Errorf("%s: a query after the last is planned for %v", name, next)
		}
	}
}

func TestNextByAgeSkipsWhatIsPast(t *testing.T) {
	t.Parallel()
	ages := []time.Duration{time.Second, 2 * time.Second, time.Minute}
	if next := nextByAge(ages, 1000, order.Time(1000).Add(30*time.Second)); next < order.Time(1000).Add(time.Minute) {
		t.Errorf("after half a minute the next is at %v", next)
	}
}

func TestNextDelivery(t *testing.T) {
	t.Parallel()
	const now = order.Time(1_000_000)
	for tries := 1; tries <= len(deliverySchedule); tries++ {
		wait := nextDelivery(tries, 0, now).Sub(now)
		if planned := deliverySchedule[tries-1]; wait < planned || wait > planned+planned/10+time.Millisecond {
			t.Errorf("after %d tries it waits %v, planned %v", tries, wait, planned)
		}
	}
	if next := nextDelivery(len(deliverySchedule)+1, 0, now); next != 0 {
		t.Errorf("after the last try another is planned for %v", next)
	}
	if wait := nextDelivery(1, time.Hour, now).Sub(now); wait != time.Hour {
		t.Errorf("the backend asked for an hour, it gets %v", wait)
	}
	if wait := nextDelivery(1, 1000*time.Hour, now).Sub(now); wait != maxRetryAfter {
		t.Errorf("a backend puts its results off by %v", wait)
	}
	if wait := nextDelivery(14, time.Second, now).Sub(now); wait < deliverySchedule[13] {
		t.Errorf("a backend that asks for less than is planned gets %v", wait)
	}
}
