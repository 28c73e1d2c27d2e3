package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/notify"
	"anxin/engine/order"
	"anxin/frontend/page"
	"anxin/hub"
	"anxin/server/auth"
)

// Engine is what the API asks of the engine.
type Engine interface {
	Register(ctx context.Context, r order.Registration) (o order.Order, created bool, err error)
	Order(ctx context.Context, orderNo string) (order.Order, error)
	Orders(ctx context.Context, f engine.Filter) ([]order.Order, string, error)
	Timeline(ctx context.Context, orderNo string, after int64, limit int) ([]order.Event, error)
	Claim(ctx context.Context, orderNo string) (order.Order, error)
	CheckNow(ctx context.Context, orderNo string) (order.Order, error)
	Update(ctx context.Context, orderNo, key, hash string, u order.Update) (order.Order, error)
	SamePurchase(ctx context.Context, backend, payerID, subject string, amount *order.Money) ([]order.Order, error)
	PromiseSummary(ctx context.Context, f engine.PromiseFilter) ([]engine.PromiseScore, error)
	Receive(ctx context.Context, channel string, r channel.Request) (channel.Answer, error)
	Channels() []engine.ChannelState
	Pauses(ctx context.Context) ([]engine.Pause, error)
	PauseFor(ctx context.Context, p engine.Pause) (engine.Pause, error)
	Resume(ctx context.Context, kind engine.TaskKind, name, actor string) error
	Audits(ctx context.Context, before int64, limit int) ([]engine.Audit, error)
	Case(ctx context.Context, id string) (engine.Case, error)
	Cases(ctx context.Context, f engine.CaseFilter) ([]engine.Case, string, error)
	ResolveCase(ctx context.Context, id string, by engine.Decision) (engine.Case, error)
	RetryCases(ctx context.Context, r engine.Retry) (engine.Retried, error)
	ImportSettlement(ctx context.Context, f engine.SettlementFile) (s engine.Settlement, created bool, err error)
	Settlement(ctx context.Context, id string) (engine.Settlement, map[engine.RowOutcome]int64, error)
	Settlements(ctx context.Context, limit int, cursor string) ([]engine.Settlement, string, error)
	SettlementRows(ctx context.Context, f engine.SettlementFilter) ([]engine.SettlementRow, string, error)
	UnsettledOrders(ctx context.Context, f engine.SettlementFilter) ([]engine.PaidOrder, string, error)
	Callbacks(ctx context.Context, f engine.CallbackFilter) ([]engine.CallbackRecord, string, error)
	Callback(ctx context.Context, id string) (engine.CallbackRecord, error)
	ReplayCallbacks(ctx context.Context, r engine.Replay) (engine.Replayed, error)
	Webhooks(ctx context.Context, orderNo, cursor string, limit int) ([]engine.WebhookRecord, string, error)
	Endpoints(ctx context.Context, after string, limit int) ([]engine.EndpointState, error)
	EnableEndpoint(ctx context.Context, backend, actor, reason string) (engine.EndpointState, error)
	Inbox(ctx context.Context, id string, below int64, limit int) (engine.Inbox, error)
	ReadInbox(ctx context.Context, r engine.InboxRead, limit int) (engine.Inbox, error)
	OptInOffers(o order.Order) map[notify.Channel]string
	Asked(ctx context.Context, o order.Order) ([]engine.Asked, error)
	TakeBack(ctx context.Context, orderNo string, c notify.Channel) error
	OptIn(ctx context.Context, orderNo string, w engine.Wish) (string, error)
	OptOut(ctx context.Context, payer string, c notify.Channel) error
	RenewPush(ctx context.Context, old, fresh notify.Subscription) error
	Messages(ctx context.Context, f engine.MessageFilter) ([]notify.Record, string, error)
	PreviewMessages(ctx context.Context, orderNo string) ([]engine.Preview, error)
	Templates
	Providers() []engine.ProviderState
	Skipped() map[engine.SkipKey]int64
	ReceiveReceipts(ctx context.Context, provider string, r channel.Request) (channel.Answer, error)
	Counts() engine.Counts
}

// Hub is what the API asks of the hub.
type Hub interface {
	// Wait returns once the topic's state is not the one that the visitor has.
	Wait(ctx context.Context, v hub.Visit) (hub.Message, error)
	// Stream takes the connection over and serves the topic's frames as events.
	Stream(w http.ResponseWriter, v hub.Visit) error
	Stats() hub.Stats
}

// Page renders what payers see.
type Page interface {
	Render(w io.Writer, v page.View) error
	RenderExpired(w io.Writer, lang string) error
	RenderLookup(w io.Writer, l page.Lookup) error
	RenderInbox(w io.Writer, v page.Inbox) error
	RenderOptIn(w io.Writer, o page.OptIn) error
	Policy(merchant string, embedded bool) (csp string, framed bool)
}

var (
	_ Engine = (*engine.Engine)(nil)
	_ Hub    = (*hub.Hub)(nil)
	_ Page   = (*page.Renderer)(nil)
)

// Config is what the API is told once.
type Config struct {
	PublicURL      string // without a trailing slash; page links begin with it
	Support        Support
	Sandbox        bool // the front door leads to the sandbox
	CheckGap       time.Duration
	ViewLife       time.Duration
	InboxLife      time.Duration
	InboxLink      bool     // orders' pages lead to their payers' messages
	Origins        []string // pages of other origins that may call with a token
	TrustedProxies []netip.Prefix
	Acts           []string // that clients may report
}

// Deps are what the API stands on.
type Deps struct {
	Engine    Engine
	Hub       Hub
	Keys      *auth.Keys
	Operators *auth.Keys // who may use /v1/ops
	Tokens    *auth.Tokens
	Page      Page

	Announcements Announcements
	Feedback      Feedback
	Lookup        Lookup // nil = nobody could be sent a code

	Live     fiber.Handler               // see Live
	Observer hub.Observer                // is told what clients report over HTTP
	Ready    func(context.Context) error // whether the store can be used
	// Credentials tells what is known of the channels' keys, for the metrics; nil = nothing.
	Credentials func(now time.Time) []ChannelCredentials
	Log         logrus.FieldLogger
}

func (d Deps) validate() error {
	if d.Engine == nil || d.Hub == nil || d.Keys == nil || d.Operators == nil || d.Tokens == nil || d.Page == nil ||
		d.Announcements == nil || d.Feedback == nil ||
		d.Live == nil || d.Observer == nil || d.Ready == nil || d.Log == nil {
		return errors.New("http api: a dependency is missing")
	}
	return nil
}

// Limits of the server. They protect it from clients that are slow, large or many.
const (
	// maxBody is the largest body that is read at all, for whatever address. It must
	// hold a callback (256 KiB).
	maxBody = 1 << 20
	// readTimeout is for a whole request, headers and body: 1 MiB in 15 s is 70 KB/s,
	// less than the slowest mobile network delivers of a request of a few KB.
	readTimeout = 15 * time.Second
	// writeTimeout is for a client that does not take its answer.
	writeTimeout = 15 * time.Second
	// idleTimeout keeps connections between requests: longer than the 60 s for which
	// common load balancers keep theirs, so that these never meet a closing one.
	idleTimeout = 75 * time.Second
	// maxHeaders is for the request line and all headers. Callbacks and browsers with
	// a merchant domain's cookies stay below it.
	maxHeaders = 8 << 10
	// workTimeout bounds what one request may ask of the engine. Channels hang up
	// after 5 to 10 s, payers before that.
	workTimeout = 10 * time.Second
)

type api struct {
	cfg    Config
	deps   Deps
	limits limits
}

// New builds the app with all routes and starts nothing. Further routes may be added
// to the app: what matches none of them is answered with a problem all the same.
func New(cfg Config, deps Deps) (*fiber.App, error) {
	if err := deps.validate(); err != nil {
		return nil, err
	}
	cfg.Origins = slices.Clone(cfg.Origins)
	a := &api{cfg: cfg, deps: deps, limits: newLimits()}
	app := fiber.New(fiber.Config{
		DisableStartupMessage: true,
		CaseSensitive:         true,
		BodyLimit:             maxBody,
		ReadTimeout:           readTimeout,
		WriteTimeout:          writeTimeout,
		IdleTimeout:           idleTimeout,
		ReadBufferSize:        maxHeaders,
		ProxyHeader:           clientHeader,
		ErrorHandler:          a.fail,
	})
	answerUnknownMethods(app)
	a.admitFiles(app)
	app.Use(a.identify, a.log, a.recover, a.secure, a.cors)
	for _, r := range a.routes() {
		app.Add(r.method, r.path, r.handlers...)
		if r.method == fiber.MethodGet && !slices.Contains([]string{livePath, streamPath, inboxStreamPath}, r.path) {
			app.Add(fiber.MethodHead, r.path, r.handlers...)
		}
	}
	return app, nil
}

// work returns the context for what a request asks of the engine. It does not end with
// the client's connection: Fiber cannot tell, and what was begun is worth finishing.
func work() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), workTimeout)
}
