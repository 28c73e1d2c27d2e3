package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"anxin/engine/channel"
	wire "anxin/engine/channel/sandbox"
	"anxin/engine/order"
)

func TestMain(m *testing.M) {
	// fasthttp's own: one clock for the Date header, and a cleaner for each server that
	// notices its end after ten seconds of sleep.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

const (
	testSecret  = "the secret of the channel"
	testAPIKey  = "marked-api-key"
	testWebhook = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	testToken   = "marked-view-token"
	eventually  = 10 * time.Second // far above what anything here takes
)

// intake is a callback as Anxin's side saw it.
type intake struct {
	note channel.Notification
	err  error
	raw  channel.Request
}

// world is a sandbox on a real port, with a small intake in the place of Anxin.
type world struct {
	t       *testing.T
	dir     string
	url     string
	sandbox *Sandbox
	adapter *wire.Channel
	client  *http.Client
	shift   *atomic.Int64 // of the clock, in ns
	logged  *lockedBuffer
	stopRun func()

	callbacks  chan intake
	claims     chan string
	registered chan map[string]any
	refuse     atomic.Int32  // callbacks that are answered FAIL, from now on
	refuseAll  atomic.Bool   // registrations and claims are answered 503
	hold       chan struct{} // non-nil: callbacks wait for it
	held       chan struct{} // one for each that waits
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func setup(t *testing.T) *world {
	t.Helper()
	return setupIn(t, t.TempDir(), nil)
}

func setupIn(t *testing.T, dir string, hold chan struct{}) *world {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	w := &world{
		t: t, dir: dir, url: "http://" + listener.Addr().String(), shift: &atomic.Int64{}, logged: &lockedBuffer{}, hold: hold,
		client:    &http.Client{Transport: transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		callbacks: make(chan intake, 1000), claims: make(chan string, 100), registered: make(chan map[string]any, 100),
		held: make(chan struct{}, 100),
	}
	log := logrus.New()
	log.SetOutput(w.logged)
	clock := func() time.Time { return time.Now().Add(time.Duration(w.shift.Load())) }
	w.sandbox, err = New(Config{
		DataDir: dir, BaseURL: w.url, Name: "sandbox", Merchant: "shop-1", Secret: testSecret,
		APIKey: testAPIKey, WebhookSecret: testWebhook, Log: log, Clock: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.adapter, err = wire.New(wire.Config{
		Name: "sandbox", GatewayURL: w.sandbox.GatewayURL(), Merchant: "shop-1", Secret: testSecret,
		Client: &http.Client{Transport: transport}, Clock: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	w.sandbox.Mount(app)
	w.mountAnxin(app)
	served := make(chan error, 1)
	go func() { served <- app.Listener(listener) }()
	t.Cleanup(func() {
		w.stop()
		transport.CloseIdleConnections()
		if err := app.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return w
}

// run starts what sends callbacks.
func (w *world) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.sandbox.Run(ctx) }()
	w.stopRun = func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	}
}

// stop ends the sandbox as a server would; a second call does nothing.
func (w *world) stop() {
	if w.stopRun != nil {
		w.stopRun()
		w.stopRun = nil
	}
	if err := w.sandbox.Close(); err != nil {
		w.t.Error(err)
	}
}

func (w *world) mountAnxin(app *fiber.App) {
	app.Post("/v1/orders", func(c *fiber.Ctx) error {
		if w.refuseAll.Load() || c.Get("Authorization") != "Bearer "+testAPIKey {
			return c.SendStatus(http.StatusServiceUnavailable)
		}
		var got map[string]any
		if err := json.Unmarshal(c.Body(), &got); err != nil {
			return err
		}
		w.registered <- got
		no, _ := got["order_no"].(string)
		return c.Status(http.StatusCreated).JSON(map[string]any{"page_url": w.url + "/pay/" + no + "?k=" + testToken, "more": 1})
	})
	app.Post("/v1/orders/:no/claim", func(c *fiber.Ctx) error {
		if w.refuseAll.Load() || c.Get("Authorization") != "Bearer "+testAPIKey {
			return c.SendStatus(http.StatusServiceUnavailable)
		}
		w.claims <- strings.Clone(c.Params("no"))
		return c.JSON(map[string]any{})
	})
	app.Post("/v1/callbacks/sandbox", func(c *fiber.Ctx) error {
		if w.hold != nil {
			w.held <- struct{}{}
			<-w.hold
		}
		received := time.Now().Add(time.Duration(w.shift.Load()))
		r := channel.Request{Header: http.Header{}, Body: append([]byte(nil), c.Body()...), ReceivedAt: received}
		for name, values := range c.GetReqHeaders() {
			for _, v := range values {
				r.Header.Add(strings.Clone(name), strings.Clone(v))
			}
		}
		notes, err := w.adapter.Verify(c.UserContext(), r)
		got := intake{err: err, raw: r}
		if err == nil {
			got.note = notes[0]
			if w.refuse.Add(-1) >= 0 {
				err = channel.ErrStore
			}
		}
		w.callbacks <- got
		answer := w.adapter.Acknowledge(err)
		c.Set("Content-Type", answer.ContentType)
		return c.Status(answer.Status).Send(answer.Body)
	})
}

// advance moves the clock and lets the sandbox look at it.
func (w *world) advance(d time.Duration) {
	w.shift.Add(int64(d))
	w.sandbox.owe()
}

func (w *world) callback() intake {
	w.t.Helper()
	return receive(w.t, w.callbacks, "a callback")
}

func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(eventually):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

// settled waits until n callbacks of an order were sent and their answers kept.
func (w *world) settled(no string, n int) payment {
	w.t.Helper()
	w.until("enough callbacks", func() bool { return w.mustLoad(no).Sent >= n })
	return w.mustLoad(no)
}

// until waits for something that announces itself nowhere.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	deadline := time.After(eventually)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			w.t.Fatalf("%s did not come", what)
		case <-tick.C:
		}
	}
}

func (w *world) mustLoad(no string) payment {
	w.t.Helper()
	p, err := w.sandbox.store.load(w.t.Context(), no)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// owed returns the due times of what is owed, counted from now.
func (w *world) owed() []time.Duration {
	w.t.Helper()
	rows, err := w.sandbox.store.db.QueryContext(w.t.Context(), `SELECT due_at FROM jobs ORDER BY due_at`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	due := []time.Duration{}
	for rows.Next() {
		var at order.Time
		if err := rows.Scan(&at); err != nil {
			w.t.Fatal(err)
		}
		due = append(due, at.Sub(w.sandbox.now()))
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return due
}

func (w *world) do(method, path, contentType, content string, header ...string) (*http.Response, string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(content))
	if err != nil {
		w.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := w.client.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response, string(raw)
}

// pay lets a script pay.
func (w *world) pay(no, plan string) {
	w.t.Helper()
	content := `{"order_no":"` + no + `","amount":{"minor":8800,"currency":"CNY"},` + plan + `}`
	if response, raw := w.do("POST", "/sandbox/v1/payments", "application/json", content); response.StatusCode != http.StatusCreated {
		w.t.Fatalf("pay: %d %s", response.StatusCode, raw)
	}
}

func (w *world) query(no string) (order.Evidence, error) {
	return w.adapter.Query(w.t.Context(), channel.Query{OrderNo: no})
}
