package webpush

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"anxin/engine/notify"
	"anxin/engine/notify/httpcall"
)

const (
	// defaultTTL is how long a message waits for a browser that is closed: after a day the
	// payer has seen the order.
	defaultTTL = 24 * time.Hour
	// maxEndpoint bounds what a browser may give as its address; real ones have up to 600
	// characters.
	maxEndpoint = 2048
)

// Config identifies the sender.
type Config struct {
	Key     []byte // a P-256 private key in PEM; browsers subscribe with its public half
	Subject string // mailto: or https: address of whom a push service may ask
	// AllowPrivate lets endpoints be in private networks and without TLS: for tests on one
	// machine. Browsers give the endpoints, so who asks chooses where calls go.
	AllowPrivate bool
	TLS          *tls.Config // nil = the system's roots
}

// Provider sends to browsers.
type Provider struct {
	vapid   *vapid
	private bool
	client  *httpcall.Client
}

var _ notify.Provider = (*Provider)(nil)

// New checks the settings.
func New(cfg Config) (*Provider, error) {
	u, err := url.Parse(cfg.Subject)
	if err != nil || (u.Scheme != "mailto" && u.Scheme != "https") {
		return nil, errors.New("subject must be a mailto: or https: address")
	}
	v, err := newVAPID(cfg.Key, cfg.Subject)
	if err != nil {
		return nil, err
	}
	return &Provider{vapid: v, private: cfg.AllowPrivate, client: httpcall.New(httpcall.Options{TLS: cfg.TLS, PublicOnly: !cfg.AllowPrivate})}, nil
}

// Close ends idle connections.
func (p *Provider) Close() { p.client.Close() }

// PublicKey is the applicationServerKey that pages subscribe with: an uncompressed point
// in Base64url.
func (p *Provider) PublicKey() string { return p.vapid.public }

// Traits implements notify.Provider. A repeat replaces the message that the browser shows,
// by the tag that the service worker gives it.
func (p *Provider) Traits() notify.Traits {
	return notify.Traits{Channel: notify.WebPush, Repeatable: true}
}

// Payload is what the page's service worker gets.
type Payload struct {
	ID      string        `json:"id"`
	OrderNo string        `json:"order_no,omitempty"`
	Notice  notify.Notice `json:"notice"`
	Title   string        `json:"title"`
	Body    string        `json:"body"`
	Lang    string        `json:"lang"`
	Link    string        `json:"link,omitempty"`
	Tag     string        `json:"tag,omitempty"` // a newer message with it takes the place of an older one
}

// Send implements notify.Provider.
func (p *Provider) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	endpoint, to, err := p.address(m.To.WebPush)
	if err != nil {
		return notify.Receipt{}, err
	}
	plain, err := json.Marshal(Payload{m.ID, m.OrderNo, m.Notice, m.Text.Title, m.Text.Body, m.Language, m.Link, m.CollapseKey})
	if err != nil || len(plain) > maxPlain {
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindContent, Code: "too_long"}
	}
	body, err := to.encrypt(plain)
	if err != nil {
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindAddress, Code: "bad_subscription"}
	}
	req, err := p.request(ctx, endpoint, m, body)
	if err != nil {
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindTemporary, Code: "bad_request"}
	}
	answer, err := p.client.Do(ctx, req)
	if err != nil {
		return notify.Receipt{}, err
	}
	return read(answer)
}

// Check reports whether a subscription that a browser gave could be sent to.
func (p *Provider) Check(s notify.Subscription) error {
	_, _, err := p.address(s)
	return err
}

func (p *Provider) address(s notify.Subscription) (*url.URL, receiver, error) {
	bad := &notify.SendError{Kind: notify.KindAddress, Code: "bad_subscription"}
	endpoint, err := url.Parse(s.Endpoint)
	if err != nil || len(s.Endpoint) > maxEndpoint || endpoint.Host == "" || endpoint.User != nil {
		return nil, receiver{}, bad
	}
	if endpoint.Scheme != "https" && (!p.private || endpoint.Scheme != "http") {
		return nil, receiver{}, bad
	}
	to, err := parseReceiver(s)
	if err != nil {
		return nil, receiver{}, bad
	}
	return endpoint, to, nil
}

func (p *Provider) request(ctx context.Context, endpoint *url.URL, m notify.Message, body []byte) (*http.Request, error) {
	authorization, err := p.vapid.authorize(endpoint, time.Now())
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", authorization)
	req.Header.Set("Content-Encoding", "aes128gcm")
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("Ttl", strconv.Itoa(int(cmp.Or(m.TTL, defaultTTL).Seconds())))
	req.Header.Set("Urgency", "high")
	if m.CollapseKey != "" {
		req.Header.Set("Topic", m.CollapseKey)
	}
	return req, nil
}

// read reads an answer. A service that took the message says 201 (RFC 8030, section 5); it
// names it by Location, of which nothing is told later, so that is no receipt.
func read(answer httpcall.Answer) (notify.Receipt, error) {
	switch answer.Status {
	case http.StatusCreated:
		return notify.Receipt{}, nil
	case http.StatusNotFound, http.StatusGone:
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindAddress, Code: "unsubscribed"}
	case http.StatusRequestEntityTooLarge, http.StatusBadRequest:
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindContent, Code: "http_" + strconv.Itoa(answer.Status)}
	}
	return notify.Receipt{}, answer.Failed()
}
