// Package channel is what the engine asks of a payment channel: read a callback,
// answer it, be queried. Each provider is a folder below; channeltest is the suite
// that all of them pass.
package channel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"anxin/engine/order"
)

// Channel is one configured account at one payment provider. Implementations are safe
// for concurrent use and keep no state of orders.
type Channel interface {
	// Verify authenticates a raw callback and reads the notifications in it. It takes
	// no word of the request on trust before the signature holds, never panics on any
	// bytes, judges its age by r.ReceivedAt and not by the clock (so that a stored request
	// verifies later as it did when it came), and returns an error of this package (ErrSignature, ErrStale,
	// ErrMalformed, ErrMerchant), possibly within a *CallbackError.
	Verify(ctx context.Context, r Request) ([]Notification, error)
	// Acknowledge returns the answer that the provider wants: for nil that the
	// callback is safely stored, else that it is not and should come again.
	Acknowledge(err error) Answer
	// Query asks the provider what it knows of an order, by our order number. Errors
	// are *QueryError; an answer about another order is one of them.
	Query(ctx context.Context, q Query) (order.Evidence, error)
	// Close asks the provider to take no more payment for the order. ErrAlreadyPaid
	// says that the payment won the race, ErrUnsupported that the provider cannot.
	Close(ctx context.Context, q Query) error
	// Policy returns what the provider demands of its caller. It does not change.
	Policy() Policy
}

// Request is a callback as it came: nothing decoded, nothing dropped.
type Request struct {
	Header     http.Header `json:"header"`
	Query      string      `json:"query,omitempty"` // raw query string
	Body       []byte      `json:"body"`
	ReceivedAt time.Time   `json:"received_at"`
	// AnyAge waives the freshness window, and nothing else: an operator who replays a
	// stored request vouches for its age. Never set for one that comes from outside.
	AnyAge bool `json:"-"`
}

// Answer is an HTTP response to the provider.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
}

// Notification is one authenticated statement of a callback.
type Notification struct {
	OrderNo   string         `json:"order_no"`
	DedupeKey string         `json:"dedupe_key"` // unique per channel; the provider repeats it on redelivery
	Evidence  order.Evidence `json:"evidence"`
}

// Query names an order to the provider.
type Query struct {
	OrderNo   string
	Amount    order.Money
	RefundIDs []string // refunds to ask about besides; empty = the payment alone
	CreatedAt time.Time
	ExpiresAt time.Time // zero = never
	// ChannelTxn is the provider's number of the payment, "" while it is not known. It is a
	// short cut where the search by our number is slow; no adapter may depend on it.
	ChannelTxn string
}

// Policy is how a provider is to be treated. Zero fields mean the engine's defaults.
type Policy struct {
	Merchant     string          // account that evidence must name; empty = evidence names none
	Schedule     []time.Duration // ages since the claim at which the payment is queried
	QPS          int             // queries a second at most, 0 = any number; the operator's setting overrides
	QueryTimeout time.Duration
	Typical      time.Duration // half of the payments are known by then
	Late         time.Duration // nine in ten are
	MaxBody      int           // bytes of a callback, 0 = DefaultMaxBody
	// Freshness is how far the time of a callback may be off, either way. 0 = the
	// provider's callbacks carry no time that is fit for it.
	Freshness time.Duration
	// NotifiesFailures says that failed and closed payments are told by callback. Where
	// they are not, an unpaid order is known by query only.
	NotifiesFailures bool
	// Lacks are the things that this account cannot do. What is not in it must work.
	Lacks []Capability
}

// Capability is something that a provider may or may not offer.
type Capability string

// The capabilities.
const (
	CanNotify       Capability = "callback"        // tells payments by callback
	CanNotifyRefund Capability = "refund_callback" // tells refunds by callback
	CanQuery        Capability = "query"           // can be asked about a payment by our order number
	CanQueryRefund  Capability = "refund_query"    // can be asked about a refund
	CanClose        Capability = "close"           // can be told to take no more payment
)

// Capabilities are all of them, in the order in which they are told.
var Capabilities = []Capability{CanNotify, CanNotifyRefund, CanQuery, CanQueryRefund, CanClose}

// Can reports whether the account offers something.
func (p Policy) Can(c Capability) bool { return !slices.Contains(p.Lacks, c) }

// DefaultMaxBody bounds a callback. The largest real ones (WeChat Pay with a
// certificate-encrypted resource, Stripe events with many items) stay below 64 KiB.
const DefaultMaxBody = 256 << 10

// Errors of callbacks. The engine answers each through Acknowledge.
var (
	ErrSignature = errors.New("callback signature does not verify")
	ErrStale     = errors.New("callback is outside the freshness window")
	ErrMalformed = errors.New("callback cannot be read")
	ErrMerchant  = errors.New("callback is for another merchant account")
	ErrStore     = errors.New("callback could not be stored")
)

// ErrAlreadyPaid is Close's answer when the payment won the race.
var ErrAlreadyPaid = errors.New("order is already paid")

// ErrUnsupported marks what a provider does not offer.
var ErrUnsupported = errors.New("channel does not support this")

// CallbackError is a refused callback that named an order. The name is not
// authenticated: it may be shown to agents, and must never move an order.
type CallbackError struct {
	OrderNo string
	Err     error
}

func (e *CallbackError) Error() string { return "callback refused: " + e.Err.Error() }

// Unwrap returns the reason.
func (e *CallbackError) Unwrap() error { return e.Err }

// QueryError says what became of a query that brought no evidence. Permanent means
// that asking again the same way cannot help. None of them says anything about the
// payment.
type QueryError struct {
	Outcome    order.QueryOutcome // unknown, unreachable or refused
	Code       string             // neutral: "timeout", "http_503", "bad_signature", "not_found"
	Permanent  bool
	RetryAfter time.Duration // asked for by the provider, 0 = not said
	Err        error
}

func (e *QueryError) Error() string {
	if e.Err == nil {
		return "query: " + e.Code
	}
	return fmt.Sprintf("query: %s: %v", e.Code, e.Err)
}

// Unwrap returns the cause.
func (e *QueryError) Unwrap() error { return e.Err }
