package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"anxin/engine/notify"
	"anxin/engine/notify/httpcall"
)

// DefaultBaseURL is Twilio's API.
const DefaultBaseURL = "https://api.twilio.com"

// Config is one account.
type Config struct {
	AccountSID string // AC…
	AuthToken  string // signs status callbacks, too
	From       string // a number in E.164 or an alphanumeric sender, or
	ServiceSID string // MG…, a messaging service: one of the two
	StatusURL  string // where Twilio reports, exactly as it calls it; "" = no reports are asked for
	BaseURL    string // "" = DefaultBaseURL
}

// Provider sends through one account.
type Provider struct {
	cfg    Config
	client *httpcall.Client
}

var (
	_ notify.Provider      = (*Provider)(nil)
	_ notify.ReceiptParser = (*Provider)(nil)
	_ notify.Inspector     = (*Provider)(nil)
)

var (
	accountSID = regexp.MustCompile(`^AC[0-9a-f]{32}$`)
	serviceSID = regexp.MustCompile(`^MG[0-9a-f]{32}$`)
	messageSID = regexp.MustCompile(`^(SM|MM)[0-9a-f]{32}$`)
)

// New checks the account's settings.
func New(cfg Config) (*Provider, error) {
	if cfg.BaseURL == "" {
		cfg.BaseURL = DefaultBaseURL
	}
	switch {
	case !accountSID.MatchString(cfg.AccountSID):
		return nil, errors.New("account_sid must be AC and 32 hexadecimal digits")
	case len(cfg.AuthToken) < 32:
		return nil, errors.New("auth_token must be the account's, of 32 characters")
	case (cfg.From == "") == (cfg.ServiceSID == ""):
		return nil, errors.New("one of from and service_sid must be set")
	case cfg.ServiceSID != "" && !serviceSID.MatchString(cfg.ServiceSID):
		return nil, errors.New("service_sid must be MG and 32 hexadecimal digits")
	}
	for _, address := range []string{cfg.BaseURL, cfg.StatusURL} {
		if u, err := url.Parse(address); address != "" && (err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "http")) {
			return nil, errors.New("base_url and status_url must be http(s) addresses")
		}
	}
	return &Provider{cfg: cfg, client: httpcall.New(httpcall.Options{})}, nil
}

// Close ends idle connections.
func (p *Provider) Close() { p.client.Close() }

// Traits implements notify.Provider. Twilio knows no idempotency key: a repeat is a second
// message on the payer's phone.
// Numbers can be answered, and Twilio keeps to a STOP; a sender of letters cannot.
func (p *Provider) Traits() notify.Traits {
	return notify.Traits{Channel: notify.SMS, Stops: p.cfg.ServiceSID != "" || strings.HasPrefix(p.cfg.From, "+")}
}

// message is the Messages resource, and an error in its place. The price is not read:
// Twilio sets it when the carrier has billed.
type message struct {
	SID      string `json:"sid"`
	Segments string `json:"num_segments"`
	Code     int    `json:"code"` // of an error
}

// Send implements notify.Provider.
func (p *Provider) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	form := url.Values{"To": {m.To.Phone}, "Body": {m.Text.Body}}
	if p.cfg.ServiceSID != "" {
		form.Set("MessagingServiceSid", p.cfg.ServiceSID)
	} else {
		form.Set("From", p.cfg.From)
	}
	if p.cfg.StatusURL != "" {
		form.Set("StatusCallback", p.statusURL(m.ID))
	}
	if m.TTL > 0 { // ValidityPeriod is 1 to 36,000 seconds
		form.Set("ValidityPeriod", strconv.Itoa(min(max(int(m.TTL.Seconds()), 1), 36_000)))
	}
	address := p.cfg.BaseURL + "/2010-04-01/Accounts/" + p.cfg.AccountSID + "/Messages.json"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindTemporary, Code: "bad_request"}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(p.cfg.AccountSID, p.cfg.AuthToken)
	answer, err := p.client.Do(ctx, req)
	if err != nil {
		return notify.Receipt{}, err
	}
	return read(answer)
}

func read(answer httpcall.Answer) (notify.Receipt, error) {
	var m message
	readable := json.Unmarshal(answer.Body, &m) == nil
	switch {
	case answer.Status == http.StatusCreated && readable && messageSID.MatchString(m.SID):
		segments, _ := strconv.Atoi(m.Segments) // 0 = a messaging service has not split it yet
		return notify.Receipt{ProviderID: m.SID, Segments: segments}, nil
	case answer.Status < 300:
		return notify.Receipt{}, httpcall.Unreadable()
	case readable && m.Code != 0:
		return notify.Receipt{}, refusal(m.Code, answer)
	}
	return notify.Receipt{}, answer.Failed()
}

// refusals are Twilio's error codes by what they mean here
// (https://www.twilio.com/docs/api/errors). Twilio sends nothing when it answers one.
var refusals = map[int]notify.SendError{
	20003: {Kind: notify.KindRefused, Code: "unauthorized"},
	20005: {Kind: notify.KindRefused, Code: "account_inactive"},
	20429: {Kind: notify.KindThrottled, Code: "throttled"},
	21211: {Kind: notify.KindAddress, Code: "bad_number"},
	21217: {Kind: notify.KindAddress, Code: "bad_number"},
	21610: {Kind: notify.KindAddress, Code: "unsubscribed"}, // the payer answered STOP
	21612: {Kind: notify.KindContent, Code: "unreachable_from"},
	21614: {Kind: notify.KindAddress, Code: "not_mobile"},
	21408: {Kind: notify.KindContent, Code: "region_not_enabled"},
	21602: {Kind: notify.KindContent, Code: "empty_text"},
	21617: {Kind: notify.KindContent, Code: "text_too_long"},
	21606: {Kind: notify.KindRefused, Code: "bad_sender"},
	21608: {Kind: notify.KindRefused, Code: "trial_account"},
	21611: {Kind: notify.KindThrottled, Code: "queue_full"},
	21705: {Kind: notify.KindRefused, Code: "bad_service"},
	30001: {Kind: notify.KindThrottled, Code: "queue_full"},
	30002: {Kind: notify.KindRefused, Code: "account_suspended"},
	63038: {Kind: notify.KindQuota, Code: "daily_limit"},
}

func refusal(code int, answer httpcall.Answer) *notify.SendError {
	if known, ok := refusals[code]; ok {
		known.RetryAfter = answer.RetryAfter()
		return &known
	}
	e := answer.Failed()
	if e.Kind == notify.KindMaybeSent && answer.Status < 500 {
		e.Kind = notify.KindContent // a request that Twilio understood and refused
	}
	e.Code = "twilio_" + strconv.Itoa(code)
	return e
}
