package hub

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
)

// diary is a Source that notes when which topics were asked for.
type diary struct {
	mu    sync.Mutex // guards what follows
	asked map[string][]time.Duration
	most  int
	start time.Time
}

func (d *diary) Snapshot(_ context.Context, topic string) (Message, error) {
	return Message{Topic: topic, Seq: 1, Data: []byte("1")}, nil
}

func (d *diary) Seqs(_ context.Context, topics []string) (map[string]int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.most = max(d.most, len(topics))
	for _, topic := range topics {
		d.asked[topic] = append(d.asked[topic], time.Since(d.start))
	}
	return map[string]int64{}, nil
}

func (*diary) Authorize(context.Context, string, string) (Grant, error) { return Grant{}, nil }

// TestSweepIsSpreadOverItsPeriod holds both sides of it: no question is so large that it
// keeps updates waiting, and no topic waits longer than a period for its next one.
func TestSweepIsSpreadOverItsPeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const topics, periods = 2000, 4
		log := logrus.New()
		log.SetOutput(io.Discard)
		d := &diary{asked: map[string][]time.Duration{}, start: time.Now()}
		h, err := New(Config{}, Deps{Source: d, Authorizer: d, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		for i := range topics {
			h.topics.join(fmt.Sprintf("order:%d", i), &watch{sink: &waiter{found: make(chan *state, 1)}})
		}
		ctx, cancel := context.WithTimeout(t.Context(), periods*h.cfg.SweepEvery)
		defer cancel()
		h.sweep(ctx)
		if most := 4 * topics / shardCount; d.most > most {
			t.Errorf("one question named %d topics of %d", d.most, topics)
		}
		if len(d.asked) != topics {
			t.Errorf("%d of %d topics were asked for", len(d.asked), topics)
		}
		for topic, at := range d.asked {
			last := time.Duration(0)
			for _, next := range append(at, periods*h.cfg.SweepEvery) {
				if next-last > h.cfg.SweepEvery {
					t.Fatalf("%s was asked for at %v", topic, at)
				}
				last = next
			}
		}
		if s := h.Stats(); s.Sweeps < periods-1 {
			t.Errorf("%d sweeps in %d periods", s.Sweeps, periods)
		}
	})
}
