package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
	"anxin/engine/store"
)

// The engine runs here with its real store and real order machine; what stands outside
// the house (a channel, a backend, whoever listens) is scripted in this file. Every
// test runs in a bubble of testing/synctest, so "at 3 s" means exactly that.

const (
	pay      = "pay"  // the scripted channel
	shop     = "shop" // the backend that has a webhook
	merchant = "m1"
)

var price = order.Money{Minor: 8800, Currency: "CNY"}

// scripted is a channel.Channel that does what a test tells it. Unset functions are a
// channel that knows of no payment.
type scripted struct {
	mu      sync.Mutex
	policy  channel.Policy
	onQuery func(n int, q channel.Query) (order.Evidence, error) // n counts from 1, per order
	onClose func(q channel.Query) error
	latency time.Duration
	asked   map[string][]time.Time
	closed  []string
}

func newScripted() *scripted {
	return &scripted{policy: channel.Policy{Merchant: merchant}, asked: make(map[string][]time.Time)}
}

// note is the scripted channel's callback format.
type note struct {
	OrderNo  string         `json:"order_no"`
	Key      string         `json:"key"`
	Forged   bool           `json:"forged,omitempty"`
	Evidence order.Evidence `json:"evidence"`
}

func (s *scripted) Verify(_ context.Context, r channel.Request) ([]channel.Notification, error) {
	var notes []note
	if err := json.Unmarshal(r.Body, &notes); err != nil {
		return nil, channel.ErrMalformed
	}
	list := make([]channel.Notification, 0, len(notes))
	for _, n := range notes {
		if n.Forged {
			return nil, &channel.CallbackError{OrderNo: n.OrderNo, Err: channel.ErrSignature}
		}
		n.Evidence.Source = order.FromCallback
		list = append(list, channel.Notification{OrderNo: n.OrderNo, DedupeKey: n.Key, Evidence: n.Evidence})
	}
	return list, nil
}

func (s *scripted) Acknowledge(err error) channel.Answer {
	switch {
	case err == nil:
		return channel.Answer{Status: 200, Body: []byte("ok")}
	case errors.Is(err, channel.ErrStore):
		return channel.Answer{Status: 503}
	}
	return channel.Answer{Status: 400}
}

func (s *scripted) Query(ctx context.Context, q channel.Query) (order.Evidence, error) {
	s.mu.Lock()
	s.asked[q.OrderNo] = append(s.asked[q.OrderNo], time.Now())
	n, answer, latency := len(s.asked[q.OrderNo]), s.onQuery, s.latency
	s.mu.Unlock()
	if latency > 0 {
		select {
		case <-time.After(latency):
		case <-ctx.Done():
			return order.Evidence{}, &channel.QueryError{Outcome: order.QueryUnreachable, Code: "timeout", Err: ctx.Err()}
		}
	}
	if answer == nil {
		return order.Evidence{}, notFound()
	}
	return answer(n, q)
}

func (s *scripted) Close(_ context.Context, q channel.Query) error {
	s.mu.Lock()
	s.closed = append(s.closed, q.OrderNo)
	f := s.onClose
	s.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(q)
}

func (s *scripted) Policy() channel.Policy { return s.policy }

// answers sets what queries are told from now on.
func (s *scripted) answers(f func(n int, q channel.Query) (order.Evidence, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onQuery = f
}

func (s *scripted) times(orderNo string) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked[orderNo])
}

func (s *scripted) closes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.closed)
}

func notFound() error {
	return &channel.QueryError{Outcome: order.QueryUnknown, Code: "not_found"}
}

func unreachable() error {
	return &channel.QueryError{Outcome: order.QueryUnreachable, Code: "http_503"}
}

func claims(c order.Claimed) order.Evidence {
	amount := price
	return order.Evidence{Claims: c, Amount: &amount, Merchant: merchant, ChannelTxn: "txn-1"}
}

// saying is a channel that answers every query the same way.
func saying(c order.Claimed) func(int, channel.Query) (order.Evidence, error) {
	return func(int, channel.Query) (order.Evidence, error) { return claims(c), nil }
}

// failing is a channel whose every query fails.
func failing(err error) func(int, channel.Query) (order.Evidence, error) {
	return func(int, channel.Query) (order.Evidence, error) { return order.Evidence{}, err }
}

// backend is an engine.Sender that keeps what it was sent.
type backend struct {
	mu       sync.Mutex
	onSend   func(n int, w engine.Webhook) error // n counts from 1, over all
	latency  time.Duration
	sent     []sending
	accepted []engine.Webhook
}

type sending struct {
	engine.Webhook
	at time.Time
}

func (b *backend) Send(ctx context.Context, _ string, w engine.Webhook) error {
	b.mu.Lock()
	b.sent = append(b.sent, sending{w, time.Now()})
	n, f, latency := len(b.sent), b.onSend, b.latency
	b.mu.Unlock()
	if latency > 0 {
		select {
		case <-time.After(latency):
		case <-ctx.Done():
			return &engine.DeliveryError{Code: "timeout", Err: ctx.Err()}
		}
	}
	if f != nil {
		if err := f(n, w); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.accepted = append(b.accepted, w)
	return nil
}

func (b *backend) does(f func(n int, w engine.Webhook) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onSend = f
}

func (b *backend) sendings() []sending {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.sent)
}

// types names the accepted webhooks of an order, repeats of one id dropped as a
// backend would.
func (b *backend) types(orderNo string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var types []string
	seen := make(map[string]bool)
	for _, w := range b.accepted {
		if w.OrderNo == orderNo && !seen[w.ID] {
			seen[w.ID] = true
			types = append(types, w.Type)
		}
	}
	return types
}

func refusing(code string) error { return &engine.DeliveryError{Code: code} }

// listener keeps what the engine published.
type listener struct {
	mu   sync.Mutex
	told map[string][]order.Progress
}

func (l *listener) Committed(o order.Order, _ []order.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told[o.OrderNo] = append(l.told[o.OrderNo], o.Progress())
}

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
	stopRun  func()
}

// setup builds a house over a fresh store and runs it until the test ends.
func setup(t *testing.T) *house {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	h := &house{
		t: t, dsn: "sqlite:" + filepath.Join(t.TempDir(), "anxin.db"), log: log,
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
		Backends: h.backends, Listener: h.listener, Log: h.log,
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
		Payer: order.Payer{ID: "p1", Locale: "en"},
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

// wantPayment checks the channel's truth and the payer's status.
func (h *house) wantPayment(orderNo string, payment order.Payment, status order.Status) {
	h.t.Helper()
	if o := h.order(orderNo); o.Payment != payment || o.Status() != status {
		h.t.Errorf("order %s is %s, shown as %s; want %s, shown as %s", orderNo, o.Payment, o.Status(), payment, status)
	}
}

// wantCases checks the kinds of all cases, open or not.
func (h *house) wantCases(orderNo string, kinds ...order.CaseKind) {
	h.t.Helper()
	var got []order.CaseKind
	for _, k := range h.order(orderNo).Cases {
		got = append(got, k.Kind)
	}
	if !slices.Equal(got, kinds) {
		h.t.Errorf("cases of %s: %v, want %v", orderNo, got, kinds)
	}
}

// wantTasks checks which tasks an order still owes.
func (h *house) wantTasks(orderNo string, kinds ...engine.TaskKind) {
	h.t.Helper()
	var got []engine.TaskKind
	far := order.At(time.Now().Add(10 * 365 * 24 * time.Hour))
	h.stopRun() // or the runner would claim beside us
	tasks, err := h.store.ClaimTasks(context.Background(), engine.Claim{DueBy: far, Now: far, LeaseUntil: 1, Token: 1, Limit: 10_000})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, task := range tasks {
		if task.OrderNo == orderNo {
			got = append(got, task.Kind)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, kinds) {
		h.t.Errorf("%s owes %v, want %v", orderNo, got, kinds)
	}
	h.start()
}

// wantTimeline holds what is true of every timeline, and that an attempt whose time was
// promised begins within a second of it and never before.
func (h *house) wantTimeline(orderNo string) {
	h.t.Helper()
	promised := order.Time(0)
	for _, ev := range h.wantGapless(orderNo) {
		switch ev.Type { //nolint:exhaustive // the others promise nothing
		case order.EventScheduled:
			promised = ev.NextAttemptAt
			if promised < ev.At {
				h.t.Errorf("%s: seq %d promises the past: %v", orderNo, ev.Seq, promised)
			}
		case order.EventStarted:
			if promised != 0 && (ev.At < promised || ev.At >= promised.Add(time.Second)) {
				h.t.Errorf("%s: attempt %d was promised for %v and began at %v", orderNo, ev.Attempt, promised, ev.At)
			}
			promised = 0
		case order.EventStatus:
			promised = 0
		}
	}
}

// wantGapless holds what is true of every timeline even when the node is down or its
// store fails: no gap in seq, time never runs back, attempts are numbered without a gap,
// and nothing that was published is taken back.
func (h *house) wantGapless(orderNo string) []order.Event {
	h.t.Helper()
	attempt := 0
	events := h.events(orderNo)
	for i, ev := range events {
		if ev.Seq != int64(i+1) {
			h.t.Errorf("%s: event %d has seq %d", orderNo, i+1, ev.Seq)
		}
		if i > 0 && ev.At < events[i-1].At {
			h.t.Errorf("%s: seq %d at %v is before its predecessor", orderNo, ev.Seq, ev.At)
		}
		if ev.Type == order.EventStarted {
			if attempt++; ev.Attempt != attempt {
				h.t.Errorf("%s: attempt %d is numbered %d", orderNo, attempt, ev.Attempt)
			}
		}
	}
	if o := h.order(orderNo); o.Seq != int64(len(events)) {
		h.t.Errorf("%s is at seq %d with %d events", orderNo, o.Seq, len(events))
	}
	h.wantNoDowngrade(orderNo)
	return events
}

// wantNoDowngrade holds that what was published never went from a result back to
// waiting. A payer who was shown "failed" or "closed" may still learn of a late success.
func (h *house) wantNoDowngrade(orderNo string) {
	h.t.Helper()
	h.listener.mu.Lock()
	told := slices.Clone(h.listener.told[orderNo])
	h.listener.mu.Unlock()
	slices.SortFunc(told, func(a, b order.Progress) int { return int(a.Seq - b.Seq) })
	paid := false
	for _, p := range told {
		switch p.Status {
		case order.StatusSucceeded, order.StatusRefunding, order.StatusRefunded:
			paid = true
		case order.StatusAwaiting, order.StatusConfirming, order.StatusFailed, order.StatusClosed:
			if paid {
				h.t.Errorf("%s: seq %d shows %s after a success", orderNo, p.Seq, p.Status)
			}
		}
	}
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
