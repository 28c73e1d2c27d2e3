// Package bustest holds every hub.Bus to the promises of that interface, and
// starts the Redis servers that tests need.
package bustest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"anxin/hub"
)

// Patience is how long a test waits for something that must happen. It is not
// a measure of speed: a loaded machine may need long.
const Patience = 20 * time.Second

// probeEvery is the pause between two probes of a subscription that takes
// effect some time after Subscribe.
const probeEvery = 10 * time.Millisecond

// Factory makes a network that nobody else uses and returns how to join it.
type Factory func(t *testing.T) (join func() hub.Bus)

// Run runs the suite.
func Run(t *testing.T, factory Factory) {
	t.Helper()
	s := suite{factory}
	t.Run("brings payloads to other subscribed nodes only", s.subscribedOnly)
	t.Run("keeps the order of each publisher", s.keepsOrder)
	t.Run("carries any bytes under any topic", s.anyBytes)
	t.Run("stops after unsubscribe", s.stopsAfterUnsubscribe)
	t.Run("subscribes again after unsubscribe", s.subscribesAgain)
	t.Run("serves many topics", s.manyTopics)
	t.Run("takes topics recorded before run", s.recordedBeforeRun)
	t.Run("never blocks a publisher", s.neverBlocks)
	t.Run("asks the other subscribed nodes", s.asks)
	t.Run("ends when its context ends", s.ends)
	t.Run("is safe for concurrent use", s.concurrentUse)
}

type suite struct{ factory Factory }

// Node is a bus that runs for the length of a test and records what it receives.
type Node struct {
	hub.Bus

	mu       sync.Mutex // guards what follows
	received map[string][]string
	joined   map[string]int
	changed  chan struct{}
}

var _ hub.Receiver = (*Node)(nil)

// Start runs the bus until the test ends.
func Start(t *testing.T, bus hub.Bus) *Node {
	t.Helper()
	n := &Node{Bus: bus, received: map[string][]string{}, joined: map[string]int{}, changed: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- bus.Run(ctx, n) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("bus ended with %v", err)
		}
	})
	return n
}

// Received records a payload.
func (n *Node) Received(topic string, payload []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.received[topic] = append(n.received[topic], string(payload))
	n.announce()
}

// Asked answers with the topic.
func (n *Node) Asked(topic string) []byte { return []byte(topic) }

// Joined counts how often a topic took effect.
func (n *Node) Joined(topics []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range topics {
		n.joined[t]++
	}
	n.announce()
}

func (n *Node) announce() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// Until waits until the condition on what the node received holds, and fails
// the test if it does not within Patience.
func (n *Node) Until(t *testing.T, what string, ok func(received map[string][]string, joined map[string]int) bool) {
	t.Helper()
	if !n.within(Patience, ok) {
		t.Fatalf("never happened: %s", what)
	}
}

func (n *Node) within(d time.Duration, ok func(map[string][]string, map[string]int) bool) bool {
	timeout := time.NewTimer(d)
	defer timeout.Stop()
	for {
		n.mu.Lock()
		holds, changed := ok(n.received, n.joined), n.changed
		n.mu.Unlock()
		if holds {
			return true
		}
		select {
		case <-changed:
		case <-timeout.C:
			return false
		}
	}
}

// Reach publishes probes from a node until one arrives here, so that the
// subscription is known to work. It leaves no trace in what is recorded.
func (n *Node) Reach(t *testing.T, from hub.Bus, topic string) {
	t.Helper()
	const probe = "probe"
	deadline := time.Now().Add(Patience)
	for {
		from.Publish(topic, []byte(probe))
		if n.within(probeEvery, func(received map[string][]string, _ map[string]int) bool {
			return len(received[topic]) > 0
		}) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("topic %q never reached the node", topic)
		}
	}
	// One last probe with a mark: when it is here the others are through.
	from.Publish(topic, []byte("mark"))
	n.Until(t, "the last probe arrives", func(received map[string][]string, _ map[string]int) bool {
		r := received[topic]
		return len(r) > 0 && r[len(r)-1] == "mark"
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.received, topic)
}

func got(topic, payload string) func(map[string][]string, map[string]int) bool {
	return func(received map[string][]string, _ map[string]int) bool {
		return slices.Contains(received[topic], payload)
	}
}

func (s suite) subscribedOnly(t *testing.T) {
	t.Parallel()
	join := s.factory(t)
	a, b, c := Start(t, join()), Start(t, join()), Start(t, join())
	b.Subscribe("one")
	b.Subscribe("two")
	c.Subscribe("two")
	b.Reach(t, a, "one")
	b.Reach(t, a, "two")
	c.Reach(t, a, "two")

	a.Publish("one", []byte("first"))
	a.Publish("two", []byte("second"))
	b.Until(t, "b gets one", got("one", "first"))
	b.Until(t, "b gets two", got("two", "second"))
	c.Until(t, "c gets two", got("two", "second"))
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.received["one"]) > 0 {
		t.Errorf("c received %q without a subscription", c.received["one"])
	}
}

func (s suite) keepsOrder(t *testing.T) {
	t.Parallel()
	const count = 500
	join := s.factory(t)
	a, b, reader := Start(t, join()), Start(t, join()), Start(t, join())
	reader.Subscribe("t")
	reader.Reach(t, a, "t")
	reader.Reach(t, b, "t")

	var publishers sync.WaitGroup
	for name, bus := range map[string]hub.Bus{"a": a, "b": b} {
		publishers.Go(func() {
			for i := range count {
				bus.Publish("t", fmt.Appendf(nil, "%s%04d", name, i))
			}
		})
	}
	publishers.Wait()
	reader.Until(t, "the last ones arrive", func(received map[string][]string, joined map[string]int) bool {
		last := fmt.Sprintf("%04d", count-1)
		return got("t", "a"+last)(received, joined) && got("t", "b"+last)(received, joined)
	})
	reader.mu.Lock()
	defer reader.mu.Unlock()
	newest := map[byte]string{}
	for _, p := range reader.received["t"] {
		if p <= newest[p[0]] {
			t.Fatalf("%q came after %q", p, newest[p[0]])
		}
		newest[p[0]] = p
	}
}

func (s suite) anyBytes(t *testing.T) {
	t.Parallel()
	join := s.factory(t)
	a, b := Start(t, join()), Start(t, join())
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, topic := range []string{"order:A-1_b", "inbox:张三", "a{b}c", "{}", "* ?[x]", "quote\"'\\"} {
		b.Subscribe(topic)
		b.Reach(t, a, topic)
		a.Publish(topic, all)
		b.Until(t, "the bytes arrive", got(topic, string(all)))
		a.Publish(topic, nil)
		b.Until(t, "an empty payload arrives", got(topic, ""))
	}
}

func (s suite) stopsAfterUnsubscribe(t *testing.T) {
	t.Parallel()
	join := s.factory(t)
	a, b := Start(t, join()), Start(t, join())
	b.Subscribe("kept")
	b.Subscribe("left")
	b.Reach(t, a, "kept")
	b.Reach(t, a, "left")
	b.Unsubscribe("left")
	for i := range 1000 {
		payload := fmt.Sprint(i)
		a.Publish("left", []byte(payload))
		a.Publish("kept", []byte(payload))
		b.Until(t, "the kept topic goes on", got("kept", payload))
		if !b.within(probeEvery, got("left", payload)) {
			return
		}
	}
	t.Error("payloads still arrive after unsubscribe")
}

func (s suite) subscribesAgain(t *testing.T) {
	t.Parallel()
	join := s.factory(t)
	a, b := Start(t, join()), Start(t, join())
	for range 5 {
		b.Subscribe("t")
		b.Unsubscribe("t")
		b.Subscribe("t")
		b.Reach(t, a, "t")
		b.Unsubscribe("t")
	}
}

func (s suite) manyTopics(t *testing.T) {
	t.Parallel()
	const count = 300
	join := s.factory(t)
	a, b := Start(t, join()), Start(t, join())
	name := func(i int) string { return fmt.Sprintf("order:%d", i) }
	for i := range count {
		b.Subscribe(name(i))
	}
	for i := range count {
		b.Reach(t, a, name(i))
		a.Publish(name(i), []byte(name(i)))
	}
	for i := range count {
		b.Until(t, name(i)+" arrives", got(name(i), name(i)))
	}
}

func (s suite) recordedBeforeRun(t *testing.T) {
	t.Parallel()
	join := s.factory(t)
	a, bus := Start(t, join()), join()
	bus.Subscribe("early")
	bus.Subscribe("gone")
	bus.Unsubscribe("gone")
	b := Start(t, bus)
	b.Reach(t, a, "early")
}

func (s suite) neverBlocks(t *testing.T) {
	t.Parallel()
	join := s.factory(t)
	bus, other := join(), join()
	other.Subscribe("t")
	for range 20_000 { // nobody runs: this returns or the test hangs
		bus.Publish("t", []byte("payload"))
	}
	n := Start(t, other)
	n.Reach(t, Start(t, bus), "t")
}

func (s suite) asks(t *testing.T) {
	t.Parallel()
	join := s.factory(t)
	a, b, c := Start(t, join()), Start(t, join()), Start(t, join())
	Start(t, join()).Subscribe("other")
	for _, n := range []*Node{a, b, c} {
		n.Subscribe("t")
	}
	a.Subscribe("own")
	a.Reach(t, b, "t")
	a.Reach(t, b, "own")
	b.Reach(t, a, "t")
	c.Reach(t, a, "t")
	if answers := a.asks(t, "own"); len(answers) != 0 {
		t.Errorf("it answers itself: %q", answers)
	}
	if answers := a.asks(t, "t"); len(answers) != 2 || string(answers[0]) != "t" || string(answers[1]) != "t" {
		t.Errorf("two others watch t: %q", answers)
	}
	c.Unsubscribe("t")
	for deadline := time.Now().Add(Patience); len(a.asks(t, "t")) != 1; {
		if time.Now().After(deadline) {
			t.Fatal("who left still answers")
		}
	}
}

func (n *Node) asks(t *testing.T, topic string) [][]byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	answers, err := n.Ask(ctx, topic)
	if err != nil {
		t.Fatalf("ask about %q: %v", topic, err)
	}
	return answers
}

func (s suite) ends(t *testing.T) {
	t.Parallel()
	bus := s.factory(t)()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- bus.Run(ctx, &Node{received: map[string][]string{}, joined: map[string]int{}, changed: make(chan struct{})})
	}()
	bus.Subscribe("t")
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("run returned %v", err)
		}
	case <-time.After(Patience):
		t.Fatal("run did not end")
	}
	bus.Publish("t", nil)
	bus.Subscribe("u")
	bus.Unsubscribe("u")
}

func (s suite) concurrentUse(t *testing.T) {
	t.Parallel()
	join := s.factory(t)
	a, b := Start(t, join()), Start(t, join())
	var users sync.WaitGroup
	for u := range 4 {
		users.Go(func() {
			for i := range 100 {
				topic := fmt.Sprintf("t%d", (u+i)%7)
				b.Subscribe(topic)
				a.Publish(topic, []byte("x"))
				b.Unsubscribe(topic)
			}
		})
	}
	users.Wait()
	b.Subscribe("after")
	b.Reach(t, a, "after")
}
