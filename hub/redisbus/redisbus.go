// Package redisbus joins the hubs of several nodes over Redis pub/sub: a single
// server, Sentinel, or a cluster with sharded pub/sub (Redis 7).
//
// Redis only carries hints. While it is away payloads are dropped and the hubs
// find the states by their sweeps; when it is back the bus joins every topic
// again and says so, which makes the hubs compare those topics at once.
package redisbus

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"anxin/hub"
)

// clusterLanes is over how many hash slots, and so over how many nodes at most,
// the topics of a cluster are spread. Every lane costs each of our nodes one
// connection.
const clusterLanes = 16

// Config names what a bus stands on. All nodes of one installation share the
// prefix; installations that share a Redis have different ones.
type Config struct {
	// Client is a *redis.Client or a *redis.ClusterClient. It stays the
	// caller's, to be closed after Run.
	Client redis.UniversalClient
	// Prefix begins the name of every channel. Default "anxin".
	Prefix string
	Log    logrus.FieldLogger
}

// Bus is a hub.Bus over Redis. Make it with [New].
type Bus struct {
	client redis.UniversalClient
	prefix string
	log    logrus.FieldLogger
	id     [idSize]byte
	lanes  []*lane
	out    *outgoing
	asked  *questions
	count  counters
}

type counters struct{ sent, dropped, received, interruptions atomic.Uint64 }

// Stats counts payloads since New.
type Stats struct {
	Sent     uint64
	Received uint64
	// Dropped payloads were not sent, because Redis was away or too slow.
	Dropped uint64
	// Interruptions counts lost subscription connections.
	Interruptions uint64
}

var _ hub.Bus = (*Bus)(nil)

// New builds a bus. It connects to nothing before Run.
func New(cfg Config) (*Bus, error) {
	if cfg.Client == nil || cfg.Log == nil {
		return nil, errors.New("redisbus: client and log are needed")
	}
	if cfg.Prefix == "" {
		cfg.Prefix = "anxin"
	}
	b := &Bus{client: cfg.Client, prefix: cfg.Prefix, log: cfg.Log, out: newOutgoing(), asked: newQuestions()}
	if _, err := rand.Read(b.id[:]); err != nil {
		return nil, err
	}
	lanes := 1
	if _, ok := cfg.Client.(*redis.ClusterClient); ok {
		lanes = clusterLanes
	}
	for i := range lanes {
		b.lanes = append(b.lanes, newLane(b, i))
	}
	return b, nil
}

// Publish queues the payload for Redis. When the queue is full the oldest one
// is dropped: a newer state serves its readers better.
func (b *Bus) Publish(topic string, payload []byte) {
	b.count.dropped.Add(b.out.push(b.laneOf(topic).channel(topic), b.id, payload))
}

// Subscribe records the topic; the lane tells Redis.
func (b *Bus) Subscribe(topic string) { b.laneOf(topic).wish(topic, true) }

// Unsubscribe records the topic; the lane tells Redis.
func (b *Bus) Unsubscribe(topic string) { b.laneOf(topic).wish(topic, false) }

// Run moves payloads until ctx ends.
func (b *Bus) Run(ctx context.Context, r hub.Receiver) error {
	var parts sync.WaitGroup
	parts.Go(func() { b.send(ctx) })
	for _, l := range b.lanes {
		parts.Go(func() { l.run(ctx, r) })
	}
	parts.Wait()
	return nil
}

// Stats returns the current counts.
func (b *Bus) Stats() Stats {
	return Stats{
		Sent:          b.count.sent.Load(),
		Received:      b.count.received.Load(),
		Dropped:       b.count.dropped.Load(),
		Interruptions: b.count.interruptions.Load(),
	}
}

func (b *Bus) cluster() bool { return len(b.lanes) > 1 }

func (b *Bus) laneOf(topic string) *lane {
	if !b.cluster() {
		return b.lanes[0]
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(topic)) // a hash never fails
	return b.lanes[h.Sum32()%clusterLanes]
}

// channelPrefix carries a hash tag in a cluster, so that all channels of a lane
// live in one slot and one connection can subscribe them.
func (b *Bus) channelPrefix(lane int) string {
	if _, ok := b.client.(*redis.ClusterClient); ok {
		return b.prefix + ":{" + strconv.Itoa(lane) + "}:"
	}
	return b.prefix + ":"
}

// An envelope is the id of the publishing bus, a number that rises from 1 with each of
// its payloads, and the payload.
const (
	idSize       = 8
	envelopeSize = idSize + 8
)

func seal(id [idSize]byte, number uint64, payload []byte) []byte {
	b := make([]byte, 0, envelopeSize+len(payload))
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint64(b, number)
	return append(b, payload...)
}

func open(b []byte) (id [idSize]byte, number uint64, payload []byte, ok bool) {
	if len(b) < envelopeSize {
		return id, 0, nil, false
	}
	copy(id[:], b)
	return id, binary.BigEndian.Uint64(b[idSize:]), b[envelopeSize:], true
}
