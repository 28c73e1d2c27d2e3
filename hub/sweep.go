package hub

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
)

const (
	// sweepBatch is how many topics one question to the Source names: large
	// enough to be cheap, small enough to hold nobody up for long.
	sweepBatch = 64
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

// sweep compares watched topics with the Source: each of them every SweepEvery, and
// those on the checklist at once. So a lost message costs latency only. It goes from shard
// to shard, evenly over the period: all topics in one go would keep the processors from the
// updates for as long as that takes, and give every one of them another time each round.
func (h *Hub) sweep(ctx context.Context) {
	tick := time.NewTicker(h.cfg.SweepEvery / shardCount)
	defer tick.Stop()
	found := make(chan finding, 1)
	var mender sync.WaitGroup
	mender.Go(func() { h.mend(ctx, found) })
	defer mender.Wait()
	defer close(found)
	failing := trouble{log: h.log}
	for i := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-h.checks.wake:
			failing.note(ctx, h.compare(ctx, h.checks.take(), found))
		case <-tick.C:
			began := time.Now()
			if names := h.topics.namesOf(i); len(names) > 0 {
				failing.note(ctx, h.compare(ctx, names, found))
			}
			h.count.sweepTime.Add(int64(time.Since(began)))
			if i = (i + 1) % shardCount; i == 0 {
				h.count.sweeps.Add(1)
			}
		}
	}
}

// trouble logs the first of the failures in a row, but not those of the end.
type trouble struct {
	log  logrus.FieldLogger
	last error
}

func (t *trouble) note(ctx context.Context, err error) {
	if err != nil && t.last == nil && ctx.Err() == nil {
		t.log.WithError(err).Warn("hub: sweep cannot read the source")
	}
	t.last = err
}

// finding is topics that were late when they were compared.
type finding struct {
	late []lateTopic
	at   time.Time
}

func (h *Hub) compare(ctx context.Context, names []string, found chan<- finding) error {
	for batch := range slices.Chunk(names, sweepBatch) {
		late, err := h.findLate(ctx, batch)
		if err != nil {
			return err
		}
		if len(late) == 0 {
			continue
		}
		select {
		case found <- finding{late, time.Now()}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// mend repairs what the comparisons found, while these go on.
func (h *Hub) mend(ctx context.Context, found <-chan finding) {
	failing := trouble{log: h.log}
	for f := range found {
		if !pause(ctx, settleTime-time.Since(f.at)) {
			continue // until the sweep has ended
		}
		failing.note(ctx, h.repair(ctx, f.late))
	}
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
