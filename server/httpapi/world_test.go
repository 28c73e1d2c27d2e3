package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
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
	parts.Go(func() { _ = w.app.Listener(httpapi.Lending(listener)) })
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

// answer is a response with its body read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) problem(t *testing.T) httpapi.Problem {
	t.Helper()
	var p httpapi.Problem
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("content type %q of %d %s", got, a.status, a.body)
	}
	must(t, json.Unmarshal(a.body, &p))
	if p.Status != a.status {
		t.Errorf("problem says %d, the response %d", p.Status, a.status)
	}
	return p
}

type header map[string]string

func bearer(credential string) header { return header{"Authorization": "Bearer " + credential} }

// send makes a request. A body that is no string is sent as JSON.
func (w *world) send(method, path string, body any, headers ...header) answer {
	w.t.Helper()
	var content io.Reader = http.NoBody
	contentType := ""
	switch b := body.(type) {
	case nil:
	case string:
		content, contentType = strings.NewReader(b), "application/json"
	default:
		raw, err := json.Marshal(b)
		must(w.t, err)
		content, contentType = bytes.NewReader(raw), "application/json"
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.base+path, content)
	must(w.t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for _, h := range headers {
		for name, value := range h {
			req.Header.Set(name, value)
		}
	}
	resp, err := w.client.Do(req)
	must(w.t, err)
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") == "text/event-stream" { // it does not end
		return answer{resp.StatusCode, resp.Header, nil}
	}
	raw, err := io.ReadAll(resp.Body)
	must(w.t, err)
	return answer{resp.StatusCode, resp.Header, raw}
}

// want makes a request and fails unless the status is as expected.
func (w *world) want(status int, method, path string, body any, headers ...header) answer {
	w.t.Helper()
	a := w.send(method, path, body, headers...)
	if a.status != status {
		w.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	return a
}

type object = map[string]any

// registration is a managed order that can be accepted.
func registration(orderNo string) object {
	return object{
		"order_no": orderNo, "channel": "sandbox", "mode": "managed",
		"amount":  object{"minor": 8800, "currency": "CNY"},
		"subject": "Two tickets", "payer": object{"id": "payer of " + orderNo, "locale": "en"},
	}
}

// with returns a copy of o with one field replaced, or removed by nil.
func with(o object, field string, value any) object {
	c := maps.Clone(o)
	if c[field] = value; value == nil {
		delete(c, field)
	}
	return c
}

type registered struct {
	Order      map[string]any `json:"order"`
	Progress   order.Progress `json:"progress"`
	PageURL    string         `json:"page_url"`
	ViewToken  string         `json:"view_token"`
	InboxToken string         `json:"inbox_token"`
	InboxURL   string         `json:"inbox_url"`
}

func (w *world) register(reg object) registered {
	w.t.Helper()
	return decode[registered](w.t, w.want(http.StatusCreated, "POST", "/v1/orders", reg, bearer(shopKey)))
}

func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("decode %s: %v", a.body, err)
	}
	return v
}

// callback posts what the simulated channel would send.
func (w *world) callback(orderNo string, state sandbox.State, minor int64) answer {
	w.t.Helper()
	body, err := json.Marshal(sandbox.Notice{ID: "n-" + orderNo + "-" + string(state), Payment: sandbox.Payment{
		OutTradeNo: orderNo, Merchant: merchant, State: state, At: order.At(time.Now()), TransactionID: "t-" + orderNo,
		Amount: &order.Money{Minor: minor, Currency: "CNY"},
	}})
	must(w.t, err)
	h := http.Header{}
	sandbox.Seal(h, channelSecret, time.Now(), sandbox.NewNonce(), body)
	return w.send("POST", "/v1/callbacks/sandbox", string(body), header{
		sandbox.HeaderTimestamp: h.Get(sandbox.HeaderTimestamp), sandbox.HeaderNonce: h.Get(sandbox.HeaderNonce),
		sandbox.HeaderSignature: h.Get(sandbox.HeaderSignature),
	})
}

// state is everything that a request could have changed of the orders.
func (w *world) state() string {
	w.t.Helper()
	orders, _, err := w.store.Orders(w.t.Context(), engine.Filter{Limit: 100})
	must(w.t, err)
	var b strings.Builder
	for _, o := range orders {
		events, err := w.store.Events(w.t.Context(), o.OrderNo, 0, 100)
		must(w.t, err)
		fmt.Fprintf(&b, "%+v %+v\n", o, events)
	}
	return b.String()
}
