package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"anxin/engine"
)

// held opens a store whose writer waits between two groups until release, so that what
// a test queues meanwhile becomes one group.
func held(t *testing.T) (s *Store, release func()) {
	t.Helper()
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "anxin.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	waits, goOn := make(chan struct{}), make(chan struct{})
	go s.writer.pause(func(context.Context) { close(waits); <-goOn })
	<-waits
	return s, func() { close(goOn) }
}

// queue puts actions into the writer's queue, in this order.
func queue(w *writer, actions ...action) []*request {
	requests := make([]*request, len(actions))
	for i, act := range actions {
		requests[i] = &request{act: act, size: 1, done: make(chan error, 1)}
		w.queue <- requests[i]
	}
	return requests
}

func expect(t *testing.T, requests []*request, want ...error) {
	t.Helper()
	for i, r := range requests {
		if err := <-r.done; !errors.Is(err, want[i]) {
			t.Errorf("request %d: got %v, want %v", i, err, want[i])
		}
	}
}

// expectKeys checks which idempotency keys are stored.
func expectKeys(t *testing.T, s *Store, want map[string]bool) {
	t.Helper()
	for name, there := range want {
		_, err := s.Key(t.Context(), "A1", name)
		if (err == nil) != there || (err != nil && !errors.Is(err, engine.ErrNotFound)) {
			t.Errorf("key %s: %v, want it there: %v", name, err, there)
		}
	}
}

// take is a commit that takes an idempotency key.
func take(name string) action {
	return (&encoded{Commit: engine.Commit{Key: &engine.Key{OrderNo: "A1", Key: name}}}).write
}

var errDisk = errors.New("disk trouble")

// takeAndBreak writes and then fails as no refusal does.
func takeAndBreak(name string) action {
	return func(ctx context.Context, w *writes) error {
		if err := take(name)(ctx, w); err != nil {
			return err
		}
		return errDisk
	}
}

func TestRefusedCommitHarmsNoNeighbour(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	requests := queue(s.writer, take("a"), take("a"), take("b"))
	release()
	expect(t, requests, nil, engine.ErrKeyUsed, nil)
	expectKeys(t, s, map[string]bool{"a": true, "b": true})
}

func TestFailedCommitHarmsNoNeighbour(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	requests := queue(s.writer, take("a"), takeAndBreak("b"), take("c"), takeAndBreak("d"), take("e"))
	release()
	expect(t, requests, nil, errDisk, nil, errDisk, nil)
	expectKeys(t, s, map[string]bool{"a": true, "b": false, "c": true, "d": false, "e": true})
}

func TestRefusalIsDecidedAnewWhenItsReasonIsRolledBack(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	requests := queue(s.writer, takeAndBreak("a"), take("a"))
	release()
	expect(t, requests, errDisk, nil)
	expectKeys(t, s, map[string]bool{"a": true})
}

func TestFailingTransactionFailsAllOfItsGroupAndNoLaterOne(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	sabotage := func(ctx context.Context, w *writes) error {
		w.rollback(ctx) // what SQLite does by itself when the disk is full
		return nil
	}
	requests := queue(s.writer, take("a"), take("a"), sabotage)
	release()
	for i, r := range requests {
		if err := <-r.done; err == nil || refused(err) {
			t.Errorf("request %d: got %v, want the error of the transaction", i, err)
		}
	}
	expectKeys(t, s, map[string]bool{"a": false})
	requests = queue(s.writer, take("b"))
	expect(t, requests, nil)
}

func TestGroupTakesWhatIsQueuedUpToItsBound(t *testing.T) {
	t.Parallel()
	w := newWriter(nil)
	queue(w, make([]action, groupSize+3)...)
	abandoned := <-w.queue
	abandoned.take()
	w.queue <- abandoned
	if n := len(w.gather(nil)); n != groupSize {
		t.Errorf("first group: %d, want %d", n, groupSize)
	}
	if n := len(w.gather(nil)); n != 2 {
		t.Errorf("second group: %d, want 2: one was given up", n)
	}
}

func TestCommitGivenUpWhileQueuedIsNotWritten(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	ctx, cancel := context.WithCancel(t.Context())
	given := make(chan error, 1)
	go func() { given <- s.Commit(ctx, engine.Commit{Key: &engine.Key{OrderNo: "A1", Key: "a"}}) }()
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) { // while the writer is still held
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	release()
	expectReady(t, s)
	expectKeys(t, s, map[string]bool{"a": false})
}

func TestFullQueueHoldsCallersBack(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	actions := make([]action, queueSize)
	for i := range actions {
		actions[i] = take(fmt.Sprint("full-", i))
	}
	requests := queue(s.writer, actions...)
	ctx, cancel := context.WithCancel(t.Context())
	given := make(chan error, 1)
	go func() { given <- s.Commit(ctx, engine.Commit{Key: &engine.Key{OrderNo: "A1", Key: "a"}}) }()
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	release()
	expect(t, requests, make([]error, queueSize)...)
	expectKeys(t, s, map[string]bool{"a": false, "full-0": true, fmt.Sprint("full-", queueSize-1): true})
}

func TestCommitThatBeganTellsItsOutcomeThoughItsContextEnds(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	release()
	ctx, cancel := context.WithCancel(t.Context())
	err := s.writer.do(ctx, func(inner context.Context, w *writes) error {
		cancel()
		return take("a")(inner, w)
	})
	if err != nil {
		t.Errorf("got %v, want the outcome: written", err)
	}
	expectKeys(t, s, map[string]bool{"a": true})
}

func TestCloseWritesWhatIsQueued(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	requests := queue(s.writer, take("a"), take("b"))
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	<-s.writer.quit
	if err := s.Commit(t.Context(), engine.Commit{}); !errors.Is(err, ErrClosed) {
		t.Errorf("a commit after Close: got %v, want %v", err, ErrClosed)
	}
	release()
	expect(t, requests, nil, nil)
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
}

func expectReady(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("ready: %v", err)
	}
}
