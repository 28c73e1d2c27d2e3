package wechatpay

import (
	"cmp"
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/signers"

	"anxin/engine/channel"
)

// Figures of WeChat Pay. The first seven ages are those at which its guide to asking
// after a payment says to ask; it would close the order then, which is no answer to a
// payer who has paid, so we go on asking, ever more seldom.
var schedule = []time.Duration{
	5 * time.Second, 30 * time.Second, time.Minute, 3 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 16 * time.Hour, 24 * time.Hour, 48 * time.Hour, 72 * time.Hour,
}

const (
	queryTimeout = 10 * time.Second
	typicalWait  = 10 * time.Second
	lateWait     = time.Minute
	// maxCallback bounds a callback: the contents are a payment with its coupons, which
	// stays below 16 KiB, encrypted and in base64.
	maxCallback = 64 << 10
	maxAnswer   = 64 << 10
	// qps is what each node asks at most. WeChat Pay limits a merchant's questions about
	// refunds to 300 a second, and publishes no figure for payments; six nodes stay below.
	qps = 50
	// grace is how long after an order's expiry "not found" is not believed yet: a payer who
	// was at the cashier by then may still have finished there.
	grace = 5 * time.Minute
)

// Channel is one merchant account at WeChat Pay.
type Channel struct {
	mchID   string
	apps    map[string]bool // none = any
	keys    keys
	seals   seals
	aead    cipher.AEAD
	gateway string
	client  *core.Client
	clock   func() time.Time
}

var _ channel.Channel = (*Channel)(nil)

// New checks the configuration and dials nothing. Its errors repeat nothing of what the
// configuration holds.
func New(cfg Config) (*Channel, error) {
	k, err := cfg.check()
	if err != nil {
		return nil, err
	}
	c := &Channel{
		mchID: cfg.MchID, apps: make(map[string]bool, len(cfg.AppIDs)), keys: k, seals: newSeals(cfg.PublicKeyID, k),
		gateway: strings.TrimRight(cmp.Or(cfg.GatewayURL, DefaultGateway), "/"), clock: cfg.Clock,
	}
	for _, id := range cfg.AppIDs {
		c.apps[id] = true
	}
	if c.clock == nil {
		c.clock = time.Now
	}
	if c.aead, err = newAEAD(cfg.APIv3Key); err != nil {
		return nil, ErrConfigAPIv3Key
	}
	c.client, err = core.NewClientWithDialSettings(context.Background(), &core.DialSettings{
		HTTPClient: channel.Client(cfg.Client, maxAnswer),
		Signer:     &signers.SHA256WithRSASigner{MchID: cfg.MchID, CertificateSerialNo: k.serial, PrivateKey: k.merchant},
		Validator:  answers{c},
	})
	if err != nil {
		return nil, fmt.Errorf("wechatpay client: %w", errors.New("cannot be made of these settings"))
	}
	return c, nil
}

// Policy returns the account, when to ask, and the usual waits.
func (c *Channel) Policy() channel.Policy {
	return channel.Policy{
		Merchant: c.mchID, Schedule: schedule, QueryTimeout: queryTimeout, Typical: typicalWait, Late: lateWait,
		MaxBody: maxCallback, QPS: qps, Freshness: window,
	}
}
