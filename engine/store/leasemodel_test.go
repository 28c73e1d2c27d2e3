package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"anxin/engine"
	"anxin/engine/order"
)

// leaseModel is what the store promises of tasks and their leases, in a map.
type leaseModel struct {
	tasks map[engine.TaskKey]engine.Task
}

// commit says what a commit comes to.
func (m *leaseModel) commit(c engine.Commit) error {
	if f := c.Fence; f != nil {
		if held, ok := m.tasks[f.TaskKey]; !ok || held.LeaseUntil == 0 || held.Token != f.Token {
			return engine.ErrFenced
		}
	}
	for _, w := range c.Tasks {
		if m.tasks[w.TaskKey] = w.Task; w.Delete {
			delete(m.tasks, w.TaskKey)
		}
	}
	if r := c.Recall; r != nil {
		for key, t := range m.tasks {
			if t.LeaseUntil == 0 && key.Kind == r.Kind && key.Target == r.Target && t.DueAt >= r.From && t.DueAt < r.Before {
				t.DueAt = r.DueAt
				m.tasks[key] = t
			}
		}
	}
	return nil
}

// claim checks what was given out. Of what is due at the same time any may be.
func (m *leaseModel) claim(c engine.Claim, got []engine.Task) error {
	var due []order.Time
	for _, t := range m.tasks {
		if t.DueAt <= c.DueBy && (t.LeaseUntil == 0 || t.LeaseUntil < c.Now) {
			due = append(due, t.DueAt)
		}
	}
	slices.Sort(due)
	due = due[:min(len(due), c.Limit)]
	for i, t := range got {
		was, ok := m.tasks[t.TaskKey]
		if !ok || (was.LeaseUntil != 0 && was.LeaseUntil >= c.Now) {
			return fmt.Errorf("%s was given out: it is somebody's", t.OrderNo)
		}
		if i >= len(due) || t.DueAt != due[i] {
			return fmt.Errorf("task %d is due at %v, want %v", i, t.DueAt, due)
		}
		if was.Token, was.LeaseUntil = c.Token, c.LeaseUntil; was != t {
			return fmt.Errorf("given out was %v, stored %v", t, was)
		}
		m.tasks[t.TaskKey] = t
	}
	if len(got) != len(due) {
		return fmt.Errorf("%d tasks were given out of %d", len(got), len(due))
	}
	return nil
}

// leaseRun draws what is done to tasks.
type leaseRun struct {
	*rand.Rand
	model *leaseModel
	now   order.Time
}

func (r *leaseRun) task() engine.Task {
	t := taskOf(fmt.Sprint("A", r.IntN(20)), r.now+order.Time(r.IntN(100)-50))
	t.Tries = r.IntN(2)
	if r.IntN(3) == 0 {
		t.Token, t.LeaseUntil = r.Int64N(4), max(t.DueAt, r.now)+order.Time(r.IntN(40))
	}
	return t
}

func (r *leaseRun) commit() engine.Commit {
	c := putting(r.task())
	switch r.IntN(10) {
	case 0, 1, 2:
		c.Tasks[0].Delete = true
	case 3:
		c = engine.Commit{Recall: &engine.Recall{Kind: engine.TaskQuery, Target: "pay", From: r.now, Before: r.now + 30, DueAt: r.now - 5}}
	}
	if len(c.Tasks) > 0 && r.IntN(2) == 0 {
		c.Fence = &engine.Fence{TaskKey: c.Tasks[0].TaskKey, Token: r.Int64N(4)}
		if held, ok := r.model.tasks[c.Fence.TaskKey]; ok && r.IntN(4) > 0 {
			c.Fence.Token = held.Token
		}
	}
	return c
}

func (r *leaseRun) claim() engine.Claim {
	now := r.now - order.Time(r.IntN(3))
	return engine.Claim{DueBy: now + order.Time(r.IntN(20)), Now: now, LeaseUntil: now + order.Time(r.IntN(40)), Token: r.Int64N(4), Limit: 1 + r.IntN(12)}
}

var errNotYet = errors.New("rolled back on purpose")

// step is a transaction of some commits and claims, which may be rolled back.
func (r *leaseRun) step(t *testing.T, s *Store) {
	before := maps.Clone(r.model.tasks)
	fails := r.IntN(5) == 0
	err := s.writer.do(t.Context(), func(ctx context.Context, w *writes) error {
		for range 1 + r.IntN(4) {
			if r.IntN(3) == 0 {
				c := r.claim()
				got, _, err := w.claim(ctx, c, c.Limit)
				slices.SortStableFunc(got, func(a, b engine.Task) int { return cmp.Compare(a.DueAt, b.DueAt) })
				if err = errors.Join(err, r.model.claim(c, got)); err != nil {
					t.Errorf("claim %+v: %v", c, err)
				}
				continue
			}
			c := r.commit()
			if got, want := writing(c)(ctx, w), r.model.commit(c); !errors.Is(got, want) {
				t.Errorf("commit %+v: got %v, want %v", c, got, want)
			}
		}
		if fails {
			return errNotYet
		}
		return nil
	})
	if fails {
		r.model.tasks = before
	}
	if fails != errors.Is(err, errNotYet) {
		t.Errorf("step: %v", err)
	}
	r.now += order.Time(r.IntN(10))
}

// TestLeasesDoWhatTheirModelDoes writes, claims, recalls and rolls back at random, with
// clocks that differ a little.
func TestLeasesDoWhatTheirModelDoes(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, rand.Uint64()} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			s, release := held(t)
			release()
			r := &leaseRun{rand.New(rand.NewPCG(seed, 0)), &leaseModel{make(map[engine.TaskKey]engine.Task)}, 1000}
			for i := 0; i < 400 && !t.Failed(); i++ {
				r.step(t, s)
			}
		})
	}
}
