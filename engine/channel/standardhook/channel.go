package standardhook

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"anxin/engine/channel"
	"anxin/engine/webhook"
)

// Config is one account at a system that signs by Standard Webhooks.
type Config struct {
	Merchant string // account that events must name; "" = they name none
	// CallbackKeys verify callbacks and answers: whsec_… of a shared secret (v1) or
	// whpk_… of an Ed25519 key (v1a). Several during a change from one to the next.
	CallbackKeys []string

	// For questions, all optional:

	QueryURL     string   // "" = the payment cannot be asked about
	CloseURL     string   // "" = an order cannot be closed
	QuestionKeys []string // sign questions: whsec_… or whsk_…; a signature by each

	Client *http.Client     // nil = one of its own
	Clock  func() time.Time // nil = time.Now
}

// Errors of a configuration. None of them repeats what the setting holds.
var (
	ErrCallbackKeys = errors.New("callback keys must be one or more of whsec_ and 24 to 64 base64-encoded bytes, or whpk_ and an Ed25519 public key")
	ErrQuestionKeys = errors.New("question keys must be whsec_ and 24 to 64 base64-encoded bytes, or whsk_ and an Ed25519 key pair, and are needed with a query or close URL")
	ErrURL          = errors.New("query and close URL must be https without a query; http is for loopback addresses")
	ErrMerchant     = errors.New("merchant must be letters, digits and _ . : @ -")
)

// Waits of a channel of which nothing is known. A node's own backend answers within
// seconds; a bank behind it may need minutes.
const (
	queryTimeout = 10 * time.Second
	typicalWait  = 30 * time.Second
	lateWait     = 5 * time.Minute
	// notFoundGrace is how long after the expiry of an order it may still turn up.
	notFoundGrace = 10 * time.Minute
	maxAnswer     = 64 << 10 // an answer with maxRefunds refunds stays below 32 KiB
)

// Channel is one account.
type Channel struct {
	cfg       Config
	verifiers []webhook.Secret
	signers   []webhook.Secret
	client    *http.Client
	clock     func() time.Time
}

var (
	_ channel.Channel   = (*Channel)(nil)
	_ channel.Inspector = (*Channel)(nil)
)

// New checks the configuration and dials nothing.
func New(cfg Config) (*Channel, error) {
	c := &Channel{cfg: cfg, client: &http.Client{}, clock: cfg.Clock}
	for _, text := range cfg.CallbackKeys {
		key, err := webhook.ParsePublicKey(text)
		if err != nil {
			key, err = webhook.ParseSecret(text)
		}
		if err != nil || key.PublicKey() != "" && key.PublicKey() != text { // a private half is not ours to hold
			return nil, ErrCallbackKeys
		}
		c.verifiers = append(c.verifiers, key)
	}
	for _, text := range cfg.QuestionKeys {
		key, err := webhook.ParseSecret(text)
		if err != nil {
			return nil, ErrQuestionKeys
		}
		c.signers = append(c.signers, key)
	}
	switch {
	case len(c.verifiers) == 0:
		return nil, ErrCallbackKeys
	case !merchantPattern.MatchString(cfg.Merchant):
		return nil, ErrMerchant
	case !usable(cfg.QueryURL) || !usable(cfg.CloseURL):
		return nil, ErrURL
	case (cfg.QueryURL != "" || cfg.CloseURL != "") && len(c.signers) == 0:
		return nil, ErrQuestionKeys
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

func usable(address string) bool {
	if address == "" {
		return true
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || (u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()))
}

// Policy returns the account and what it can do. Budget and schedule are the operator's.
func (c *Channel) Policy() channel.Policy {
	p := channel.Policy{
		Merchant: c.cfg.Merchant, QueryTimeout: queryTimeout, Typical: typicalWait, Late: lateWait,
		MaxBody: maxAnswer, Freshness: webhook.Tolerance, NotifiesFailures: true,
	}
	if c.cfg.QueryURL == "" {
		p.Lacks = append(p.Lacks, channel.CanQuery, channel.CanQueryRefund)
	}
	if c.cfg.CloseURL == "" {
		p.Lacks = append(p.Lacks, channel.CanClose)
	}
	return p
}

// Inspect tells which keys are held. They parse, or New had refused them, and they have
// no end.
func (c *Channel) Inspect(time.Time) []channel.Finding {
	var list []channel.Finding
	for i, key := range c.verifiers {
		list = append(list, held("callback key "+strconv.Itoa(i+1), key))
	}
	for i, key := range c.signers {
		list = append(list, held("question key "+strconv.Itoa(i+1), key))
	}
	return list
}

func held(subject string, key webhook.Secret) channel.Finding {
	text := "shared secret, signature v1"
	if public := key.PublicKey(); public != "" {
		text = "Ed25519, signature v1a, public key " + public
	}
	return channel.Finding{Subject: subject, Level: channel.LevelOK, Text: text}
}

// Acknowledge answers 204 once a callback is stored; senders of Standard Webhooks take
// any other class of status for a failure and come again.
func (c *Channel) Acknowledge(err error) channel.Answer {
	answer := channel.Answer{Status: http.StatusNoContent}
	switch {
	case err == nil:
		return answer
	case errors.Is(err, channel.ErrSignature), errors.Is(err, channel.ErrStale), errors.Is(err, channel.ErrMerchant):
		answer.Status = http.StatusUnauthorized
	case errors.Is(err, channel.ErrMalformed):
		answer.Status = http.StatusBadRequest
	default:
		answer.Status = http.StatusInternalServerError
	}
	return answer
}

var errHeaders = fmt.Errorf("%w: a header is missing, there twice, or not as specified", channel.ErrSignature)
