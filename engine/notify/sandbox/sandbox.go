// Package sandbox sends messages to the simulated provider of the sandbox, which keeps
// them in an outbox for people to look at: every stage shows with no account anywhere. It
// goes over HTTP with signed calls, as the real ones do.
package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	wire "anxin/engine/channel/sandbox"
	"anxin/engine/notify"
	"anxin/engine/notify/httpcall"
)

// MessagesPath is where the provider takes messages, below the gateway's URL.
const MessagesPath = "/v1/messages"

// Config is one simulated account.
type Config struct {
	GatewayURL string // without a trailing slash
	Secret     string // signs calls
	Channel    notify.Channel
}

// Errors of a configuration.
var (
	ErrGateway = errors.New("gateway url must be an absolute http(s) address")
	ErrSecret  = errors.New("secret must be set")
	ErrChannel = errors.New("channel must be sms, push, webpush or email")
)

// Provider is a notify.Provider.
type Provider struct {
	cfg    Config
	client *httpcall.Client
}

var _ notify.Provider = (*Provider)(nil)

// New checks the configuration and dials nothing.
func New(cfg Config) (*Provider, error) {
	u, err := url.Parse(cfg.GatewayURL)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return nil, ErrGateway
	case cfg.Secret == "":
		return nil, ErrSecret
	}
	switch cfg.Channel {
	case notify.SMS, notify.Push, notify.WebPush, notify.Email:
	case notify.Inbox, notify.Gateway, notify.Robot:
		return nil, ErrChannel
	default:
		return nil, ErrChannel
	}
	cfg.GatewayURL = strings.TrimRight(cfg.GatewayURL, "/")
	return &Provider{cfg, httpcall.New(httpcall.Options{})}, nil
}

// Close ends idle connections.
func (p *Provider) Close() { p.client.Close() }

// Traits implements notify.Provider. As with real SMS, a repeat is a second message.
func (p *Provider) Traits() notify.Traits { return notify.Traits{Channel: p.cfg.Channel} }

// Message is what is sent.
type Message struct {
	ID      string         `json:"id"`
	OrderNo string         `json:"order_no"`
	Channel notify.Channel `json:"channel"`
	To      string         `json:"to"`
	Title   string         `json:"title,omitempty"`
	Text    string         `json:"text"`
}

// Answer is what comes back.
type Answer struct {
	MessageID string `json:"message_id,omitempty"`
	Code      string `json:"code,omitempty"` // why the message was refused
}

// kinds are what the provider's words mean.
var kinds = map[string]notify.SendError{
	"throttled":         {Kind: notify.KindThrottled},
	"bad_address":       {Kind: notify.KindAddress},
	"template_refused":  {Kind: notify.KindContent},
	"quota_exceeded":    {Kind: notify.KindQuota},
	"too_many_today":    {Kind: notify.KindQuota, OfAddress: true},
	"bad_signature":     {Kind: notify.KindRefused},
	"account_suspended": {Kind: notify.KindRefused},
}

// Send implements notify.Provider.
func (p *Provider) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	body, err := json.Marshal(Message{
		ID: m.ID, OrderNo: m.OrderNo, Channel: m.Channel, To: address(m.To), Title: m.Text.Title, Text: m.Text.Body,
	})
	if err != nil {
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindContent, Code: "unreadable"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.cfg.GatewayURL+MessagesPath, bytes.NewReader(body))
	if err != nil {
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindRefused, Code: "bad_url"}
	}
	req.Header.Set("Content-Type", "application/json")
	wire.Seal(req.Header, p.cfg.Secret, time.Now(), wire.NewNonce(), wire.RequestMessage(http.MethodPost, MessagesPath, body))
	answer, err := p.client.Do(ctx, req)
	if err != nil {
		return notify.Receipt{}, err
	}
	return read(answer)
}

func read(a httpcall.Answer) (notify.Receipt, error) {
	var said Answer
	err := json.Unmarshal(a.Body, &said)
	refused, known := kinds[said.Code]
	switch {
	case a.Status == http.StatusCreated && err == nil && said.MessageID != "":
		return notify.Receipt{ProviderID: said.MessageID}, nil
	case err == nil && known:
		refused.Code, refused.RetryAfter = said.Code, a.RetryAfter()
		return notify.Receipt{}, &refused
	case a.Status < http.StatusBadRequest:
		return notify.Receipt{}, httpcall.Unreadable()
	}
	return notify.Receipt{}, a.Failed()
}

// address is what the simulated provider shows as the recipient.
func address(a notify.Address) string {
	switch {
	case a.Phone != "":
		return a.Phone
	case a.Email != "":
		return a.Email
	case a.Device.Token != "":
		return a.Device.Platform + ":" + a.Device.Token
	}
	return a.WebPush.Endpoint
}
