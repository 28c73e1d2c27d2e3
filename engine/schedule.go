package engine

import (
	"math/rand/v2"
	"time"

	"anxin/engine/order"
)

// DefaultSchedule holds the ages since the claim at which a payment is queried: close
// together while the payer is watching, then ever sparser until day three.
var DefaultSchedule = buildSchedule()

func buildSchedule() []time.Duration {
	ages := []time.Duration{3 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second}
	for m := time.Minute; m <= 5*time.Minute; m += time.Minute {
		ages = append(ages, m)
	}
	ages = append(ages, 7*time.Minute, 12*time.Minute, 22*time.Minute, 52*time.Minute)
	for h := 2 * time.Hour; h <= 24*time.Hour; h += time.Hour {
		ages = append(ages, h)
	}
	return append(ages, 48*time.Hour, 72*time.Hour)
}

// unclaimedSchedule holds the ages since registration at which an order that nobody
// claimed is queried: most of these were never paid, so it is sparse.
var unclaimedSchedule = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour,
	12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 72 * time.Hour,
}

// refundSchedule holds the ages since a refund was accepted at which it is queried:
// banks credit within minutes or within weeks.
var refundSchedule = buildRefundSchedule()

func buildRefundSchedule() []time.Duration {
	ages := []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute}
	for h := time.Hour; h <= 24*time.Hour; h += time.Hour {
		ages = append(ages, h)
	}
	for d := 36 * time.Hour; d <= 30*24*time.Hour; d += 12 * time.Hour {
		ages = append(ages, d)
	}
	return ages
}

// deliverySchedule holds the waits after each failed delivery: at first as quick as a
// restart of the backend, then the waits of the Standard Webhooks specification.
var deliverySchedule = []time.Duration{
	5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
	15 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
	20 * time.Hour, 24 * time.Hour,
}

// maxRetryAfter bounds how long a backend may put its own results off.
const maxRetryAfter = 24 * time.Hour

// minGap keeps two queries of one order apart, whatever the schedule says.
const minGap = time.Second

// nextByAge returns the first time after now that the schedule asks for, counted from
// start, or 0 when it has run out. Jitter of up to a tenth of the gap spreads orders
// that began together; it is added here, where the time is chosen, and never later.
func nextByAge(ages []time.Duration, start, now order.Time) order.Time {
	earliest := now.Add(minGap)
	previous := time.Duration(0)
	for _, age := range ages {
		if at := start.Add(age); at >= earliest {
			return at.Add(jitter(min(age-previous, time.Minute)))
		}
		previous = age
	}
	return 0
}

// nextDelivery returns when a webhook that failed `tries` times is sent again, or 0.
// A backend that names a time is not asked earlier.
func nextDelivery(tries int, retryAfter time.Duration, now order.Time) order.Time {
	if tries > len(deliverySchedule) {
		return 0
	}
	wait := deliverySchedule[max(tries, 1)-1]
	return now.Add(max(wait+jitter(wait), min(retryAfter, maxRetryAfter)))
}

func jitter(gap time.Duration) time.Duration {
	return rand.N(gap/10 + 1)
}
