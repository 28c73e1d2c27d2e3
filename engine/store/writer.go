package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"anxin/engine"
	"anxin/engine/crash"
)

const (
	// queueSize bounds the requests that wait for the writer. Beyond it callers wait
	// outside, until their context ends.
	queueSize = 1024
	// groupSize bounds the commits of one transaction, and with it how long the first of
	// a group waits for the work of the others: about 50 µs each.
	groupSize = 512
)

// action does the work of one request within the transaction of its group. It returns
// one of the port's refusals only before its first write; any other error condemns it
// and makes the group run again without it.
type action func(context.Context, *writes) error

type request struct {
	act   action
	size  int   // commits in it
	err   error // of the last run
	claim atomic.Bool
	done  chan error // one value, by whoever claimed
}

// take claims the request, for running it or for giving it up: one of the two happens.
func (r *request) take() bool { return r.claim.CompareAndSwap(false, true) }

// writer owns the one connection that writes. run executes requests in groups, one
// transaction each, until stop.
type writer struct {
	statements *writes
	queue      chan *request
	pauses     chan func(context.Context) // work between two groups
	quit       chan struct{}              // closed by stop
	ended      chan struct{}              // closed by run
	changed    atomic.Int64               // rows since the store was opened
	grown      chan struct{}              // holds a value when changed has risen
	groups     atomic.Int64               // transactions that were made durable
	commits    atomic.Int64               // commits in them
}

func newWriter(statements *writes) *writer {
	return &writer{
		statements: statements,
		queue:      make(chan *request, queueSize),
		pauses:     make(chan func(context.Context)),
		quit:       make(chan struct{}),
		ended:      make(chan struct{}),
		grown:      make(chan struct{}, 1),
	}
}

// do runs act in the next group and returns once that is durable. When ctx ends before
// the group began, act does not run; after that do waits for the outcome, so that the
// caller always knows it.
func (w *writer) do(ctx context.Context, act action) error { return w.doMany(ctx, 1, act) }

// doMany is do for an act that stands for as many commits.
func (w *writer) doMany(ctx context.Context, size int, act action) error {
	r := &request{act: act, size: size, done: make(chan error, 1)}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("wait for the writer: %w", ctx.Err())
	case isClosed(w.quit):
		return ErrClosed
	}
	select {
	case w.queue <- r:
	case <-ctx.Done():
		return fmt.Errorf("wait for the writer: %w", ctx.Err())
	case <-w.quit:
		return ErrClosed
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if r.take() {
			return fmt.Errorf("wait for the writer: %w", ctx.Err())
		}
	case <-w.ended:
		if r.take() {
			return ErrClosed
		}
	}
	return <-r.done
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// stop refuses new requests and waits until the queued ones are done.
func (w *writer) stop() {
	close(w.quit)
	<-w.ended
}

func (w *writer) run(ctx context.Context) {
	defer close(w.ended)
	for {
		select {
		case r := <-w.queue:
			w.handle(ctx, w.gather(r))
		case work := <-w.pauses:
			work(ctx)
		case <-w.quit:
			for group := w.gather(nil); len(group) > 0; group = w.gather(nil) {
				w.handle(ctx, group)
			}
			return
		}
	}
}

// pause runs work between two groups and returns when it is done.
func (w *writer) pause(work func(context.Context)) {
	done := make(chan struct{})
	select {
	case w.pauses <- func(ctx context.Context) { work(ctx); close(done) }:
		<-done
	case <-w.quit:
	}
}

// gather takes what is queued now, without waiting for more.
func (w *writer) gather(first *request) []*request {
	var group []*request
	size := 0
	if first != nil && first.take() {
		group, size = append(group, first), first.size
	}
	for size < groupSize {
		select {
		case r := <-w.queue:
			if r.take() {
				group = append(group, r)
				size += r.size
			}
		default:
			return group
		}
	}
	return group
}

// handle runs a group until it goes through, without those that broke it before, and
// answers all of them.
func (w *writer) handle(ctx context.Context, group []*request) {
	for len(group) > 0 {
		culprit, err := w.attempt(ctx, group)
		if culprit < 0 {
			w.answer(group, err)
			return
		}
		group[culprit].done <- err
		group = slices.Delete(group, culprit, culprit+1)
	}
}

func (w *writer) answer(group []*request, err error) {
	for _, r := range group {
		// When the group's own commit failed, even a refusal is not to be believed: it
		// may rest on a neighbour that was not written either.
		r.done <- cmp.Or(err, r.err)
	}
	if w.changed.Swap(w.statements.changed) == w.statements.changed {
		return
	}
	select {
	case w.grown <- struct{}{}:
	default:
	}
}

// attempt runs a group in one transaction. It returns the index of the request that
// made it fail, or -1 and what committing came to.
func (w *writer) attempt(ctx context.Context, group []*request) (int, error) {
	if err := w.statements.begin(ctx); err != nil {
		return -1, err
	}
	for i, r := range group {
		r.err = r.act(ctx, w.statements)
		if r.err != nil && !refused(r.err) {
			w.statements.rollback(ctx)
			return i, r.err
		}
	}
	crash.At(crash.BeforeTransaction)
	if err := w.statements.commit(ctx); err != nil {
		w.statements.rollback(ctx)
		return -1, err
	}
	crash.At(crash.AfterTransaction)
	w.groups.Add(1)
	for _, r := range group {
		w.commits.Add(int64(r.size))
	}
	return -1, nil
}

func refused(err error) bool {
	return errors.Is(err, engine.ErrConflict) || errors.Is(err, engine.ErrFenced) ||
		isPaidTwice(err) || isCapped(err) || errors.Is(err, engine.ErrDuplicate) || errors.Is(err, engine.ErrKeyUsed)
}

func isCapped(err error) bool {
	_, ok := errors.AsType[*engine.CappedError](err)
	return ok
}

func isPaidTwice(err error) bool {
	_, ok := errors.AsType[*engine.PaidTwiceError](err)
	return ok
}
