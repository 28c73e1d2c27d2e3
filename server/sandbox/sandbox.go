package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"anxin/engine/order"
	"anxin/engine/webhook"

	"github.com/gofiber/fiber/v2"
	"github.com/sirupsen/logrus"

	wire "anxin/engine/channel/sandbox"
)

// Config is a simulated world. All fields but the last three are required.
type Config struct {
	DataDir       string // holds sandbox.db; must exist
	BaseURL       string // where Anxin and this sandbox are reached, e.g. http://127.0.0.1:8080
	Name          string // of the channel, as orders name it
	Merchant      string // the shop's account at the channel
	Secret        string // that the channel shares with Anxin's adapter
	APIKey        string // of the shop's backend at Anxin
	WebhookSecret string // "whsec_…", signs Anxin's webhooks to the shop's backend

	Log    logrus.FieldLogger // nil = the standard logger
	Client *http.Client       // nil = one of its own
	Clock  func() time.Time   // nil = time.Now
}

// Errors of a configuration.
var (
	ErrConfigMissing = errors.New("data dir, name, merchant, secret and api key are required")
	ErrConfigBaseURL = errors.New("base URL must be an absolute http or https URL")
)

// requestTimeout bounds every request that the channel or the shop sends: what WeChat
// Pay allows a callback to take.
const requestTimeout = 5 * time.Second

// Sandbox is a simulated channel with its shop and backend.
type Sandbox struct {
	cfg     Config
	store   *store
	log     logrus.FieldLogger
	client  *http.Client
	clock   func() time.Time
	pages   *pages
	webhook webhook.Secret

	wake     chan struct{} // one slot: something became due sooner
	stopOnce sync.Once
	stopping chan struct{} // closed when hanging answers must end
}

// New opens the state of earlier runs. It starts nothing.
func New(cfg Config) (*Sandbox, error) {
	base, err := checkConfig(&cfg)
	if err != nil {
		return nil, err
	}
	secret, err := webhook.ParseSecret(cfg.WebhookSecret)
	if err != nil {
		return nil, fmt.Errorf("sandbox webhook secret: %w", err)
	}
	pages, err := loadPages(base)
	if err != nil {
		return nil, err
	}
	db, err := openStore(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	return &Sandbox{
		cfg: cfg, store: db, log: cfg.Log, client: newClient(cfg.Client), clock: cfg.Clock,
		pages: pages, webhook: secret, wake: make(chan struct{}, 1), stopping: make(chan struct{}),
	}, nil
}

func checkConfig(cfg *Config) (*url.URL, error) {
	if slices.Contains([]string{cfg.DataDir, cfg.Name, cfg.Merchant, cfg.Secret, cfg.APIKey}, "") {
		return nil, ErrConfigMissing
	}
	base, err := url.Parse(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfigBaseURL, err)
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, ErrConfigBaseURL
	}
	cfg.BaseURL = strings.TrimRight(cfg.BaseURL, "/")
	if cfg.Log == nil {
		cfg.Log = logrus.StandardLogger()
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return base, nil
}

// newClient copies the client, so that neither its timeout nor its redirects are
// changed for others, or makes one with connections of its own, which Close can close.
func newClient(given *http.Client) *http.Client {
	client := &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: maxRunning, IdleConnTimeout: 30 * time.Second,
	}}
	if given != nil {
		*client = *given
	}
	client.Timeout = requestTimeout
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client
}

// Mount adds all routes, below /sandbox.
func (s *Sandbox) Mount(app fiber.Router) {
	app.Get("/sandbox", s.page(s.showShop))
	app.Post("/sandbox/buy", s.page(s.buy))
	app.Get("/sandbox/cashier/:order_no", s.page(s.showCashier))
	app.Post("/sandbox/cashier/:order_no", s.page(s.atCashier))
	app.Get("/sandbox/return/:order_no", s.page(s.comeBack))
	app.Get("/sandbox/orders/:order_no", s.page(s.showOrder))
	app.Get("/sandbox/support", s.page(s.showSupport))
	app.Get("/sandbox/outbox", s.page(s.showOutbox))
	app.Get("/sandbox/assets/sandbox.css", s.style)

	app.Post("/sandbox/v1/payments", s.api(s.createPayment))
	app.Get("/sandbox/v1/payments/:order_no", s.api(s.getPayment))
	app.Get("/sandbox/gateway/v1/payments/:order_no", s.gateway(s.answerQuery))
	app.Post("/sandbox/gateway/v1/payments/:order_no/close", s.gateway(s.answerClose))
	app.Post("/sandbox/gateway/v1/messages", s.api(s.takeMessage))
	app.Post("/sandbox/gateway/v1/push/:name", s.api(s.takePush))
	app.Get("/sandbox/v1/messages", s.api(s.listMessages))
	app.Post("/sandbox/backend/webhook", s.api(s.takeWebhook))
}

// GatewayURL is what the channel's adapter asks.
func (s *Sandbox) GatewayURL() string { return s.cfg.BaseURL + "/sandbox/gateway" }

// Close ends hanging answers and closes the store. Call it once Run has returned and
// the server takes no more requests.
func (s *Sandbox) Close() error {
	s.EndHanging()
	s.client.CloseIdleConnections()
	if err := s.store.close(); err != nil {
		return fmt.Errorf("close sandbox database: %w", err)
	}
	return nil
}

// EndHanging ends the answers that are held back on purpose, now and from now on, so
// that a server that waits for its requests can stop at once. Run and Close do it too.
func (s *Sandbox) EndHanging() { s.stopOnce.Do(func() { close(s.stopping) }) }

func (s *Sandbox) now() order.Time { return order.At(s.clock()) }

// newPayment is a payment that nobody has paid.
func (s *Sandbox) newPayment(orderNo string, amount *order.Money, plan Plan) payment {
	now := s.now()
	return payment{
		OrderNo: orderNo, Merchant: s.cfg.Merchant, Amount: amount, State: wire.StatePending,
		CreatedAt: now, At: now, Plan: plan, Callbacks: []delivery{},
	}
}

// owe tells Run to look again, without waiting for it.
func (s *Sandbox) owe() {
	select {
	case s.wake <- struct{}{}:
	default: // it is told already
	}
}
