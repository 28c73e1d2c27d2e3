package redisbus

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// backlog is how many payloads may wait for Redis: about a second of a
	// busy node, at most a few megabytes.
	backlog = 4096
	// sendBatch is how many payloads go to Redis in one round trip.
	sendBatch = 256
	// sendTimeout bounds one round trip, after which its payloads are lost.
	sendTimeout = time.Second
	// sendPause follows a failure, so that a refusing Redis is not stormed.
	sendPause = 100 * time.Millisecond
)

type envelope struct {
	channel string
	bytes   []byte
}

// outgoing is a bounded queue that forgets its oldest entry when it is full.
type outgoing struct {
	wake chan struct{}

	mu     sync.Mutex // guards what follows
	ring   [backlog]envelope
	head   int
	size   int
	number uint64
}

func newOutgoing() *outgoing { return &outgoing{wake: make(chan struct{}, 1)} }

// push queues a payload under the next number, and returns how many entries it dropped,
// 0 or 1. Numbers are given in the order of the queue.
func (o *outgoing) push(channel string, id [idSize]byte, payload []byte) (dropped uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.number++
	return o.put(envelope{channel, seal(id, o.number, payload)})
}

// add queues what is sealed already; see push.
func (o *outgoing) add(channel string, sealed []byte) (dropped uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.put(envelope{channel, sealed})
}

// put is called with the queue locked.
func (o *outgoing) put(e envelope) (dropped uint64) {
	if o.size == backlog {
		o.head = (o.head + 1) % backlog
		o.size--
		dropped = 1
	}
	o.ring[(o.head+o.size)%backlog] = e
	o.size++
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return dropped
}

func (o *outgoing) take(batch []envelope) []envelope {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.size > 0 && len(batch) < sendBatch {
		batch = append(batch, o.ring[o.head])
		o.ring[o.head] = envelope{}
		o.head = (o.head + 1) % backlog
		o.size--
	}
	return batch
}

// send is the only goroutine that publishes, so that the order is kept.
func (b *Bus) send(ctx context.Context) {
	batch := make([]envelope, 0, sendBatch)
	failing := false
	for {
		batch = b.out.take(batch[:0])
		if len(batch) == 0 {
			select {
			case <-ctx.Done():
				return
			case <-b.out.wake:
				continue
			}
		}
		err := b.sendBatch(ctx, batch)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			b.log.WithError(err).Warn("redisbus: cannot publish")
		}
		if err == nil && failing {
			b.log.Info("redisbus: publishing again")
		}
		if failing = err != nil; failing {
			pause(ctx, sendPause)
		}
	}
}

func (b *Bus) sendBatch(ctx context.Context, batch []envelope) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	cmds, err := b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, e := range batch {
			if b.cluster() {
				p.SPublish(ctx, e.channel, e.bytes)
			} else {
				p.Publish(ctx, e.channel, e.bytes)
			}
		}
		return nil
	})
	sent := uint64(0)
	for _, cmd := range cmds {
		if cmd.Err() == nil {
			sent++
		}
	}
	b.count.sent.Add(sent)
	b.count.dropped.Add(uint64(len(batch)) - sent)
	return err
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
