package apns

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"anxin/engine/notify"
	"anxin/engine/notify/es256"
	"anxin/engine/notify/httpcall"
)

// The hosts of the service.
const (
	DefaultBaseURL = "https://api.push.apple.com"
	SandboxBaseURL = "https://api.sandbox.push.apple.com"
)

// maxPayload is what the service takes of an alert.
const maxPayload = 4096

// Config is one app of one team.
type Config struct {
	KeyID   string      // of the token signing key, 10 characters
	TeamID  string      // 10 characters
	Key     []byte      // the content of AuthKey_….p8
	Topic   string      // the app's bundle id
	BaseURL string      // "" = DefaultBaseURL
	TLS     *tls.Config // nil = the system's roots
}

// Provider sends to one app.
type Provider struct {
	cfg    Config
	tokens *tokens
	client *httpcall.Client
}

var _ notify.Provider = (*Provider)(nil)

var (
	appleID     = regexp.MustCompile(`^[A-Z0-9]{10}$`)
	deviceToken = regexp.MustCompile(`^[0-9a-fA-F]{8,200}$`)
)

// New checks the app's settings.
func New(cfg Config) (*Provider, error) {
	cfg.BaseURL = cmp.Or(cfg.BaseURL, DefaultBaseURL)
	u, err := url.Parse(cfg.BaseURL)
	switch {
	case !appleID.MatchString(cfg.KeyID) || !appleID.MatchString(cfg.TeamID):
		return nil, errors.New("key_id and team_id must have 10 capital letters and digits")
	case cfg.Topic == "":
		return nil, errors.New("topic must be the app's bundle id")
	case err != nil || u.Scheme != "https" || u.Host == "":
		return nil, errors.New("base_url must be an https address")
	}
	key, err := es256.ParseKey(cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("key %w", err)
	}
	return &Provider{cfg: cfg, tokens: &tokens{key: key, keyID: cfg.KeyID, teamID: cfg.TeamID}, client: httpcall.New(httpcall.Options{TLS: cfg.TLS})}, nil
}

// Close ends idle connections.
func (p *Provider) Close() { p.client.Close() }

// Traits implements notify.Provider. A repeat replaces the message that the device shows.
func (p *Provider) Traits() notify.Traits {
	return notify.Traits{Channel: notify.Push, Platform: notify.PlatformAPNs, Repeatable: true}
}

// payload is what the device gets: an alert, and for the app where a tap leads.
type payload struct {
	APS struct {
		Alert struct {
			Title string `json:"title,omitempty"`
			Body  string `json:"body"`
		} `json:"alert"`
		Sound    string `json:"sound"`
		ThreadID string `json:"thread-id,omitempty"`
	} `json:"aps"`
	OrderNo string        `json:"order_no,omitempty"`
	Notice  notify.Notice `json:"notice,omitempty"`
	Link    string        `json:"link,omitempty"`
}

// Send implements notify.Provider.
func (p *Provider) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if !deviceToken.MatchString(m.To.Device.Token) {
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindAddress, Code: "bad_token"}
	}
	req, err := p.request(ctx, m, time.Now())
	if err != nil {
		return notify.Receipt{}, err
	}
	answer, err := p.client.Do(ctx, req)
	if err != nil {
		return notify.Receipt{}, err
	}
	if answer.Status == http.StatusOK && len(answer.Body) == 0 {
		return notify.Receipt{ProviderID: answer.Header.Get("Apns-Id")}, nil
	}
	return notify.Receipt{}, p.refusal(answer)
}

func (p *Provider) request(ctx context.Context, m notify.Message, now time.Time) (*http.Request, error) {
	var content payload
	content.APS.Alert.Title, content.APS.Alert.Body, content.APS.Sound = m.Text.Title, m.Text.Body, "default"
	content.APS.ThreadID, content.OrderNo, content.Notice, content.Link = m.CollapseKey, m.OrderNo, m.Notice, m.Link
	body, err := json.Marshal(content)
	if err != nil || len(body) > maxPayload {
		return nil, &notify.SendError{Kind: notify.KindContent, Code: "too_long"}
	}
	token, err := p.tokens.get(now)
	if err != nil {
		return nil, &notify.SendError{Kind: notify.KindRefused, Code: "key"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.cfg.BaseURL+"/3/device/"+m.To.Device.Token, bytes.NewReader(body))
	if err != nil {
		return nil, &notify.SendError{Kind: notify.KindTemporary, Code: "bad_request"}
	}
	req.Header.Set("Authorization", "bearer "+token)
	req.Header.Set("Apns-Id", messageUUID(m.ID))
	req.Header.Set("Apns-Topic", p.cfg.Topic)
	req.Header.Set("Apns-Push-Type", "alert")
	req.Header.Set("Apns-Priority", "10")
	if m.CollapseKey != "" {
		req.Header.Set("Apns-Collapse-Id", m.CollapseKey)
	}
	if m.TTL > 0 {
		req.Header.Set("Apns-Expiration", strconv.FormatInt(now.Add(m.TTL).Unix(), 10))
	}
	return req, nil
}

// messageUUID names a message to the service, the same however often it is tried (a UUID
// of version 8, RFC 9562).
func messageUUID(id string) string {
	b := sha256.Sum256([]byte(id))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// refusals are the service's reasons by what they mean here ("Handling notification
// responses from APNs"). The service sends nothing when it gives one.
var refusals = map[string]notify.SendError{
	"BadDeviceToken":              {Kind: notify.KindAddress, Code: "bad_token"},
	"DeviceTokenNotForTopic":      {Kind: notify.KindAddress, Code: "token_of_other_app"},
	"Unregistered":                {Kind: notify.KindAddress, Code: "unregistered"},
	"ExpiredToken":                {Kind: notify.KindAddress, Code: "unregistered"},
	"PayloadTooLarge":             {Kind: notify.KindContent, Code: "too_long"},
	"PayloadEmpty":                {Kind: notify.KindContent, Code: "empty"},
	"BadCollapseId":               {Kind: notify.KindContent, Code: "bad_collapse_key"},
	"TooManyRequests":             {Kind: notify.KindThrottled, Code: "throttled", OfAddress: true},
	"TooManyProviderTokenUpdates": {Kind: notify.KindThrottled, Code: "token_updates"},
	"ExpiredProviderToken":        {Kind: notify.KindTemporary, Code: "expired_provider_token"},
	"InvalidProviderToken":        {Kind: notify.KindRefused, Code: "unauthorized"},
	"MissingProviderToken":        {Kind: notify.KindRefused, Code: "unauthorized"},
	"BadCertificateEnvironment":   {Kind: notify.KindRefused, Code: "wrong_environment"},
	"TopicDisallowed":             {Kind: notify.KindRefused, Code: "bad_topic"},
	"BadTopic":                    {Kind: notify.KindRefused, Code: "bad_topic"},
	"ServiceUnavailable":          {Kind: notify.KindTemporary, Code: "unavailable"},
	"Shutdown":                    {Kind: notify.KindTemporary, Code: "unavailable"},
}

func (p *Provider) refusal(answer httpcall.Answer) *notify.SendError {
	var said struct {
		Reason string `json:"reason"`
	}
	if json.Unmarshal(answer.Body, &said) == nil {
		if known, ok := refusals[said.Reason]; ok {
			if said.Reason == "ExpiredProviderToken" {
				p.tokens.drop()
			}
			known.RetryAfter = answer.RetryAfter()
			return &known
		}
	}
	switch {
	case answer.Status < 300:
		return httpcall.Unreadable()
	case answer.Status == http.StatusGone:
		return &notify.SendError{Kind: notify.KindAddress, Code: "unregistered"}
	case answer.Status < 500 && said.Reason != "":
		return &notify.SendError{Kind: notify.KindContent, Code: "apns_unknown"}
	}
	return answer.Failed()
}
