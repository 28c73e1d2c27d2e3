package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"anxin/engine/channel"
	"anxin/engine/notify"
	"anxin/engine/notify/httpcall"
	"anxin/engine/webhook"
)

// The types of the webhooks, there and back.
const (
	TypeSend   = "message.send"
	TypeReport = "message.report"
)

// Config is one gateway.
type Config struct {
	URL          string
	Secrets      []webhook.Secret // each signs every message, and verifies reports
	AllowPrivate bool             // the address may be in a private network
}

// Provider hands messages to one gateway.
type Provider struct {
	cfg    Config
	client *httpcall.Client
}

var (
	_ notify.Provider      = (*Provider)(nil)
	_ notify.ReceiptParser = (*Provider)(nil)
)

// New checks the gateway's settings.
func New(cfg Config) (*Provider, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, errors.New("url must be an http(s) address")
	}
	if len(cfg.Secrets) == 0 {
		return nil, errors.New("secrets must have at least one entry")
	}
	return &Provider{cfg: cfg, client: httpcall.New(httpcall.Options{PublicOnly: !cfg.AllowPrivate})}, nil
}

// Close ends idle connections.
func (p *Provider) Close() { p.client.Close() }

// Traits implements notify.Provider. A Standard Webhooks receiver drops repeats by their
// id.
func (p *Provider) Traits() notify.Traits {
	return notify.Traits{Channel: notify.Gateway, Repeatable: true}
}

// Body is what the gateway gets.
type Body struct {
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"`
	Data      Data   `json:"data"`
}

// Data is the message.
type Data struct {
	ID          string        `json:"id"`
	OrderNo     string        `json:"order_no,omitempty"`
	PayerID     string        `json:"payer_id"`
	Notice      notify.Notice `json:"notice"`
	Language    string        `json:"language"`
	Title       string        `json:"title"`
	Body        string        `json:"body"`
	Link        string        `json:"link,omitempty"`
	CollapseKey string        `json:"collapse_key,omitempty"`
	Template    string        `json:"template"`
	Version     int           `json:"version"`
}

// Send implements notify.Provider. 2xx takes the message; 404 and 410 say that the gateway
// does not know the payer, 422 that it refuses the text.
func (p *Provider) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	at := time.Now()
	body, err := json.Marshal(Body{TypeSend, at.UTC().Format(time.RFC3339Nano), Data{
		m.ID, m.OrderNo, m.To.PayerID, m.Notice, m.Language, m.Text.Title, m.Text.Body, m.Link, m.CollapseKey, m.Template, m.Version,
	}})
	if err != nil {
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindContent, Code: "bad_text"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindTemporary, Code: "bad_request"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(webhook.HeaderID, m.ID)
	req.Header.Set(webhook.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	req.Header.Set(webhook.HeaderSignature, webhook.Sign(p.cfg.Secrets, m.ID, at, body))
	answer, err := p.client.Do(ctx, req)
	if err != nil {
		return notify.Receipt{}, ours(err)
	}
	return read(answer, m)
}

// ours: an address that the guard refuses is the gateway's here, not the payer's.
func ours(err error) error {
	if failed, ok := errors.AsType[*notify.SendError](err); ok && failed.Kind == notify.KindAddress {
		failed.Kind = notify.KindRefused
	}
	return err
}

func read(answer httpcall.Answer, m notify.Message) (notify.Receipt, error) {
	switch {
	case answer.Status >= 200 && answer.Status < 300 && (len(answer.Body) == 0 || json.Valid(answer.Body)):
		return notify.Receipt{ProviderID: m.ID}, nil
	case answer.Status >= 200 && answer.Status < 300:
		return notify.Receipt{}, httpcall.Unreadable() // not the gateway's: a login page, a proxy
	case answer.Status == http.StatusNotFound, answer.Status == http.StatusGone:
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindAddress, Code: "unknown_payer"}
	case answer.Status == http.StatusUnprocessableEntity:
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindContent, Code: "refused"}
	}
	return notify.Receipt{}, answer.Failed()
}

var neutralCode = regexp.MustCompile(`^[a-z0-9_.:-]{1,64}$`)

// ParseReceipts implements notify.ReceiptParser: a Standard Webhook of TypeReport with
// data {id, status: delivered or failed, code?}.
func (p *Provider) ParseReceipts(_ context.Context, r channel.Request) ([]notify.StatusUpdate, error) {
	err := webhook.Verify(p.cfg.Secrets, r.Header.Get(webhook.HeaderID), r.Header.Get(webhook.HeaderTimestamp), r.Header.Get(webhook.HeaderSignature), r.Body, r.ReceivedAt)
	switch {
	case errors.Is(err, webhook.ErrTimestamp):
		return nil, channel.ErrStale
	case err != nil:
		return nil, channel.ErrSignature
	}
	var report struct {
		Type string `json:"type"`
		Data struct {
			ID     string        `json:"id"`
			Status notify.Status `json:"status"`
			Code   string        `json:"code"`
		} `json:"data"`
	}
	if json.Unmarshal(r.Body, &report) != nil || report.Type != TypeReport || report.Data.ID == "" {
		return nil, channel.ErrMalformed
	}
	u := notify.StatusUpdate{MessageID: report.Data.ID, ProviderID: report.Data.ID, Status: report.Data.Status, At: r.ReceivedAt}
	switch {
	case u.Status == notify.StatusDelivered:
	case u.Status == notify.StatusFailed && neutralCode.MatchString(report.Data.Code):
		u.Code = report.Data.Code
	default:
		return nil, channel.ErrMalformed
	}
	return []notify.StatusUpdate{u}, nil
}

// AnswerReceipts implements notify.ReceiptParser.
func (p *Provider) AnswerReceipts(err error) channel.Answer {
	return channel.Answer{Status: notify.ReceiptStatus(err)}
}
