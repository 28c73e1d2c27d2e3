// Package membus joins hubs within one process: the bus of tests with several nodes.
package membus

import (
	"context"
	"sync"

	"anxin/hub"
)

// backlog is how many payloads may wait for one node. Who falls further behind
// loses the oldest ones and finds their states by its sweep.
const backlog = 1024

// Network is the medium between buses.
type Network struct {
	mu    sync.RWMutex // guards buses
	buses []*Bus
}

// New returns a network without nodes.
func New() *Network { return &Network{} }

// Join adds a node. It stays for the life of the network.
func (n *Network) Join() *Bus {
	b := &Bus{network: n, topics: make(map[string]struct{}), wake: make(chan struct{}, 1)}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.buses = append(n.buses, b)
	return b
}

// Bus is one node's end of the network.
type Bus struct {
	network *Network
	wake    chan struct{}

	mu      sync.Mutex // guards what follows
	topics  map[string]struct{}
	queue   []payload
	dropped uint64
	node    hub.Receiver // while Run runs
}

type payload struct {
	topic string
	bytes []byte
}

var _ hub.Bus = (*Bus)(nil)

// Publish puts the payload into the queues of the other nodes that subscribed.
func (b *Bus) Publish(topic string, bytes []byte) {
	b.network.mu.RLock()
	defer b.network.mu.RUnlock()
	for _, other := range b.network.buses {
		if other != b {
			other.accept(payload{topic, bytes})
		}
	}
}

func (b *Bus) accept(p payload) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.topics[p.topic]; !ok {
		return
	}
	if len(b.queue) == backlog {
		b.queue = append(b.queue[:0], b.queue[1:]...)
		b.dropped++
	}
	b.queue = append(b.queue, p)
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Subscribe takes effect at once, so that there is nothing to tell by Joined.
func (b *Bus) Subscribe(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.topics[topic] = struct{}{}
}

// Unsubscribe takes effect for payloads that are published from now on.
func (b *Bus) Unsubscribe(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.topics, topic)
}

// Ask asks the other nodes one after the other.
func (b *Bus) Ask(_ context.Context, topic string) (answers [][]byte, _ error) {
	b.network.mu.RLock()
	defer b.network.mu.RUnlock()
	for _, other := range b.network.buses {
		if node := other.subscribed(topic); node != nil && other != b {
			answers = append(answers, node.Asked(topic))
		}
	}
	return answers, nil
}

// subscribed returns the node of the bus if it runs and is subscribed to the topic.
func (b *Bus) subscribed(topic string) hub.Receiver {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.topics[topic]; !ok {
		return nil
	}
	return b.node
}

// Dropped returns how many payloads were lost because this node was too slow.
func (b *Bus) Dropped() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}

// Run delivers what the other nodes published until ctx ends.
func (b *Bus) Run(ctx context.Context, r hub.Receiver) error {
	b.serve(r)
	defer b.serve(nil)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.wake:
		}
		for _, p := range b.take() {
			r.Received(p.topic, p.bytes)
		}
	}
}

func (b *Bus) serve(r hub.Receiver) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.node = r
}

func (b *Bus) take() []payload {
	b.mu.Lock()
	defer b.mu.Unlock()
	queue := b.queue
	b.queue = nil
	return queue
}
