package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// presenceWithin bounds the asking of other nodes: who asks decides on something that
// cannot wait for a node that hangs.
const presenceWithin = 250 * time.Millisecond

// Presence is who watches a topic, on all nodes.
type Presence struct {
	// Watchers counts them by audience.
	Watchers map[Audience]int
	// Partial says that a node may have watchers that are not counted: one did not
	// answer in time, or the bus is away.
	Partial bool
}

// Presence counts who watches the topic on all nodes. Nothing is kept of it between two
// questions, so that watchers who come and go cost no message: the nodes that have some
// are asked, within a quarter of a second and no later than ctx ends.
func (h *Hub) Presence(ctx context.Context, topic string) Presence {
	ctx, cancel := context.WithTimeout(ctx, presenceWithin)
	defer cancel()
	p := Presence{Watchers: h.Watchers(topic)}
	answers, err := h.bus.Ask(ctx, topic)
	p.Partial = err != nil
	for _, b := range answers {
		if err := p.add(b); err != nil {
			h.count.malformed.Add(1)
			p.Partial = true
		}
	}
	h.count.asked.Add(1)
	if p.Partial {
		h.count.partial.Add(1)
	}
	return p
}

// Watchers counts who watches the topic on this node, by audience.
func (h *Hub) Watchers(topic string) map[Audience]int {
	counts := make(map[Audience]int)
	t := h.topics.find(topic)
	if t == nil {
		return counts
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.watchers {
		counts[w.audience]++
	}
	return counts
}

// Asked answers another node with this one's watchers.
func (r *receiver) Asked(topic string) []byte {
	b, err := json.Marshal((*Hub)(r).Watchers(topic))
	if err != nil {
		panic(err) // names and numbers can be written
	}
	return b
}

// add counts the watchers of another node in. What says nonsense is not counted at all.
func (p *Presence) add(answer []byte) error {
	var counts map[Audience]int
	if err := json.Unmarshal(answer, &counts); err != nil {
		return fmt.Errorf("decode watchers: %w", err)
	}
	for audience, n := range counts {
		if n <= 0 || n > maxWatchers {
			return fmt.Errorf("%d watchers of %q", n, audience)
		}
	}
	for audience, n := range counts {
		p.Watchers[audience] += n
	}
	return nil
}

// maxWatchers is more than any node has, and few enough that no sum of them overflows.
const maxWatchers = 1 << 24
