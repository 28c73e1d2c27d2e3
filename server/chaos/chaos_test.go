package chaos

import (
	"context"
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var (
	orders = flag.Int("chaos.orders", 300, "orders of a run")
	kills  = flag.Int("chaos.kills", 3, "times that the server is killed")
	seed   = flag.Uint64("chaos.seed", 0, "what fates and faults are drawn from; 0 = a new one")
	slack  = flag.Duration("chaos.patience", 4*time.Minute, "how long orders may take to settle once the faults have stopped")
	rate   = flag.Float64("chaos.rate", 40, "orders that begin in a second")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestChaos is one run.
func TestChaos(t *testing.T) {
	t.Parallel()
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("rerun: go test ./server/chaos -chaos.orders=%d -chaos.kills=%d -chaos.rate=%g -chaos.seed=%d", *orders, *kills, *rate, *seed)
	w := newWorld(t)
	began := time.Now()
	w.storm()
	if ended(w.ctx) {
		t.Fatal("the run was broken off")
	}
	stormed := time.Since(began)
	deadline := time.Now().Add(*slack)
	w.settle(deadline)
	w.settleMessages(deadline)
	settled := time.Since(began) - stormed
	w.judge()
	t.Logf("%d orders, %d kills at %v: storm %v, settling %v", *orders, *kills, w.server.deaths, stormed.Round(time.Second), settled.Round(time.Second))
	w.report()
}

// world is everything outside of the server.
type world struct {
	t        *testing.T
	fates    []*fate
	byNo     map[string]*fate
	people   map[string]*person
	server   *server
	gateway  *gateway
	backend  *backend
	payers   *payers
	post     *post
	carriers [2]*carrier
	pushes   *pushes
	mailhost *mailhost
	faults   *faults
	wrongs   *wrongs
	promises lateness
	messages *judgement
	ctx      context.Context // ends with the run
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &world{t: t, ctx: ctx, byNo: make(map[string]*fate), people: make(map[string]*person), faults: newFaults(*seed), wrongs: &wrongs{t: t}}
	for i := range *orders {
		f := newFate(*seed, i)
		if p := payerOf(i); p == i {
			f.payer = newPerson(*seed, i)
			w.people[f.payer.id] = f.payer
		} else {
			f.payer = w.fates[p].payer
		}
		w.fates = append(w.fates, f)
		w.byNo[f.no] = f
	}
	w.backend = newBackend(w)
	w.gateway = newGateway(w)
	w.post = newPost(w)
	w.carriers[0] = newCarrier(w, carrierOne, w.faults.carrierOut)
	w.carriers[1] = newCarrier(w, carrierTwo, func() bool { return false })
	w.pushes, w.mailhost = newPushes(w), newMailhost(w)
	w.server = newServer(t, cancel, around{
		gateway: w.gateway.url, webhooks: w.backend.url, secret: w.backend.secret,
		carriers: [2]string{w.carriers[0].http.URL, w.carriers[1].http.URL},
		pushes:   w.pushes.http.URL, account: w.pushes.account, mailPort: w.mailhost.port(),
	})
	w.gateway.secret = w.server.channelSecret()
	w.payers = newPayers(w)
	t.Cleanup(func() {
		cancel()
		w.payers.end()
		w.post.all.Wait()
		w.server.stop()
		w.gateway.close()
		w.backend.close()
		w.carriers[0].close()
		w.carriers[1].close()
		w.pushes.close()
		w.mailhost.close()
	})
	return w
}

// storm lets every order live through its fate while the server is being killed.
func (w *world) storm() {
	var living sync.WaitGroup
	living.Go(func() { w.server.dieOften(w.ctx, *kills, rand.New(rand.NewPCG(*seed, 1)), w.span()) })
	gap := time.Duration(float64(time.Second) / *rate)
	start := time.NewTicker(max(gap, time.Microsecond))
	defer start.Stop()
	for _, f := range w.fates {
		select {
		case <-start.C:
		case <-w.ctx.Done():
		}
		living.Go(func() { w.live(f) })
	}
	living.Wait()
	w.faults.stop()
}

// span is about how long the storm takes: orders begin over it.
func (w *world) span() time.Duration {
	return time.Duration(float64(*orders) / *rate * float64(time.Second))
}

// wrongs collects violations; the first ones of each kind are told in full.
type wrongs struct {
	t     *testing.T
	mu    sync.Mutex
	kinds map[string]int
}

const toldInFull = 5

// add reports that an invariant, by its name, was broken.
func (w *wrongs) add(kind, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kinds == nil {
		w.kinds = make(map[string]int)
	}
	w.kinds[kind]++
	if w.kinds[kind] <= toldInFull {
		w.t.Errorf("["+kind+"] "+format, args...)
	}
}

func (w *wrongs) total() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, k := range w.kinds {
		n += k
	}
	return n
}
