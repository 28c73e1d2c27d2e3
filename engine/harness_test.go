package engine_test

import (
	"context"
	"encoding/json"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
	"anxin/engine/store"
	"anxin/engine/store/storetest"
)

// The engine runs here with its real store and real order machine; what stands outside
// the house (a channel, a backend, whoever listens) is scripted in doubles_test.go. Every
// test runs in a bubble of testing/synctest, so "at 3 s" means exactly that.

const (
	pay      = "pay"  // the scripted channel
	shop     = "shop" // the backend that has a webhook
	merchant = "m1"
)

var price = order.Money{Minor: 8800, Currency: "CNY"}

// house is an engine with everything around it.
type house struct {
	*engine.Engine
	t        *testing.T
	dsn      string
	cfg      engine.Config
	store    *store.Store
	channel  *scripted
	backend  *backend
	listener *listener
	log      *logrus.Logger
	backends map[string]bool
	wrap     func(engine.Store) engine.Store // what the engine sees of the store
	messages func() *engine.MessageDeps      // nil = payers are told nothing
	presence engine.Presence                 // nil = nobody is known to be there
	stopRun  func()
}

// setup builds a house over a fresh store and runs it until the test ends.
func setup(t *testing.T) *house {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	h := &house{
		t: t, dsn: storetest.Database(t), log: log,
		backends: map[string]bool{shop: true},
		wrap:     func(s engine.Store) engine.Store { return s },
		channel:  newScripted(), backend: &backend{}, listener: &listener{told: make(map[string][]order.Progress)},
	}
	h.open()
	t.Cleanup(h.stop)
	return h
}

func (h *house) open() {
	h.t.Helper()
	s, err := store.Open(context.Background(), h.dsn, store.Options{Readers: 2})
	if err != nil {
		h.t.Fatal(err)
	}
	h.store = s
	h.start()
}

// start runs a new engine over the open store.
func (h *house) start() {
	h.t.Helper()
	h.startWith(map[string]channel.Channel{pay: h.channel})
}

// through starts an engine that sees its store through a wrapper.
func (h *house) through(wrap func(engine.Store) engine.Store) {
	h.t.Helper()
	h.stopRun()
	h.wrap = wrap
	h.start()
}

// withoutChannels starts an engine whose configuration lost its channel.
func (h *house) withoutChannels() {
	h.t.Helper()
	h.startWith(nil)
}

func (h *house) startWith(channels map[string]channel.Channel) {
	h.t.Helper()
	e, err := engine.New(h.cfg, engine.Deps{
		Store: h.wrap(h.store), Channels: channels, Sender: h.backend,
		Backends: h.backends, Listener: h.listener, Messages: h.messageDeps(), Presence: h.presence, Log: h.log,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.Engine = e
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := e.Run(ctx); err != nil {
			h.t.Errorf("run: %v", err)
		}
	}()
	h.stopRun = func() { cancel(); <-ended }
}

func (h *house) messageDeps() *engine.MessageDeps {
	if h.messages == nil {
		return nil
	}
	return h.messages()
}

// reopen is the same node with another configuration.
func (h *house) reopen() {
	h.t.Helper()
	h.stopRun()
	h.start()
}

// stop ends the engine and closes its store.
func (h *house) stop() {
	h.stopRun()
	if err := h.store.Close(); err != nil {
		h.t.Errorf("close store: %v", err)
	}
}

// restart is the process ending and starting again over the same file.
func (h *house) restart() {
	h.t.Helper()
	h.stop()
	h.open()
}

// pass lets time go by, to the last thing that happens at its end. Long stretches are
// spent with the node down but for the seconds around the end: half a million idle
// looks into the store would test nothing.
func (h *house) pass(d time.Duration) {
	h.t.Helper()
	const awake = 10 * time.Second
	if d > 12*time.Minute {
		h.stopRun()
		<-time.After(d - awake)
		h.start()
		d = awake
	}
	<-time.After(d)
	synctest.Wait()
}

func registration(orderNo string) order.Registration {
	return order.Registration{
		OrderNo: orderNo, Backend: "quiet", Channel: pay, Mode: order.Managed, Amount: price, Subject: "tea",
		Payer: order.Payer{ID: "payer of " + orderNo, Locale: "en"},
	}
}

// register takes an order in; its backend has no webhook unless change says so.
func (h *house) register(orderNo string, change ...func(*order.Registration)) order.Order {
	h.t.Helper()
	r := registration(orderNo)
	for _, f := range change {
		f(&r)
	}
	o, created, err := h.Register(context.Background(), r)
	if err != nil || !created {
		h.t.Fatalf("register %s: created %v, %v", orderNo, created, err)
	}
	return o
}

func withWebhook(r *order.Registration) { r.Backend = shop }
func pushed(r *order.Registration)      { r.Mode, r.Channel = order.Pushed, "elsewhere" }

func (h *house) claim(orderNo string) order.Order {
	h.t.Helper()
	o, err := h.Claim(context.Background(), orderNo)
	if err != nil {
		h.t.Fatalf("claim %s: %v", orderNo, err)
	}
	return o
}

// callback brings notes as one callback and returns the HTTP status of the answer.
func (h *house) callback(notes ...note) int {
	h.t.Helper()
	body, err := json.Marshal(notes)
	if err != nil {
		h.t.Fatal(err)
	}
	answer, err := h.Receive(context.Background(), pay, channel.Request{Body: body, ReceivedAt: time.Now()})
	if err != nil {
		h.t.Fatalf("receive: %v", err)
	}
	return answer.Status
}

func (h *house) order(orderNo string) order.Order {
	h.t.Helper()
	o, err := h.Order(context.Background(), orderNo)
	if err != nil {
		h.t.Fatalf("order %s: %v", orderNo, err)
	}
	return o
}

func (h *house) events(orderNo string) []order.Event {
	h.t.Helper()
	var all []order.Event
	for {
		page, err := h.Timeline(context.Background(), orderNo, int64(len(all)), 1000)
		if err != nil {
			h.t.Fatalf("timeline %s: %v", orderNo, err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
	}
}

func (h *house) count(orderNo string, kind order.EventType) int {
	h.t.Helper()
	n := 0
	for _, ev := range h.events(orderNo) {
		if ev.Type == kind {
			n++
		}
	}
	return n
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bubble runs f with synthetic time.
func bubble(t *testing.T, f func(t *testing.T, h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, setup(t)) })
}
