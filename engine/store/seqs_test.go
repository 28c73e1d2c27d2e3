package store

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"

	"anxin/engine"
	"anxin/engine/order"
)

// state writes the state seq of an order, and nothing that a caller would check.
func state(orderNo string, seq int64) action {
	return (&encoded{Commit: engine.Commit{Order: &order.Order{OrderNo: orderNo, Seq: seq}, Expect: seq - 1}}).write
}

func write(t *testing.T, s *Store, act action) {
	t.Helper()
	if err := s.writer.do(t.Context(), act); err != nil {
		t.Fatal(err)
	}
}

func expectSeqs(t *testing.T, s *Store, want map[string]int64) {
	t.Helper()
	got, err := s.Seqs(t.Context(), []string{"A1", "A2"})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// aside changes an order behind the store's back.
func aside(ctx context.Context, w *writes) error {
	_, err := w.exec(ctx, "change aside", `UPDATE orders SET seq = 7 WHERE order_no = 'A1'`)
	return err
}

func age(s *Store) {
	s.newest.mu.Lock()
	defer s.newest.mu.Unlock()
	s.newest.age()
}

func TestSeqsAreReadOnceAndAgainWhenTheyAreOld(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	release()
	write(t, s, state("A1", 1))
	write(t, s, state("A2", 1))
	s.newest.forget()
	expectSeqs(t, s, map[string]int64{"A1": 1, "A2": 1}) // read
	write(t, s, aside)
	expectSeqs(t, s, map[string]int64{"A1": 1, "A2": 1}) // remembered
	age(s)
	write(t, s, state("A2", 2))
	expectSeqs(t, s, map[string]int64{"A1": 1, "A2": 2})
	age(s)
	expectSeqs(t, s, map[string]int64{"A1": 7, "A2": 2})
}

func TestSeqsOfWhatWasRolledBackAreNotRemembered(t *testing.T) {
	t.Parallel()
	end := func(ctx context.Context, w *writes) error { // so that the commit of the group fails
		_, err := w.exec(ctx, "end", `ROLLBACK`)
		return err
	}
	broken := func(ctx context.Context, w *writes) error {
		if err := state("A1", 2)(ctx, w); err != nil {
			return err
		}
		return errDisk
	}
	for name, act := range map[string]action{"a request fails": broken, "the commit fails": end} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, release := held(t)
			release()
			write(t, s, state("A1", 1))
			if err := s.writer.do(t.Context(), func(ctx context.Context, w *writes) error {
				if err := state("A2", 1)(ctx, w); err != nil {
					return err
				}
				return act(ctx, w)
			}); err == nil {
				t.Fatal("the write goes through")
			}
			expectSeqs(t, s, map[string]int64{"A1": 1})
			write(t, s, state("A1", 2))
			expectSeqs(t, s, map[string]int64{"A1": 2})
		})
	}
}

// TestSeqsAreNeverOlderThanWhatWasCommitted is what the sweep of watched orders stands on:
// whoever was told of a commit is answered with it, whatever is read and forgotten meanwhile.
func TestSeqsAreNeverOlderThanWhatWasCommitted(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	release()
	const orders, states = 8, 25
	var names []string
	for i := range orders {
		names = append(names, fmt.Sprint("A", i))
	}
	done := make(chan struct{})
	var askers, writers sync.WaitGroup
	for range 2 {
		askers.Go(func() {
			for !isClosed(done) {
				if _, err := s.Seqs(t.Context(), names); err != nil {
					t.Error(err)
				}
				age(s)
			}
		})
	}
	for _, name := range names {
		writers.Go(func() {
			for seq := int64(1); seq <= states; seq++ {
				if err := s.writer.do(t.Context(), state(name, seq)); err != nil {
					t.Error(err)
				}
				for range 3 { // remembered, learned, read
					if got, err := s.Seqs(t.Context(), names); err != nil || got[name] != seq {
						t.Errorf("%s: got %d, %v, want %d", name, got[name], err, seq)
					}
				}
			}
		})
	}
	writers.Wait()
	close(done)
	askers.Wait()
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	t.Parallel()
	n := newNewest()
	for i := range 3 * maxRemembered {
		n.note([]orderSeq{{fmt.Sprint(i), 1}})
	}
	if len(n.young) > maxRemembered || len(n.old) > maxRemembered {
		t.Errorf("%d young, %d old", len(n.young), len(n.old))
	}
	if _, ok := n.get(fmt.Sprint(3*maxRemembered - 1)); !ok {
		t.Error("the last is forgotten")
	}
}
