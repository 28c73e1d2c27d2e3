package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"anxin/hub"
	"anxin/hub/client"
	"anxin/hub/membus"
)

// badBus loses, repeats and reorders what it publishes.
type badBus struct {
	hub.Bus

	mu   sync.Mutex // guards what follows
	rand *rand.Rand
	held []func()
}

func (b *badBus) Publish(topic string, payload []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	publish := func() { b.Bus.Publish(topic, payload) }
	switch b.rand.IntN(6) {
	case 0: // lost
	case 1: // twice
		publish()
		publish()
	case 2: // late, after others
		b.held = append(b.held, publish)
	default:
		publish()
	}
	if len(b.held) > 3 {
		b.rand.Shuffle(len(b.held), func(i, j int) { b.held[i], b.held[j] = b.held[j], b.held[i] })
		for _, late := range b.held {
			late()
		}
		b.held = nil
	}
}

// follower checks what its transport hands it.
type follower struct {
	transport
	name string
	t    *testing.T

	mu   sync.Mutex // guards last
	last map[string]int64
}

func (f *follower) handle(frame client.Frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if frame.Type == client.Error {
		f.t.Errorf("%s: error frame %s for %s", f.name, frame.Code, frame.Topic)
		return
	}
	last := f.last[frame.Topic]
	if frame.Seq < last || frame.Seq == last && frame.Type != client.Current {
		f.t.Errorf("%s: %s went from %d to %d", f.name, frame.Topic, last, frame.Seq)
	}
	f.last[frame.Topic] = frame.Seq
	var data struct{ N int64 }
	if frame.Type == client.Current {
		return
	}
	if err := json.Unmarshal(frame.Data, &data); err != nil || data.N != frame.Seq {
		f.t.Errorf("%s: %s: state %d under seq %d (%v)", f.name, frame.Topic, data.N, frame.Seq, err)
	}
}

func (f *follower) reached(want map[string]int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for topic, seq := range want {
		if f.last[topic] != seq {
			return false
		}
	}
	return true
}

// TestEveryClientEndsWithTheTruthWhateverIsLost publishes at random on two
// nodes over a bad bus, with internal events among the states, while clients of every
// transport are cut off and resume.
func TestEveryClientEndsWithTheTruthWhateverIsLost(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("HUB_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("HUB_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	network := membus.New()
	a, b := twins(t, func() hub.Bus {
		return &badBus{Bus: network.Join(), rand: rand.New(rand.NewPCG(seed, random.Uint64()))}
	}, 10*time.Millisecond)
	want := map[string]int64{}
	for i := range 5 {
		topic := fmt.Sprintf("order:%d", i)
		want[topic] = 1
		a.truth.set(topic, 1)
	}
	var followers []*follower
	for name, begin := range transports {
		for _, n := range []*node{a, b} {
			followers = append(followers, follow(t, n, name, begin(), want))
		}
	}
	for round := range 6 {
		for range 300 {
			topic := fmt.Sprintf("order:%d", random.IntN(len(want)))
			want[topic]++
			publishAny(random, []*node{a, b}[random.IntN(2)], topic, want[topic])
			if random.IntN(50) == 0 {
				followers[random.IntN(len(followers))].cut()
			}
		}
		for topic := range want { // after an internal event clients may lack its seq
			want[topic]++
			a.store(topic, want[topic])
		}
		for _, f := range followers {
			eventually(t, fmt.Sprintf("the %s follower has the newest states of round %d", f.name, round), func() bool { return f.reached(want) })
		}
	}
}

// publishAny stores the next state and publishes it, sometimes not at all, as
// if the node had died between the two, or as an internal event.
func publishAny(random *rand.Rand, n *node, topic string, seq int64) {
	m := n.truth.set(topic, seq)
	switch random.IntN(8) {
	case 0:
	case 1:
		n.Publish(hub.Message{Topic: topic, Seq: seq, Event: "internal"})
	default:
		n.Publish(m)
	}
}

// follow runs a client until the test ends.
func follow(t *testing.T, n *node, name string, by transport, topics map[string]int64) *follower {
	t.Helper()
	f := &follower{transport: by, name: name, t: t, last: map[string]int64{}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	wanted := slices.Collect(maps.Keys(topics))
	go func() {
		defer close(done)
		if err := f.run(ctx, n, wanted, f.handle); ctx.Err() == nil {
			t.Errorf("the %s client gave up: %v", name, err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return f
}
