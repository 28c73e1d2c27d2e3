package robot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"anxin/engine/notify"
	"anxin/engine/notify/httpcall"
)

// Config is one group.
type Config struct {
	Kind   string // "dingtalk", "feishu", "wecom" or "slack"
	URL    string // the robot's address, which is a secret
	Secret string // signs, for dingtalk and feishu; "" = the group checks words or addresses instead
}

// Provider tells one group.
type Provider struct {
	cfg    Config
	speak  dialect
	client *httpcall.Client
}

var _ notify.Provider = (*Provider)(nil)

// dialect is what differs between services.
type dialect struct {
	// content makes the body, and may add to the address.
	content func(cfg Config, address *url.URL, text string, now time.Time) any
	// read finds out whether an answer of HTTP 200 means that the message was taken.
	read func(a httpcall.Answer) error
}

var dialects = map[string]dialect{
	"dingtalk": {dingtalkContent, codes(dingtalkCodes)},
	"feishu":   {feishuContent, codes(feishuCodes)},
	"wecom":    {plainContent, codes(wecomCodes)},
	"slack":    {slackContent, readSlack},
}

// New checks the group's settings.
func New(cfg Config) (*Provider, error) {
	speak, ok := dialects[cfg.Kind]
	if !ok {
		return nil, errors.New("kind must be dingtalk, feishu, wecom or slack")
	}
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, errors.New("url must be the robot's address")
	}
	return &Provider{cfg: cfg, speak: speak, client: httpcall.New(httpcall.Options{})}, nil
}

// Close ends idle connections.
func (p *Provider) Close() { p.client.Close() }

// Traits implements notify.Provider. Operators bear to be told twice.
func (p *Provider) Traits() notify.Traits {
	return notify.Traits{Channel: notify.Robot, Repeatable: true}
}

// Send implements notify.Provider.
func (p *Provider) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	bad := &notify.SendError{Kind: notify.KindTemporary, Code: "bad_request"}
	address, err := url.Parse(p.cfg.URL)
	if err != nil {
		return notify.Receipt{}, bad
	}
	body, err := json.Marshal(p.speak.content(p.cfg, address, text(m), time.Now()))
	if err != nil {
		return notify.Receipt{}, bad
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), bytes.NewReader(body))
	if err != nil {
		return notify.Receipt{}, bad
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	answer, err := p.client.Do(ctx, req)
	if err != nil {
		return notify.Receipt{}, err
	}
	return notify.Receipt{}, p.speak.read(answer)
}

func text(m notify.Message) string {
	lines := make([]string, 0, 3)
	for _, line := range []string{m.Text.Title, m.Text.Body, m.Link} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
