package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/strictjson"
	"anxin/engine/order"
)

// Config is one merchant account at the simulated channel.
type Config struct {
	Name       string // of the channel, as orders name it
	GatewayURL string // absolute http(s) URL, without the trailing /v1
	Merchant   string // account that evidence must name
	Secret     string // shared with the channel
	Client     *http.Client
	Clock      func() time.Time
}

// Errors of a configuration.
var (
	ErrConfigMissing = errors.New("name, merchant and secret are required")
	ErrConfigGateway = errors.New("gateway URL must be an absolute http or https URL")
)

// Waits of the simulated channel. Its queries answer in milliseconds, so one that takes
// three seconds is a simulated timeout, and a short wait keeps a demonstration lively.
const (
	queryTimeout = 3 * time.Second
	typicalWait  = 10 * time.Second
	lateWait     = 60 * time.Second
)

// notFoundGrace is how long after an order's expiry "not found" is believed to be a
// matter of time: the simulated channel knows a payment as soon as it is made.
const notFoundGrace = time.Minute

// maxAnswer bounds what is read of an answer: a payment with maxRefunds refunds stays
// below 32 KiB.
const maxAnswer = 64 << 10

// Channel is one account at the simulated channel.
type Channel struct {
	name     string
	gateway  string
	merchant string
	secret   string
	client   *http.Client
	clock    func() time.Time
}

var (
	_ channel.Channel   = (*Channel)(nil)
	_ channel.Inspector = (*Channel)(nil)
)

// New checks the configuration and dials nothing. Without a Client or Clock it uses
// http.DefaultClient's transport and time.Now.
func New(cfg Config) (*Channel, error) {
	if cfg.Name == "" || cfg.Merchant == "" || cfg.Secret == "" {
		return nil, ErrConfigMissing
	}
	u, err := url.Parse(cfg.GatewayURL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfigGateway, err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, ErrConfigGateway
	}
	c := &Channel{
		name: cfg.Name, gateway: strings.TrimRight(cfg.GatewayURL, "/"),
		merchant: cfg.Merchant, secret: cfg.Secret, client: &http.Client{}, clock: cfg.Clock,
	}
	if cfg.Client != nil {
		*c.client = *cfg.Client
	}
	c.client.CheckRedirect = channel.NoRedirects
	if c.clock == nil {
		c.clock = time.Now
	}
	return c, nil
}

// Name returns the configured name.
func (c *Channel) Name() string { return c.name }

// Policy returns the account, the query timeout and the usual waits. The schedule is
// the engine's.
func (c *Channel) Policy() channel.Policy {
	return channel.Policy{
		Merchant: c.merchant, QueryTimeout: queryTimeout, Typical: typicalWait, Late: lateWait,
		MaxBody: maxAnswer, Freshness: Window, NotifiesFailures: true,
	}
}

// Inspect finds nothing wrong: New took the secret, and it never expires.
func (c *Channel) Inspect(time.Time) []channel.Finding {
	return []channel.Finding{{Subject: "shared secret", Level: channel.LevelOK, Text: "set"}}
}

// Verify authenticates a callback and reads its one notification. A callback about
// another merchant account is authentic all the same: its evidence names that account,
// so that the order machine opens a case instead of losing it.
func (c *Channel) Verify(_ context.Context, r channel.Request) ([]channel.Notification, error) {
	err := Check(r.Header, c.secret, r.ReceivedAt, r.Body)
	if err != nil && (!r.AnyAge || !errors.Is(err, channel.ErrStale)) {
		return nil, refused(r.Body, err)
	}
	notice, err := readNotice(r.Body)
	if err != nil {
		return nil, err
	}
	return []channel.Notification{{
		OrderNo:   notice.Payment.OutTradeNo,
		DedupeKey: notice.ID,
		Evidence:  notice.Payment.evidence(order.FromCallback, nil),
	}}, nil
}

func readNotice(body []byte) (Notice, error) {
	var n Notice
	if err := strictjson.Decode(body, &n); err != nil {
		return Notice{}, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	if !idPattern.MatchString(n.ID) {
		return Notice{}, malformed("id")
	}
	return n, n.Payment.validate()
}

// refused names the order of a refused callback where it can be read.
func refused(body []byte, reason error) error {
	n, err := readNotice(body)
	if err != nil {
		return reason
	}
	return &channel.CallbackError{OrderNo: n.Payment.OutTradeNo, Err: reason}
}

// Acknowledge answers SUCCESS once a callback is stored, otherwise FAIL, upon which the
// channel sends it again.
func (c *Channel) Acknowledge(err error) channel.Answer {
	answer := channel.Answer{Status: http.StatusOK, ContentType: "application/json", Body: []byte(`{"code":"FAIL"}`)}
	switch {
	case err == nil:
		answer.Body = []byte(`{"code":"SUCCESS"}`)
	case errors.Is(err, channel.ErrSignature), errors.Is(err, channel.ErrStale), errors.Is(err, channel.ErrMerchant):
		answer.Status = http.StatusUnauthorized
	case errors.Is(err, channel.ErrMalformed):
		answer.Status = http.StatusBadRequest
	default:
		answer.Status = http.StatusInternalServerError
	}
	return answer
}
