package config

import (
	"net/netip"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine/order"
	"anxin/frontend/page"
	"anxin/hub"
)

// Config is everything that the server is told. It is complete and consistent: whoever
// gets one from Load need not check it again.
type Config struct {
	Listen      string // host:port
	PublicURL   string // where payers and channels reach the server, without a trailing slash
	Development bool   // see the package's comment
	DataDir     string
	DatabaseURL Secret // may contain a password
	RedisURL    Secret // empty = in-process bus

	APIKeys      []APIKey
	OperatorKeys []APIKey // people and tools that may act on everybody's orders; empty = nobody
	TokenSecrets []Secret // the first signs, all verify
	// ContactSecrets seal payers' contacts: the first seals, all open.
	ContactSecrets []Secret
	Tokens         Lifetimes
	Backends       map[string]Backend // by the name of their api key
	Channels       map[string]Channel // by the name that orders use
	Sandbox        Sandbox

	LateSuccess LateSuccess

	Notifications Notifications

	Brand    Brand
	Brands   map[string]Brand // of merchants that have their own, by the name of their api key
	Stages   order.StageLimits
	CheckGap time.Duration // between two check-nows of one order
	// WeighAtOnce is how many callbacks are weighed before they are acknowledged, at a time
	// and within 50 ms.
	WeighAtOnce int
	// WeighWithin is how long that may take before they are acknowledged all the same.
	WeighWithin time.Duration
	// DuplicateWindow is how far apart two orders for one purchase are registered at most.
	DuplicateWindow time.Duration

	Origins        []string // browsers' pages that may call besides our own
	TrustedProxies []netip.Prefix
	Behaviour      bool          // whether pages report what is done on them
	InboxLink      bool          // whether orders' pages lead to their payers' messages
	Live           hub.Limits    // of what live clients may take; zero = the hub's default
	Drain          time.Duration // over which live clients are sent away at a stop
	Log            Log
}

// APIKey lets one backend in. A backend may have several, so that it can change them.
type APIKey struct {
	Name string
	Key  Secret
}

// Lifetimes say how long the links that are handed out work.
type Lifetimes struct {
	View  time.Duration
	Inbox time.Duration
}

// Backend is where one merchant backend is told results.
type Backend struct {
	WebhookURL   string
	Secrets      []Secret // `whsec_…` or `whsk_…`; each signs every webhook
	AllowPrivate bool     // the address may be loopback or private
}

// LateSuccess says what becomes of payments that succeed after their order was called
// failed or closed. None is accept.
type LateSuccess struct {
	Default  order.LatePolicy
	Channels map[string]order.LatePolicy // those that differ
}

// Sandbox is the simulated channel. Its secrets are set whenever it is on.
type Sandbox struct {
	On            bool
	Gateway       string // stands in for the simulator's own; empty = that
	ChannelSecret Secret
	Backend       string // name of the api key that its shop uses
	APIKey        Secret
	WebhookSecret Secret // of the webhooks to its shop
	PushKey       Secret // that browsers subscribe with, in PEM
}

// Brand is what payers see of the merchant.
type Brand struct {
	page.Brand
	SupportURL string // where payers find a person when the order names no place; {order_no} stands for its number
}

// Log is how the server logs.
type Log struct {
	JSON  bool
	Level logrus.Level
}

const (
	defaultListen = "127.0.0.1:8080"
	// A link in a message must outlive the longest way of a payment back to its payer:
	// card refunds take up to 30 days.
	defaultViewLife = 45 * 24 * time.Hour
	// An inbox holds messages of many orders and is opened from the merchant's app,
	// which gets a fresh token at each registration.
	defaultInboxLife   = 90 * 24 * time.Hour
	defaultCheckGap    = 5 * time.Second
	defaultWeighAtOnce = 16
	defaultWeighWithin = 2 * time.Millisecond
	// Who fears that the first payment was lost pays again within the day.
	defaultDuplicateWindow = 24 * time.Hour
	// The whole stop may take 10 s; half of it spreads the reconnections.
	defaultDrain = 5 * time.Second
)

// Limits of settings: outside of them there is a mistake, not a wish.
const (
	minLife     = time.Minute
	maxLife     = 366 * 24 * time.Hour
	maxStage    = 24 * time.Hour
	maxCheckGap = 10 * time.Minute
	// A timer is no finer than minWeighWithin, and channels give up after some seconds.
	minWeighWithin = time.Millisecond
	maxWeighWithin = 10 * time.Second
	// maxWeighAtOnce is half of what the store takes in one go: more would only wait.
	maxWeighAtOnce = 256
	maxWindow      = 31 * 24 * time.Hour // beyond a month, buying the same again is a habit
	maxDrain       = 8 * time.Second     // leaves 2 s of the 10 s for closing the store
	minAPIKey      = 24                  // characters; 24 random base64 ones are 144 bits
	minTokenKey    = 32                  // bytes: the size of the HMAC-SHA256 output (RFC 2104, section 3)
	devAPIKey      = "dev"
	sandboxShop    = "sandbox"
	generatedLen   = 32 // bytes of a generated secret
)
