package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/channel/sandbox"
	"anxin/engine/incident"
	"anxin/engine/order"
	"anxin/engine/store"
	"anxin/engine/store/storetest"
	"anxin/engine/support"
	"anxin/frontend/page"
	"anxin/hub"
	"anxin/hub/membus"
	"anxin/server/auth"
	"anxin/server/httpapi"
)

const (
	shopKey       = "shop-key-7c1f0f3a9b2d4e6f"
	operatorKey   = "operator-key-5e6f7a8b9c0d1e2f"
	otherKey      = "other-key-0a1b2c3d4e5f6071"
	tokenSecret   = "a secret of tests, longer than 32 bytes"
	channelSecret = "the secret of the simulated channel"
	merchant      = "merchant-1"
	patience      = 20 * time.Second
)

// world is a whole node on a loopback socket: real store, engine, hub and app. Its
// channel's gateway answers with what the test sets.
type world struct {
	t      *testing.T
	base   string
	app    *fiber.App
	hub    *hub.Hub
	store  *store.Store
	file   string // of the store
	tokens *auth.Tokens
	log    *lockedBuffer
	client *http.Client
	ready  error
	heard  *observer
	codes  codeBox
	says   sync.Map // what the channel answers: sandbox.State by order number; without one it is out of order
}

// lockedBuffer collects a log that is written from many goroutines.
type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// truth joins engine and hub as the server does.
type truth struct {
	store *store.Store
	hub   *hub.Hub
}

func (s *truth) Announced(version int64, active []incident.Announcement) {
	data, _ := httpapi.Announced(active)
	s.hub.Publish(hub.Message{Topic: auth.TopicAnnouncements, Seq: version, Event: "announcement.changed", Data: data})
}

func (s *truth) board(ctx context.Context) (hub.Message, error) {
	active, version, err := s.store.Announcements(ctx, order.At(time.Now()), incident.MaxActive)
	data, _ := httpapi.Announced(active)
	return hub.Message{Topic: auth.TopicAnnouncements, Seq: version, Data: data}, err
}

// inbox is the state of a payer's messages, without links to pages.
func (s *truth) inbox(ctx context.Context, id string) (hub.Message, error) {
	in, err := s.store.Inbox(ctx, id, 0, 20)
	if err != nil {
		return hub.Message{}, err
	}
	view, err := httpapi.Inbox(in, func(string) (string, error) { return "", nil })
	if err != nil {
		return hub.Message{}, err
	}
	data, err := json.Marshal(view)
	return hub.Message{Topic: view.Topic, Seq: view.Seq, Event: "inbox.changed", Data: data}, err
}

// codeBox is where codes arrive that are sent to payers.
type codeBox chan [2]string

func (b codeBox) SendCode(_ context.Context, o order.Order, code string) error {
	if o.Payer.Phone == "" && o.Payer.Email == "" {
		return support.ErrNoContact
	}
	b <- [2]string{o.OrderNo, code}
	return nil
}

func (s *truth) Committed(o order.Order, events []order.Event) {
	m := hub.Message{Topic: auth.OrderTopic(o.OrderNo), Seq: o.Seq}
	for _, ev := range events {
		if ev.Type.Public() {
			m.Event = string(ev.Type)
			m.Data, _ = json.Marshal(o.Progress())
		}
	}
	s.hub.Publish(m)
}

func (s *truth) Snapshot(ctx context.Context, topic string) (hub.Message, error) {
	if topic == auth.TopicAnnouncements {
		return s.board(ctx)
	}
	if id, ok := strings.CutPrefix(topic, auth.InboxTopic("")); ok {
		return s.inbox(ctx, id)
	}
	o, err := s.store.Order(ctx, strings.TrimPrefix(topic, "order:"))
	if errors.Is(err, engine.ErrNotFound) {
		return hub.Message{}, hub.ErrNoTopic
	}
	if err != nil {
		return hub.Message{}, err
	}
	data, err := json.Marshal(o.Progress())
	return hub.Message{Topic: topic, Seq: o.Seq, Data: data}, err
}

func (s *truth) Seqs(context.Context, []string) (map[string]int64, error) {
	return map[string]int64{}, nil
}

// noSender accepts every webhook.
type noSender struct{}

func (noSender) Send(context.Context, string, engine.Webhook) (engine.Reply, error) {
	return engine.Reply{Status: http.StatusNoContent}, nil
}

// setup starts a node and ends it with the test.
func setup(t *testing.T, change ...func(*httpapi.Config, *httpapi.Deps)) *world {
	t.Helper()
	return setupOver(t, func(s engine.Store) engine.Store { return s }, change...)
}

// setupOver starts a node whose engine sees its store through a wrapper.
func setupOver(t *testing.T, wrap func(engine.Store) engine.Store, change ...func(*httpapi.Config, *httpapi.Deps)) *world {
	t.Helper()
	return setupHub(t, hub.Config{Acts: []string{"support_opened"}}, wrap, change...)
}

// setupHub starts a node with a hub of other settings.
func setupHub(t *testing.T, settings hub.Config, wrap func(engine.Store) engine.Store, change ...func(*httpapi.Config, *httpapi.Deps)) *world {
	t.Helper()
	return setupNode(t, settings, wrap, nil, change...)
}

// setupNode starts a node that tells payers, unless messages is nil.
func setupNode(t *testing.T, settings hub.Config, wrap func(engine.Store) engine.Store, messages *engine.MessageDeps, change ...func(*httpapi.Config, *httpapi.Deps)) *world {
	t.Helper()
	w := &world{t: t, log: &lockedBuffer{}, heard: &observer{}, file: strings.TrimPrefix(storetest.Database(t), "sqlite:")}
	log := logrus.New()
	log.SetOutput(w.log)
	level, err := logrus.ParseLevel("debug")
	must(t, err)
	log.SetLevel(level)
	w.store, err = store.Open(t.Context(), "sqlite:"+w.file, store.Options{Log: log})
	must(t, err)
	w.tokens, err = auth.NewTokens(tokenSecret)
	must(t, err)
	live := &truth{store: w.store}
	w.hub, err = hub.New(settings,
		hub.Deps{Source: live, Authorizer: auth.NewTopics(w.tokens), Bus: membus.New().Join(), Observer: w.heard, Log: log})
	must(t, err)
	live.hub = w.hub
	gateway := httptest.NewServer(http.HandlerFunc(w.gateway))
	adapter, err := sandbox.New(sandbox.Config{
		Name: "sandbox", GatewayURL: gateway.URL, Merchant: merchant, Secret: channelSecret, Client: gateway.Client(),
	})
	must(t, err)
	eng, err := engine.New(engine.Config{CheckGap: time.Minute, WeighWithin: time.Minute}, engine.Deps{
		Store: wrap(w.store), Channels: map[string]channel.Channel{"sandbox": adapter}, Sender: noSender{}, Backends: map[string]bool{"hooked-1": true, "hooked-2": true}, Listener: live, Log: log,
		Messages: messages,
	})
	must(t, err)
	w.serve(eng, log, change)
	t.Cleanup(gateway.Close)
	return w
}

// gateway is the channel that the engine queries.
func (w *world) gateway(rw http.ResponseWriter, r *http.Request) {
	orderNo := strings.TrimPrefix(r.URL.Path, "/v1/payments/")
	state, ok := w.says.Load(orderNo)
	if !ok {
		http.Error(rw, "out of order", http.StatusServiceUnavailable)
		return
	}
	body, _ := json.Marshal(sandbox.Payment{
		OutTradeNo: orderNo, Merchant: merchant, State: state.(sandbox.State), At: order.At(time.Now()),
		TransactionID: "t-" + orderNo, Amount: &order.Money{Minor: 8800, Currency: "CNY"},
	})
	sandbox.Seal(rw.Header(), channelSecret, time.Now(), r.Header.Get(sandbox.HeaderNonce), body)
	_, _ = rw.Write(body)
}

// serve builds the app and runs everything until the test ends.
func (w *world) serve(eng *engine.Engine, log logrus.FieldLogger, change []func(*httpapi.Config, *httpapi.Deps)) {
	t := w.t
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	w.base = "http://" + listener.Addr().String()
	keys, err := auth.NewKeys([]auth.Key{{Name: "shop", Value: shopKey}, {Name: "other", Value: otherKey}})
	must(t, err)
	operators, err := auth.NewKeys([]auth.Key{{Name: "wang", Value: operatorKey}})
	must(t, err)
	renderer, err := page.New(page.Options{PublicURL: w.base, Lookup: true})
	must(t, err)
	board, err := incident.NewBoard(w.store, &truth{store: w.store, hub: w.hub}, page.Languages())
	must(t, err)
	w.codes = make(codeBox, 64)
	lookup, err := support.NewLookup(support.LookupDeps{Store: w.store, Orders: eng, Sender: w.codes, Secret: tokenSecret, Log: log})
	must(t, err)
	cfg := httpapi.Config{
		PublicURL: w.base, CheckGap: time.Minute, ViewLife: time.Hour, InboxLife: time.Hour, InboxLink: true,
		Origins: []string{"https://shop.example"}, Sandbox: true, Acts: []string{"support_opened", "visible"},
	}
	deps := httpapi.Deps{
		Engine: eng, Hub: w.hub, Keys: keys, Operators: operators, Tokens: w.tokens, Page: renderer, Live: httpapi.Live(w.hub), Observer: w.heard,
		Announcements: board, Feedback: support.NewEar(w.store, eng), Lookup: lookup,
		Ready: func(ctx context.Context) error { return errors.Join(w.ready, w.store.Ready(ctx)) }, Log: log,
	}
	for _, f := range change {
		f(&cfg, &deps)
	}
	w.app, err = httpapi.New(cfg, deps)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() { _ = w.app.Listener(httpapi.Lending(listener, httpapi.Entrance{})) })
	parts.Go(func() { _ = w.hub.Run(ctx) })
	parts.Go(func() { _ = eng.Run(ctx) })
	parts.Go(func() { _ = lookup.Run(ctx) })
	transport := &http.Transport{}
	w.client = &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		w.hub.Drain(context.Background(), time.Millisecond)
		must(t, w.app.ShutdownWithTimeout(patience))
		_ = listener.Close() // a shutdown before the app began to serve has not closed it
		cancel()
		parts.Wait()
		transport.CloseIdleConnections()
		must(t, w.store.Close())
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
