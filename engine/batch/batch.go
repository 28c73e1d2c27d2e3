// Package batch collects what many callers report and writes it together, for reports
// of which a few may be lost in a crash and that no caller waits for.
package batch

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	// delay is how long the first of a batch waits for others.
	delay = 500 * time.Millisecond
	// chunk bounds one write, and with it how long other writers wait for it.
	chunk = 500
	// lastWrite bounds the write at the end of Run.
	lastWrite = 5 * time.Second
)

// Writer collects values of one kind. Make it with New.
type Writer[T any] struct {
	name  string
	limit int
	write func(context.Context, []T) error
	log   logrus.FieldLogger
	wake  chan struct{}

	writing sync.Mutex // one write at a time, in the order of adding

	mu      sync.Mutex // guards what follows
	pending []T
	dropped int64
}

// New makes a writer that holds at most limit values; name is for its log.
func New[T any](name string, limit int, write func(context.Context, []T) error, log logrus.FieldLogger) *Writer[T] {
	return &Writer[T]{name: name, limit: limit, write: write, log: log, wake: make(chan struct{}, 1)}
}

// Add takes a value and returns at once. Beyond the limit it drops it.
func (w *Writer[T]) Add(value T) {
	w.mu.Lock()
	if len(w.pending) >= w.limit {
		w.dropped++
	} else {
		w.pending = append(w.pending, value)
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Dropped is how many values were refused since New.
func (w *Writer[T]) Dropped() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

// Flush writes what was added before. What cannot be written stays.
func (w *Writer[T]) Flush(ctx context.Context) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.Lock()
	values := w.pending
	w.pending = nil
	w.mu.Unlock()
	for len(values) > 0 {
		n := min(chunk, len(values))
		if err := w.write(ctx, values[:n]); err != nil {
			w.keep(values)
			return fmt.Errorf("write %s: %w", w.name, err)
		}
		values = values[n:]
	}
	return nil
}

// keep puts values back before what was added meanwhile.
func (w *Writer[T]) keep(values []T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Concat(values, w.pending)
	if over := len(all) - w.limit; over > 0 {
		w.dropped += int64(over)
		all = all[:w.limit]
	}
	w.pending = all
}

// Run writes until ctx ends, and then what is left.
func (w *Writer[T]) Run(ctx context.Context) {
	failing := false
	for {
		select {
		case <-ctx.Done():
			w.finish(ctx)
			return
		case <-w.wake:
		}
		if !pause(ctx) {
			w.finish(ctx)
			return
		}
		err := w.Flush(ctx)
		if err != nil {
			if !failing {
				w.log.WithError(err).Error("reports wait")
			}
			select {
			case w.wake <- struct{}{}:
			default:
			}
		}
		failing = err != nil
	}
}

func (w *Writer[T]) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	if err := w.Flush(ctx); err != nil {
		w.log.WithError(err).Error("reports are lost")
	}
}

func pause(ctx context.Context) bool {
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
