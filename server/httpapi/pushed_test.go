package httpapi_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"anxin/engine/order"
)

// sent is one update with its idempotency key.
type sent struct {
	key  string
	body object
}

// history is what really happened, oldest first, to a pushed order.
type history struct {
	updates []sent
	want    order.Payment
	attempt int        // shown at the end while there is no result
	next    order.Time // likewise
}

// happen makes up a life of an order whose steps occurred a second apart.
func happen(rng *rand.Rand) history {
	h := history{want: order.Pending}
	at := order.At(time.Now().Add(-time.Hour))
	add := func(body object) {
		at = at.Add(time.Second)
		body["occurred_at"] = at
		h.updates = append(h.updates, sent{fmt.Sprint("k", len(h.updates)), body})
	}
	refund := object{"id": "r1", "amount": object{"minor": 8800, "currency": "CNY"}}
	add(object{"type": "confirming"})
	for h.attempt = range rng.IntN(6) {
		h.next = order.At(time.Now().Add(time.Duration(h.attempt+1) * time.Hour))
		add(object{"type": "retrying", "attempt": h.attempt, "next_attempt_at": h.next})
	}
	switch rng.IntN(4) {
	case 1: // a first try failed, a second one went through
		add(object{"type": []string{"failed", "closed"}[rng.IntN(2)], "reason": "declined"})
		add(object{"type": "succeeded"})
		h.want = order.Succeeded
	case 2:
		add(object{"type": "succeeded"})
		add(object{"type": "refunding", "refund": refund})
		h.want = order.Refunding
	case 3:
		add(object{"type": "succeeded"})
		add(object{"type": "refunding", "refund": refund})
		add(object{"type": "refunded", "refund": refund})
		h.want = order.Refunded
	}
	return h
}

// TestUpdatesThatOvertakeOneAnotherEndInTheTruth sends histories in any order, with
// repeats, partly at the same moment, and expects what in-order requests lead to.
func TestUpdatesThatOvertakeOneAnotherEndInTheTruth(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	w := setup(t)
	for n := range 60 {
		h := happen(rng)
		orderNo := fmt.Sprint("P", n)
		w.register(with(with(registration(orderNo), "mode", "pushed"), "channel", "anything"))
		w.pushShuffled(rng, orderNo, h.updates)
		w.wantPushed(orderNo, h)
	}
}

func (w *world) pushShuffled(rng *rand.Rand, orderNo string, updates []sent) {
	w.t.Helper()
	requests := slices.Concat(updates, updates) // each is retried by its backend
	rng.Shuffle(len(requests), func(i, j int) { requests[i], requests[j] = requests[j], requests[i] })
	var group sync.WaitGroup
	for _, u := range requests {
		push := func() {
			a := w.send("POST", "/v1/orders/"+orderNo+"/updates", u.body, bearer(shopKey), header{"Idempotency-Key": u.key})
			if a.status != http.StatusOK {
				w.t.Errorf("%s %v: %d %s", orderNo, u.body, a.status, a.body)
			}
		}
		if rng.IntN(3) == 0 {
			group.Go(push)
		} else {
			group.Wait()
			push()
		}
	}
	group.Wait()
	used := updates[rng.IntN(len(updates))]
	other := with(used.body, "occurred_at", order.At(time.Now()))
	w.want(http.StatusConflict, "POST", "/v1/orders/"+orderNo+"/updates", other, bearer(shopKey), header{"Idempotency-Key": used.key})
}

func (w *world) wantPushed(orderNo string, h history) {
	w.t.Helper()
	o := decode[struct {
		order.Order
		Timeline []order.Event `json:"timeline"`
	}](w.t, w.want(http.StatusOK, "GET", "/v1/orders/"+orderNo, nil, bearer(shopKey)))
	if o.Payment != h.want {
		w.t.Errorf("%s is %s, want %s: %v", orderNo, o.Payment, h.want, h.updates)
	}
	if h.want == order.Pending && (o.Attempt != h.attempt || o.NextAttemptAt != h.next) {
		w.t.Errorf("%s shows attempt %d, next %v; want %d, %v", orderNo, o.Attempt, o.NextAttemptAt, h.attempt, h.next)
	}
	for _, k := range o.Cases {
		if k.Kind != order.CaseLateSuccess {
			w.t.Errorf("%s: case %s without a contradiction", orderNo, k.Kind)
		}
	}
	for i, ev := range o.Timeline {
		if ev.Seq != int64(i+1) {
			w.t.Errorf("%s: event %d has seq %d", orderNo, i+1, ev.Seq)
		}
	}
}
