package engine_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

// model is what the task queue promises, in a map: it goes along with the real store
// and says at each step what the store must answer. One lock puts the steps of all nodes
// in the order in which the store does them.
type model struct {
	engine.TaskStore
	t *testing.T

	mu    sync.Mutex // guards what follows
	tasks map[engine.TaskKey]engine.Task
	stale int // completions that came too late
	taken int // leases that ended and went to somebody
}

// Commit holds that a fence lets through the token of the task and no other.
func (m *model) Commit(ctx context.Context, c engine.Commit) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.TaskStore.Commit(ctx, c)
	m.committed(c, err)
	return err
}

// CommitEach holds the same of each of many.
func (m *model) CommitEach(ctx context.Context, list []engine.Commit) []error {
	m.mu.Lock()
	defer m.mu.Unlock()
	outcomes := m.TaskStore.CommitEach(ctx, list)
	for i, c := range list {
		m.committed(c, outcomes[i])
	}
	return outcomes
}

func (m *model) committed(c engine.Commit, err error) {
	if err != nil && !errors.Is(err, engine.ErrFenced) {
		return // not begun: the node is going down
	}
	if f := c.Fence; f != nil {
		held, ok := m.tasks[f.TaskKey]
		if refuse := !ok || held.Token != f.Token; refuse != (err != nil) {
			m.t.Errorf("%s: a commit with token %d, while the task has %d, was answered %v", f.OrderNo, f.Token, held.Token, err)
		}
	}
	if err != nil {
		m.stale++
		return
	}
	for _, w := range c.Tasks {
		if w.Delete {
			delete(m.tasks, w.TaskKey)
			continue
		}
		m.tasks[w.TaskKey] = w.Task
	}
}

// ClaimTasks holds that exactly what is due and leased by nobody is given out, earliest
// first.
func (m *model) ClaimTasks(ctx context.Context, c engine.Claim) ([]engine.Task, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	got, err := m.TaskStore.ClaimTasks(ctx, c)
	if err != nil {
		return got, err
	}
	want := make(map[engine.TaskKey]bool)
	for key, t := range m.tasks {
		if t.DueAt <= c.DueBy && (t.LeaseUntil == 0 || t.LeaseUntil < c.Now) {
			want[key] = true
			if t.LeaseUntil != 0 {
				m.taken++
			}
		}
	}
	for _, t := range got {
		if known := m.tasks[t.TaskKey]; !want[t.TaskKey] || known.DueAt != t.DueAt || known.Tries != t.Tries {
			m.t.Errorf("%v was given out, the model has %v", t, known)
		}
		delete(want, t.TaskKey)
		m.tasks[t.TaskKey] = t
	}
	if len(want) > 0 {
		m.t.Errorf("%d due tasks were not given out", len(want))
	}
	if !slices.IsSortedFunc(got, func(a, b engine.Task) int { return cmp.Compare(a.DueAt, b.DueAt) }) {
		m.t.Error("tasks were not given out in order of due")
	}
	return got, nil
}

func (m *model) left() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.tasks)
}

var errDead = errors.New("the node is cut off")

// wire is what ties a node to the store.
type wire struct {
	engine.TaskStore
	dead atomic.Bool
}

func (w *wire) Commit(ctx context.Context, c engine.Commit) error {
	if w.dead.Load() {
		return errDead
	}
	return w.TaskStore.Commit(ctx, c)
}

func (w *wire) CommitEach(ctx context.Context, list []engine.Commit) []error {
	if w.dead.Load() {
		return slices.Repeat([]error{errDead}, len(list))
	}
	return w.TaskStore.CommitEach(ctx, list)
}

func (w *wire) ClaimTasks(ctx context.Context, c engine.Claim) ([]engine.Task, error) {
	if w.dead.Load() {
		return nil, errDead
	}
	return w.TaskStore.ClaimTasks(ctx, c)
}

// pair is two nodes at one store, either of which may be cut off and come back.
type pair struct {
	t     *testing.T
	model *model
	nodes [2]*works
	wires [2]*wire
	calm  atomic.Bool

	mu  sync.Mutex // guards rng
	rng *rand.Rand
}

func (p *pair) upTo(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rng.IntN(n)
}

func (p *pair) join(i int) {
	p.wires[i] = &wire{TaskStore: p.model}
	p.nodes[i] = newWorks(p.t, p.wires[i], 3, p.handle)
}

// handle takes its time, sometimes more than its lease, and ends as handlers do:
// finished, put off, or not at all.
func (p *pair) handle(ctx context.Context, w *works, t engine.Task) {
	if now := order.At(time.Now()); now < t.DueAt {
		p.t.Errorf("%s began %v early", t.OrderNo, t.DueAt.Sub(now))
	}
	what, long := p.upTo(100), time.Duration(p.upTo(4000))*time.Millisecond
	if p.calm.Load() {
		what, long = 0, 0
	} else if what%10 == 9 {
		long += 70 * time.Second
	}
	select {
	case <-time.After(long):
	case <-ctx.Done():
		return
	}
	switch {
	case what < 60:
		p.outcome(w.finish(t))
	case what < 85:
		next := engine.Task{TaskKey: t.TaskKey, DueAt: order.At(time.Now().Add(time.Duration(p.upTo(20_000)) * time.Millisecond)), Tries: t.Tries + 1}
		p.outcome(p.write(w, engine.TaskWrite{Task: next}, &engine.Fence{TaskKey: t.TaskKey, Token: t.Token}))
	}
}

func (p *pair) outcome(err error) {
	if err != nil && !errors.Is(err, engine.ErrFenced) && !errors.Is(err, errDead) && !errors.Is(err, context.Canceled) {
		p.t.Errorf("unexpected: %v", err)
	}
}

// write commits one task the way the engine does.
func (p *pair) write(w *works, t engine.TaskWrite, fence *engine.Fence) error {
	begun := w.Begin()
	if !t.Delete {
		w.Lease(&t.Task, order.At(time.Now()))
	}
	writes := []engine.TaskWrite{t}
	if err := w.tasks.Commit(context.Background(), engine.Commit{Tasks: writes, Fence: fence}); err != nil {
		return err
	}
	w.Committed(writes, begun)
	return nil
}

// step is one thing that happens to the queue from outside.
func (p *pair) step() {
	i := p.upTo(2)
	key := engine.TaskKey{OrderNo: fmt.Sprint("A", p.upTo(25)), Kind: engine.TaskQuery, Target: pay}
	switch what := p.upTo(100); {
	case what < 75:
		due := order.At(time.Now().Add(time.Duration(p.upTo(8000)-500) * time.Millisecond))
		p.outcome(p.write(p.nodes[i], engine.TaskWrite{Task: engine.Task{TaskKey: key, DueAt: due}}, nil))
	case what < 90:
		p.outcome(p.write(p.nodes[i], engine.TaskWrite{Task: engine.Task{TaskKey: key}, Delete: true}, nil))
	case what < 96: // cut off: it goes on, and nothing of it reaches the store
		p.wires[i].dead.Store(true)
	default: // gone with all that it held, and a new one in its place
		p.wires[i].dead.Store(true)
		p.nodes[i].stop()
		p.join(i)
	}
}

// TestTheTaskQueueDoesWhatItsModelDoes lets two nodes work off random puts and deletes
// while leases expire and nodes are cut off and die. At every step the store must answer
// as the model does, and in the end, when all is calm, no task may be left over.
func TestTheTaskQueueDoesWhatItsModelDoes(t *testing.T) {
	t.Parallel()
	var stale, taken atomic.Int64
	t.Cleanup(func() { // after the runs
		if stale.Load() == 0 || taken.Load() == 0 {
			t.Errorf("%d late completions, %d leases taken over: the runs tested nothing", stale.Load(), taken.Load())
		}
	})
	for _, seed := range []uint64{1, 2, rand.Uint64()} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				late, over := runModel(t, seed)
				stale.Add(int64(late))
				taken.Add(int64(over))
			})
		})
	}
}

func runModel(t *testing.T, seed uint64) (stale, taken int) {
	p := &pair{t: t, rng: rand.New(rand.NewPCG(seed, 0))}
	p.model = &model{TaskStore: openStore(t), t: t, tasks: make(map[engine.TaskKey]engine.Task)}
	p.join(0)
	p.join(1)
	for range 250 {
		p.step()
		<-time.After(time.Duration(p.upTo(1500)) * time.Millisecond)
	}
	p.calm.Store(true)
	for i := range p.nodes { // what was cut off returns
		p.wires[i].dead.Store(true)
		p.nodes[i].stop()
		p.join(i)
	}
	<-time.After(5 * time.Minute)
	if n := p.model.left(); n != 0 {
		t.Errorf("%d tasks were never done", n)
	}
	if t.Failed() {
		t.Logf("seed %d", seed)
	}
	p.model.mu.Lock()
	defer p.model.mu.Unlock()
	return p.model.stale, p.model.taken
}
