package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
)

// chaos is a channel, a backend and a store that fail at random until calm, over orders
// whose truth only the channel knows.
type chaos struct {
	*house

	mu     sync.Mutex // guards what follows
	rng    *rand.Rand
	calm   bool
	orders []*fate
}

// fate is what really became of a payment.
type fate struct {
	no         string
	truth      order.Claimed // succeeded, failed, closed or refunded
	at         time.Time     // from when on the channel knows
	claimed    bool          // the payer returns from the cashier
	registered bool
	callbacks  []note // that the channel has not seen acknowledged
}

func (c *chaos) chance(percent int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.calm && c.rng.IntN(100) < percent
}

func (c *chaos) upTo(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rng.IntN(n)
}

func (f *fate) evidence(said order.Claimed) order.Evidence {
	ev := claims(said)
	if said == order.ClaimsRefunding || said == order.ClaimsRefunded {
		ev.Refund = &order.RefundEvidence{ID: "r1"}
	}
	return ev
}

// newFates deals out payments: each truth, claimed and not.
func newFates(rng *rand.Rand) []*fate {
	story := map[order.Claimed][]order.Claimed{
		order.ClaimsSucceeded: {order.ClaimsSucceeded},
		order.ClaimsFailed:    {order.ClaimsFailed},
		order.ClaimsClosed:    {order.ClaimsClosed},
		order.ClaimsRefunded:  {order.ClaimsSucceeded, order.ClaimsRefunding, order.ClaimsRefunded},
	}
	var fates []*fate
	for i, truth := range []order.Claimed{
		order.ClaimsSucceeded, order.ClaimsSucceeded, order.ClaimsSucceeded, order.ClaimsSucceeded,
		order.ClaimsFailed, order.ClaimsFailed, order.ClaimsClosed, order.ClaimsClosed, order.ClaimsRefunded, order.ClaimsRefunded,
	} {
		f := &fate{no: fmt.Sprint("A", i), truth: truth, claimed: i%2 == 0, at: time.Now().Add(time.Duration(rng.IntN(40)) * time.Second)}
		for j, said := range story[truth] {
			n := note{OrderNo: f.no, Key: fmt.Sprint(f.no, "-", j), Evidence: f.evidence(said)}
			f.callbacks = append(f.callbacks, n)
			if rng.IntN(2) == 0 {
				f.callbacks = append(f.callbacks, n) // the channel repeats itself
			}
		}
		if truth != order.ClaimsRefunded && rng.IntN(3) == 0 {
			f.callbacks = nil // lost for good: only a query can tell
		}
		rng.Shuffle(len(f.callbacks), func(a, b int) { f.callbacks[a], f.callbacks[b] = f.callbacks[b], f.callbacks[a] })
		fates = append(fates, f)
	}
	return fates
}

func (c *chaos) answer(_ int, q channel.Query) (order.Evidence, error) {
	switch {
	case c.chance(15):
		return order.Evidence{}, unreachable()
	case c.chance(11):
		return order.Evidence{}, notFound()
	case c.chance(10):
		return claims(order.ClaimsProcessing), nil
	case c.chance(3):
		panic("a bug in the adapter")
	}
	i := slices.IndexFunc(c.orders, func(f *fate) bool { return f.no == q.OrderNo })
	if f := c.orders[i]; !time.Now().Before(f.at) {
		return f.evidence(f.truth), nil
	}
	return claims(order.ClaimsPending), nil
}

// step lets one order's world move: register, pay and return, press the button, or
// bring a callback, whatever comes first.
func (c *chaos) step(f *fate) {
	ctx := context.Background()
	switch what := c.upTo(10); {
	case !f.registered && what < 5:
		r := registration(f.no)
		withWebhook(&r)
		_, _, err := c.Register(ctx, r)
		f.registered = err == nil
	case f.registered && f.claimed && what < 3:
		_, err := c.Claim(ctx, f.no)
		c.expect(err)
	case f.registered && what < 5:
		_, err := c.CheckNow(ctx, f.no)
		c.expect(err)
	case len(f.callbacks) > 0 && !time.Now().Before(f.at):
		n := f.callbacks[0]
		f.callbacks = f.callbacks[1:]
		if c.chance(20) {
			forged := n
			forged.Forged = true
			c.callback(forged)
		}
		if c.callback(n) != 200 {
			f.callbacks = append(f.callbacks, n) // comes again
		}
	}
}

func (c *chaos) expect(err error) {
	var soon *engine.TooSoonError
	if err != nil && !errors.As(err, &soon) && !errors.Is(err, errDisk) && !errors.Is(err, engine.ErrBusy) {
		c.t.Errorf("unexpected error: %v", err)
	}
}

// all lets some orders move at the same moment.
func (c *chaos) all(percent int) {
	var wg sync.WaitGroup
	for _, f := range c.orders {
		if c.upTo(100) < percent {
			wg.Go(func() { c.step(f) })
		}
	}
	wg.Wait()
}

func TestWhateverFailsEveryOrderEndsAsTheEvidenceSays(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 3, 4, rand.Uint64()} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, h *house) { runChaos(t, h, seed) })
		})
	}
}

func runChaos(t *testing.T, h *house, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	c := &chaos{house: h, rng: rng, orders: newFates(rng)}
	h.channel.latency = 200 * time.Millisecond
	h.channel.answers(c.answer)
	h.backend.latency = 300 * time.Millisecond
	h.backend.does(func(int, engine.Webhook) error {
		if c.chance(40) {
			return refusing("http_500")
		}
		return nil
	})
	if c.chance(50) {
		h.cfg.WeighAtOnce = -1
	}
	h.through(func(s engine.Store) engine.Store {
		return &failingCommits{s, func(engine.Commit) bool { return c.chance(4) }}
	})
	for range 60 {
		c.all(30)
		if c.chance(12) {
			h.restart()
		}
		<-time.After(time.Duration(c.upTo(1500)) * time.Millisecond)
	}
	synctest.Wait()
	c.mu.Lock()
	c.calm = true
	c.mu.Unlock()
	for range 40 {
		c.all(100)
		<-time.After(time.Second)
	}
	for range 8 {
		h.pass(13 * time.Minute)
	}
	for _, f := range c.orders {
		c.wantFate(f)
	}
	if t.Failed() {
		t.Logf("seed %d", seed)
	}
}

// wantFate holds the invariants that no fault may break.
func (c *chaos) wantFate(f *fate) {
	c.t.Helper()
	want := map[order.Claimed]struct {
		payment order.Payment
		status  order.Status
		told    []string
	}{
		order.ClaimsSucceeded: {order.Succeeded, order.StatusSucceeded, []string{"order.succeeded"}},
		order.ClaimsFailed:    {order.Failed, order.StatusFailed, []string{"order.failed"}},
		order.ClaimsClosed:    {order.Closed, order.StatusClosed, []string{"order.closed"}},
		order.ClaimsRefunded:  {order.Refunded, order.StatusRefunded, []string{"order.succeeded", "order.refunded"}},
	}[f.truth]
	c.wantPayment(f.no, want.payment, want.status)
	c.wantCases(f.no)
	c.wantGapless(f.no)
	c.wantLedger(f.no, true)
	c.wantTasks(f.no)
	told := slices.DeleteFunc(c.backend.types(f.no), func(kind string) bool { return kind == "order.refunding" })
	if !slices.Equal(told, want.told) {
		c.t.Errorf("%s: the backend was told %v, want %v", f.no, told, want.told)
	}
	last := int64(0)
	seen := make(map[int64]bool)
	for _, w := range c.backend.accepted {
		if w.OrderNo != f.no || seen[w.Seq] {
			continue
		}
		if seen[w.Seq] = true; w.Seq < last {
			c.t.Errorf("%s: the webhook of seq %d came after that of %d", f.no, w.Seq, last)
		}
		last = w.Seq
	}
	if w, err := c.store.NextWebhook(context.Background(), f.no, 0); !errors.Is(err, engine.ErrNotFound) {
		c.t.Errorf("%s: webhook %s was never sent (%v)", f.no, w.Type, err)
	}
}
