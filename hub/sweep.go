package hub

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// sweepBatch is how many topics one question to the Source names: large
	// enough to be cheap, small enough for the parameters of one SQL statement.
	sweepBatch = 500
	// sweepReaders bounds how many topics are read from the Source at a time.
	sweepReaders = 8
	// settleTime is left to a message that is on its way while the sweep
	// already sees its state in the Source.
	settleTime = 50 * time.Millisecond
)

// checklist collects topics that should be compared with the Source at once.
type checklist struct {
	wake chan struct{}

	mu     sync.Mutex
	topics map[string]struct{} // guarded by mu
}

func newChecklist() *checklist {
	return &checklist{wake: make(chan struct{}, 1), topics: make(map[string]struct{})}
}

func (c *checklist) add(topics ...string) {
	c.mu.Lock()
	for _, t := range topics {
		c.topics[t] = struct{}{}
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *checklist) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, 0, len(c.topics))
	for t := range c.topics {
		names = append(names, t)
	}
	clear(c.topics)
	return names
}

// sweep compares watched topics with the Source: all of them every SweepEvery,
// and those on the checklist at once. So a lost message costs latency only.
func (h *Hub) sweep(ctx context.Context) {
	tick := time.NewTicker(h.cfg.SweepEvery)
	defer tick.Stop()
	failing := false
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-h.checks.wake:
			err = h.compare(ctx, h.checks.take())
		case <-tick.C:
			began := time.Now()
			err = h.compare(ctx, h.topics.names())
			h.count.sweeps.Add(1)
			h.count.sweepTime.Add(int64(time.Since(began)))
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			h.log.WithError(err).Warn("hub: sweep cannot read the source")
		}
		failing = err != nil
	}
}

func (h *Hub) compare(ctx context.Context, names []string) error {
	var late []lateTopic
	for batch := range slices.Chunk(names, sweepBatch) {
		found, err := h.findLate(ctx, batch)
		if err != nil {
			return err
		}
		late = append(late, found...)
	}
	if len(late) == 0 || !pause(ctx, settleTime) {
		return nil
	}
	return h.repair(ctx, late)
}

type lateTopic struct {
	topic *topic
	truth int64 // what the Source named
}

// findLate returns the topics of which the Source has a newer state. Each
// topic's seq is looked at after the Source was asked and again before the
// repair, so that a message that arrives in between saves the read.
func (h *Hub) findLate(ctx context.Context, names []string) ([]lateTopic, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	truth, err := h.source.Seqs(ctx, names)
	if err != nil {
		return nil, err
	}
	var late []lateTopic
	for _, name := range names {
		if t := h.topics.find(name); t != nil && t.late(truth[name]) {
			late = append(late, lateTopic{t, truth[name]})
		}
	}
	return late, nil
}

func (h *Hub) repair(ctx context.Context, late []lateTopic) error {
	var readers errgroup.Group
	readers.SetLimit(sweepReaders)
	for _, l := range late {
		if l.topic.late(l.truth) {
			readers.Go(func() error { return h.repairOne(ctx, l.topic) })
		}
	}
	return readers.Wait()
}

func (h *Hub) repairOne(ctx context.Context, t *topic) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	t.settle()
	m, err := h.source.Snapshot(ctx, t.name)
	if errors.Is(err, ErrNoTopic) {
		return nil
	}
	if err != nil {
		t.doubt()
		return err
	}
	h.count.repairs.Add(1)
	m.Event = ""
	flushAll(t.repair(&state{Message: m}))
	return nil
}

// pause waits for d and reports false if ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
