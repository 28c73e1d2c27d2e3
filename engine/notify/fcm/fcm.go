package fcm

import (
	"bytes"
	"cmp"
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

// DefaultBaseURL is the service.
const DefaultBaseURL = "https://fcm.googleapis.com"

// Config is one Firebase project.
type Config struct {
	ServiceAccount []byte // the JSON file of a service account with the role to send
	BaseURL        string // "" = DefaultBaseURL
	TokenURL       string // "" = the one that the service account names
}

// Provider sends to the apps of one project.
type Provider struct {
	base, project string
	access        *access
	client        *httpcall.Client
}

var _ notify.Provider = (*Provider)(nil)

var projectID = regexp.MustCompile(`^[a-z][a-z0-9-]{4,28}[a-z0-9]$`)

// New checks the project's settings.
func New(cfg Config) (*Provider, error) {
	var account serviceAccount
	if json.Unmarshal(cfg.ServiceAccount, &account) != nil || account.Type != "service_account" {
		return nil, errors.New("service_account must be the JSON file of a service account")
	}
	account.TokenURI = cmp.Or(cfg.TokenURL, account.TokenURI)
	base := strings.TrimSuffix(cmp.Or(cfg.BaseURL, DefaultBaseURL), "/")
	for _, address := range []string{base, account.TokenURI} {
		if u, err := url.Parse(address); err != nil || u.Host == "" {
			return nil, errors.New("base_url and token_uri must be http(s) addresses")
		}
	}
	if !projectID.MatchString(account.ProjectID) || account.Email == "" {
		return nil, errors.New("service_account lacks its project_id or client_email")
	}
	client := httpcall.New(httpcall.Options{})
	access, err := newAccess(account, client.HTTP())
	if err != nil {
		return nil, err
	}
	return &Provider{base: base, project: account.ProjectID, access: access, client: client}, nil
}

// Close ends idle connections.
func (p *Provider) Close() { p.client.Close() }

// Traits implements notify.Provider. A repeat replaces the message that the device shows.
func (p *Provider) Traits() notify.Traits {
	return notify.Traits{Channel: notify.Push, Platform: notify.PlatformFCM, Repeatable: true}
}

// The message of HTTP v1, as far as it is used.
type (
	call struct {
		Message  message `json:"message"`
		Validate bool    `json:"validate_only,omitempty"` // nothing is delivered
	}
	message struct {
		Token        string            `json:"token"`
		Notification notification      `json:"notification"`
		Data         map[string]string `json:"data"`
		Android      android           `json:"android"`
	}
	notification struct {
		Title string `json:"title,omitempty"`
		Body  string `json:"body"`
	}
	android struct {
		CollapseKey  string `json:"collapse_key,omitempty"` // of messages that wait at the service
		Priority     string `json:"priority"`
		TTL          string `json:"ttl,omitempty"`
		Notification struct {
			Tag string `json:"tag,omitempty"` // replaces what the device shows
		} `json:"notification"`
	}
)

// Send implements notify.Provider.
func (p *Provider) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	token, err := p.access.token(ctx)
	if err != nil {
		return notify.Receipt{}, err
	}
	return p.post(ctx, token, call{Message: content(m)})
}

func (p *Provider) post(ctx context.Context, token string, c call) (notify.Receipt, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindContent, Code: "bad_text"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+"/v1/projects/"+p.project+"/messages:send", bytes.NewReader(body))
	if err != nil {
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindTemporary, Code: "bad_request"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	answer, err := p.client.Do(ctx, req)
	if err != nil {
		return notify.Receipt{}, err
	}
	return p.read(answer)
}

func content(m notify.Message) message {
	c := message{
		Token: m.To.Device.Token, Notification: notification{m.Text.Title, m.Text.Body},
		Data:    map[string]string{"message_id": m.ID, "order_no": m.OrderNo, "notice": string(m.Notice), "link": m.Link},
		Android: android{CollapseKey: m.CollapseKey, Priority: "HIGH"},
	}
	c.Android.Notification.Tag = m.CollapseKey
	if m.TTL > 0 {
		c.Android.TTL = strconv.Itoa(int(m.TTL.Seconds())) + "s"
	}
	return c
}

// failed is google.rpc.Status with the details that the service gives.
type failed struct {
	Error struct {
		Status  string `json:"status"`
		Details []struct {
			ErrorCode  string `json:"errorCode"`
			Violations []struct {
				Field string `json:"field"`
			} `json:"fieldViolations"`
		} `json:"details"`
	} `json:"error"`
}

func (p *Provider) read(answer httpcall.Answer) (notify.Receipt, error) {
	var ok struct {
		Name string `json:"name"`
	}
	if answer.Status == http.StatusOK {
		if json.Unmarshal(answer.Body, &ok) != nil || ok.Name == "" {
			return notify.Receipt{}, httpcall.Unreadable()
		}
		return notify.Receipt{ProviderID: ok.Name}, nil
	}
	if answer.Status == http.StatusUnauthorized {
		p.access.drop()
	}
	return notify.Receipt{}, refusal(answer)
}

// refusals are the service's error codes by what they mean here
// (https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode).
var refusals = map[string]notify.SendError{
	"UNREGISTERED":           {Kind: notify.KindAddress, Code: "unregistered"},
	"SENDER_ID_MISMATCH":     {Kind: notify.KindAddress, Code: "token_of_other_sender"},
	"QUOTA_EXCEEDED":         {Kind: notify.KindThrottled, Code: "throttled"},
	"RESOURCE_EXHAUSTED":     {Kind: notify.KindThrottled, Code: "throttled"},
	"UNAVAILABLE":            {Kind: notify.KindTemporary, Code: "unavailable"},
	"INTERNAL":               {Kind: notify.KindMaybeSent, Code: "internal"},
	"THIRD_PARTY_AUTH_ERROR": {Kind: notify.KindRefused, Code: "unauthorized"},
	"UNAUTHENTICATED":        {Kind: notify.KindRefused, Code: "unauthorized"},
	"PERMISSION_DENIED":      {Kind: notify.KindRefused, Code: "forbidden"},
	"INVALID_ARGUMENT":       {Kind: notify.KindContent, Code: "bad_message"},
}

func refusal(answer httpcall.Answer) *notify.SendError {
	var said failed
	if json.Unmarshal(answer.Body, &said) != nil {
		return answer.Failed()
	}
	code := said.Error.Status
	for _, detail := range said.Error.Details {
		code = cmp.Or(detail.ErrorCode, code)
		for _, v := range detail.Violations {
			if v.Field == "message.token" {
				return &notify.SendError{Kind: notify.KindAddress, Code: "bad_token"}
			}
		}
	}
	known, ok := refusals[code]
	if !ok {
		return answer.Failed()
	}
	known.RetryAfter = answer.RetryAfter()
	return &known
}
