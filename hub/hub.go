package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/sirupsen/logrus"
)

// Hub brings the states of topics to their watchers. Make it with [New].
type Hub struct {
	cfg      Config
	acts     map[string]bool
	source   Source
	auth     Authorizer
	bus      Bus
	observer Observer
	log      logrus.FieldLogger

	upgrader websocket.Upgrader
	topics   *registry
	wheel    *wheel
	door     *door
	checks   *checklist
	buffers  *buffers
	desk     chan task
	count    counters

	// quit is closed when the hub takes no more watchers.
	quit     chan struct{}
	sessions sync.WaitGroup

	mu      sync.Mutex // guards what follows
	refused bool       // quit is closed
}

// New checks the settings and builds a hub. It starts nothing: watchers are let in
// from the first call of Upgrade and Wait, but frames of clients, pings, sweeps and
// the other nodes need Run.
func New(cfg Config, deps Deps) (*Hub, error) {
	if err := deps.validate(); err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	if deps.Bus == nil {
		deps.Bus = alone{}
	}
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	h := &Hub{
		cfg:      cfg,
		acts:     make(map[string]bool, len(cfg.Acts)),
		source:   deps.Source,
		auth:     deps.Authorizer,
		bus:      deps.Bus,
		observer: deps.Observer,
		log:      deps.Log,
		upgrader: newUpgrader(),
		topics:   newRegistry(deps.Bus),
		wheel:    newWheel(),
		door:     newDoor(cfg.Limits),
		checks:   newChecklist(),
		buffers:  newBuffers(),
		desk:     make(chan task, deskQueue),
		quit:     make(chan struct{}),
	}
	for _, name := range cfg.Acts {
		h.acts[name] = true
	}
	return h, nil
}

// Run moves messages between nodes, repairs what was lost and pings clients
// until ctx ends. It then closes every connection and returns nil when all
// goroutines of the hub have ended, at most a few seconds later. It returns an
// error only if the bus gave up, which ends the hub as well.
func (h *Hub) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var helpers sync.WaitGroup
	helpers.Go(func() { h.sweep(ctx) })
	helpers.Go(func() { h.heartbeat(ctx) })
	for range deskClerks {
		helpers.Go(h.serveDesk)
	}

	err := h.bus.Run(ctx, (*receiver)(h))
	if err == nil && ctx.Err() == nil {
		err = errors.New("ended by itself")
	}
	cancel()
	h.refuse()
	h.wheel.each(func(s *session) { s.shut(CloseGoingAway) })
	h.sessions.Wait()
	close(h.desk) // nobody is left who would send
	helpers.Wait()
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("hub: run bus: %w", err)
	}
	return nil
}

// Publish brings a state to the watchers on this node at once and to those on
// other nodes by the bus. Call it after the state is in the Source. It blocks
// on no watcher and no network. Messages of a topic may come in any order; an
// older one than the newest is dropped. Data must be valid JSON and must not be
// changed after.
func (h *Hub) Publish(m Message) {
	h.pass(m)
	if h.bus != (alone{}) {
		h.bus.Publish(m.Topic, encodeBus(m))
	}
}

func (h *Hub) pass(m Message) {
	t := h.topics.find(m.Topic)
	if t == nil {
		return
	}
	var few [4]*session
	claimed, ok := t.pass(&state{Message: m, published: time.Now()}, few[:0])
	if !ok {
		h.checks.add(m.Topic)
	}
	flushAll(claimed)
}

// receiver is the side of the hub that the bus sees.
type receiver Hub

var _ Receiver = (*receiver)(nil)

// Received passes on what another node published.
func (r *receiver) Received(topic string, payload []byte) {
	m, err := decodeBus(topic, payload)
	if err != nil {
		r.count.malformed.Add(1)
		return
	}
	(*Hub)(r).pass(m)
}

// Joined compares the topics with the Source, since what was published between
// a watcher's read and the effect of its subscription may have been missed.
func (r *receiver) Joined(topics []string) { r.checks.add(topics...) }

// refuse makes the hub take no more watchers and ends all long polls.
func (h *Hub) refuse() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.refused {
		h.refused = true
		close(h.quit)
	}
}

// admit counts a new session in, unless the hub refuses.
func (h *Hub) admit() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refused {
		return false
	}
	h.sessions.Add(1)
	return true
}
