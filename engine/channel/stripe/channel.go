package stripe

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	sdk "github.com/stripe/stripe-go/v86"

	"anxin/engine/channel"
)

// Limits of the account.
const (
	// queryTimeout is for the two or three calls of a query together; each takes less than
	// a second on a good day.
	queryTimeout = 10 * time.Second

	// maxEvent bounds an event: a payment intent with all of its 50 keys of metadata stays
	// below 64 KiB.
	maxEvent = 128 << 10

	// maxAnswer bounds an answer: a hundred refunds stay below 128 KiB, ten payment intents
	// below 512 KiB.
	maxAnswer = 1 << 20

	// queriesPerSecond is half of what Stripe allows an account in searches (20 a second;
	// 25 calls of any kind in test mode), for the merchant's own need the rest.
	queriesPerSecond = 10

	// notFoundGrace is how long after an order's expiry "nothing found" is believed to be a
	// matter of time: Stripe says that its search may lag by an hour in an outage.
	notFoundGrace = time.Hour
)

// Channel is one account at Stripe.
type Channel struct {
	live, restricted bool
	account          string // connected, "" = the key's own
	secrets          []string
	key              string

	api   sdk.Backend
	clock func() time.Time
}

var (
	_ channel.Channel   = (*Channel)(nil)
	_ channel.Inspector = (*Channel)(nil)
)

// New checks the configuration and dials nothing. Errors are *ConfigError.
func New(cfg Config) (*Channel, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c := &Channel{
		live: cfg.live(), restricted: cfg.restricted(), account: cfg.Account,
		secrets: slices.Clone(cfg.EndpointSecrets), key: cfg.APIKey, clock: cfg.Clock,
	}
	if c.clock == nil {
		c.clock = time.Now
	}
	c.api = newBackend(cfg.apiURL(), cfg.Client, c.clock)
	return c, nil
}

// merchant is what evidence calls an account: its mode, and which one it is if connected.
func merchant(live bool, account string) string {
	name := "test"
	if live {
		name = "live"
	}
	if account != "" {
		name += "/" + account
	}
	return name
}

// Policy returns the account and its limits.
func (c *Channel) Policy() channel.Policy {
	return channel.Policy{
		Merchant: merchant(c.live, c.account), QPS: queriesPerSecond, QueryTimeout: queryTimeout, MaxBody: maxEvent,
		Freshness: freshness, NotifiesFailures: true,
	}
}

// Verify authenticates an event and reads it. One that concerns no order tells nothing. One
// of the other mode or of another account is authentic all the same: its evidence names
// them, so that the order machine opens a case instead of losing it.
func (c *Channel) Verify(_ context.Context, r channel.Request) ([]channel.Notification, error) {
	if len(r.Body) > maxEvent {
		return nil, malformed("length")
	}
	if err := c.authentic(r); err != nil {
		return nil, refused(r.Body, err)
	}
	n, told, err := read(r.Body)
	switch {
	case err != nil:
		return nil, refused(r.Body, err)
	case !told:
		return nil, nil
	}
	return []channel.Notification{n}, nil
}

// Acknowledge answers with a status alone: Stripe asks for any of 2xx, and sends the event
// again upon any other.
func (c *Channel) Acknowledge(err error) channel.Answer {
	switch {
	case err == nil:
		return channel.Answer{Status: http.StatusOK}
	case errors.Is(err, channel.ErrSignature), errors.Is(err, channel.ErrStale), errors.Is(err, channel.ErrMerchant):
		return channel.Answer{Status: http.StatusUnauthorized}
	case errors.Is(err, channel.ErrMalformed):
		return channel.Answer{Status: http.StatusBadRequest}
	}
	return channel.Answer{Status: http.StatusInternalServerError}
}
