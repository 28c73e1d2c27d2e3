package alipay

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	sdk "github.com/smartwalle/alipay/v3"

	"anxin/engine/channel"
)

// Limits of the account.
const (
	// queryTimeout is twice what the gateway needs on a bad day, and short enough for
	// a payer who waits.
	queryTimeout = 10 * time.Second

	// maxNotice bounds a notification: with every optional field and a body of 128
	// characters, all of it percent-encoded, one stays below 16 KiB.
	maxNotice = 64 << 10

	// maxAnswer bounds an answer: a trade paid from many sources with many coupons
	// stays below 64 KiB.
	maxAnswer = 256 << 10

	// queriesPerSecond is modest: Alipay publishes no figure and answers 40005 beyond it.
	queriesPerSecond = 20

	// notFoundGrace is how long after an order's expiry "no such trade" is believed to be
	// a matter of time. A trade begins when the payer sees the cashier, which a payer
	// who is late may do at the last moment.
	notFoundGrace = 5 * time.Minute
)

// shanghai is the zone of all of Alipay's times. It has had no daylight saving since 1991,
// and an offset needs no zone file on the machine.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// Channel is one application at Alipay.
type Channel struct {
	appID, seller, gateway string

	keys   keys
	api    *sdk.Client // signs and verifies; it never dials
	client *http.Client
	clock  func() time.Time
}

var (
	_ channel.Channel   = (*Channel)(nil)
	_ channel.Inspector = (*Channel)(nil)
)

// New checks the configuration and dials nothing. Errors are *ConfigError.
func New(cfg Config) (*Channel, error) {
	k, err := cfg.check()
	if err != nil {
		return nil, err
	}
	api, err := k.library(cfg)
	if err != nil {
		return nil, fmt.Errorf("set up alipay client: %w", err)
	}
	c := &Channel{
		appID: cfg.AppID, seller: cfg.SellerID, gateway: cfg.GatewayURL,
		keys: k, api: api, client: &http.Client{}, clock: cfg.Clock,
	}
	if c.gateway == "" {
		c.gateway = ProductionGateway
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

// library sets the library's client up. It is always told that it is the sandbox's: as a
// production client it fetches certificates that it does not know, on the word of an
// unverified notification. The address of the gateway is not its business here.
func (k keys) library(cfg Config) (*sdk.Client, error) {
	raw, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, err
	}
	api, err := sdk.New(cfg.AppID, pemOf("PRIVATE KEY", raw), false, sdk.WithTimeLocation(shanghai))
	if err != nil {
		return nil, err
	}
	if k.appCert == nil {
		raw, err := x509.MarshalPKIXPublicKey(k.alipay[keyMode])
		if err != nil {
			return nil, err
		}
		return api, api.LoadAliPayPublicKey(pemOf("PUBLIC KEY", raw))
	}
	for _, cert := range k.alipayCerts {
		if err := api.LoadAlipayCertPublicKey(pemOf("CERTIFICATE", cert.Raw)); err != nil {
			return nil, err
		}
	}
	return api, errors.Join(api.LoadAppCertPublicKey(pemOf("CERTIFICATE", k.appCert.Raw)), api.LoadAliPayRootCert(cfg.RootCert))
}

// Policy returns the account and its limits. The schedule is the engine's, which asks in the
// first minute about as often as Alipay's guide for barcode payments does.
func (c *Channel) Policy() channel.Policy {
	return channel.Policy{
		Merchant: c.seller, QPS: queriesPerSecond, QueryTimeout: queryTimeout, MaxBody: maxNotice,
		// There is no state for a failed payment, and whether a trade that times out is
		// notified differs from product to product.
		NotifiesFailures: false,
	}
}

// Verify authenticates a notification and reads it. One that is about no trade (an
// agreement that was signed, say) tells nothing. One for another seller or application is
// authentic all the same: its evidence names them, so that the order machine opens a case
// instead of losing it.
func (c *Channel) Verify(ctx context.Context, r channel.Request) ([]channel.Notification, error) {
	f, err := readForm(r.Body)
	if err != nil {
		return nil, err
	}
	if err := c.authentic(ctx, f); err != nil {
		return nil, f.refused(err)
	}
	switch f["notify_type"] {
	case "":
		return nil, f.refused(malformed("notify_type"))
	case sdk.NotifyTypeTradeStatusSync:
	default:
		return nil, nil
	}
	n, err := f.notification(c.appID)
	if err != nil {
		return nil, f.refused(err)
	}
	return []channel.Notification{n}, nil
}

// authentic lets through what Alipay signed by RSA2 with a key that is configured.
func (c *Channel) authentic(ctx context.Context, f form) error {
	if f["sign_type"] != "RSA2" {
		return channel.ErrSignature
	}
	if _, err := canonical(f["sign"]); err != nil {
		return err
	}
	values := f.values()
	for _, name := range c.keys.alipay.named(f["alipay_cert_sn"]) {
		values.Set("alipay_cert_sn", name)
		if c.api.VerifySign(ctx, values) == nil {
			return nil
		}
	}
	return channel.ErrSignature
}

// Acknowledge answers success once a notification is stored, otherwise failure, upon which
// Alipay sends it again.
func (c *Channel) Acknowledge(err error) channel.Answer {
	answer := channel.Answer{Status: http.StatusInternalServerError, ContentType: "text/plain", Body: []byte("failure")}
	switch {
	case err == nil:
		answer.Status, answer.Body = http.StatusOK, []byte("success")
	case errors.Is(err, channel.ErrSignature), errors.Is(err, channel.ErrStale), errors.Is(err, channel.ErrMerchant):
		answer.Status = http.StatusUnauthorized
	case errors.Is(err, channel.ErrMalformed):
		answer.Status = http.StatusBadRequest
	}
	return answer
}
