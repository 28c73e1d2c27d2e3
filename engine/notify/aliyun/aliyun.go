package aliyun

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"anxin/engine/notify"
	"anxin/engine/notify/httpcall"
)

// DefaultBaseURL is the endpoint of mainland China.
const DefaultBaseURL = "https://dysmsapi.aliyuncs.com"

// Config is one account.
type Config struct {
	AccessKeyID     string
	AccessKeySecret string
	SignName        string // the approved sign: 【安心】 without its brackets
	ReceiptSecret   string // in the address that reports are pushed to; "" = no reports are taken
	BaseURL         string // "" = DefaultBaseURL
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

// New checks the account's settings.
func New(cfg Config) (*Provider, error) {
	if cfg.BaseURL == "" {
		cfg.BaseURL = DefaultBaseURL
	}
	u, err := url.Parse(cfg.BaseURL)
	switch {
	case cfg.AccessKeyID == "" || strings.ContainsAny(cfg.AccessKeyID, " ,\r\n"):
		return nil, errors.New("access_key_id must be set")
	case len(cfg.AccessKeySecret) < 16:
		return nil, errors.New("access_key_secret must be set")
	case cfg.SignName == "" || strings.ContainsAny(cfg.SignName, "【】"):
		return nil, errors.New("sign_name must be the approved sign without brackets")
	case cfg.ReceiptSecret != "" && len(cfg.ReceiptSecret) < notify.MinReceiptSecret:
		return nil, errors.New("receipt_secret must have at least 24 characters")
	case err != nil || u.Host == "" || (u.Path != "" && u.Path != "/"):
		return nil, errors.New("base_url must be an http(s) address without a path")
	}
	return &Provider{cfg: cfg, client: httpcall.New(httpcall.Options{})}, nil
}

// Close ends idle connections.
func (p *Provider) Close() { p.client.Close() }

// Traits implements notify.Provider. The service drops no repeats: OutId is a note only.
func (p *Provider) Traits() notify.Traits {
	return notify.Traits{Channel: notify.SMS, Templates: true}
}

// Send implements notify.Provider.
func (p *Provider) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if m.SMS.ID == "" {
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindContent, Code: "no_template"}
	}
	req, err := p.request(ctx, m)
	if err != nil {
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindTemporary, Code: "bad_request"}
	}
	answer, err := p.client.Do(ctx, req)
	if err != nil {
		return notify.Receipt{}, err
	}
	return read(answer)
}

func (p *Provider) request(ctx context.Context, m notify.Message) (*http.Request, error) {
	params := make(map[string]string, len(m.SMS.Params))
	for _, param := range m.SMS.Params {
		params[param.Name] = param.Value
	}
	encoded, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	return p.call(ctx, "SendSms", url.Values{
		"PhoneNumbers": {phone(m.To.Phone)}, "SignName": {p.cfg.SignName}, "TemplateCode": {m.SMS.ID},
		"TemplateParam": {string(encoded)}, "OutId": {m.ID},
	})
}

// call makes a signed request.
func (p *Provider) call(ctx context.Context, action string, values url.Values) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(p.cfg.BaseURL, "/")+"/?"+canonicalQuery(values), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Acs-Action", action)
	req.Header.Set("X-Acs-Version", "2017-05-25")
	req.Header.Set("X-Acs-Date", time.Now().UTC().Format("2006-01-02T15:04:05Z"))
	req.Header.Set("X-Acs-Signature-Nonce", rand.Text())
	sign(req, p.cfg.AccessKeyID, p.cfg.AccessKeySecret)
	return req, nil
}

// phone is the number as the service wants it: without +86 in mainland China, elsewhere
// the country code without its plus sign.
func phone(e164 string) string {
	if national, ok := strings.CutPrefix(e164, "+86"); ok {
		return national
	}
	return strings.TrimPrefix(e164, "+")
}

func read(answer httpcall.Answer) (notify.Receipt, error) {
	var r struct {
		Code  string `json:"Code"`
		BizID string `json:"BizId"`
	}
	readable := json.Unmarshal(answer.Body, &r) == nil
	switch {
	case readable && r.Code == "OK" && r.BizID != "" && answer.Status == http.StatusOK:
		return notify.Receipt{ProviderID: r.BizID}, nil
	case readable && r.Code != "" && r.Code != "OK":
		return notify.Receipt{}, refusal(r.Code, answer)
	case answer.Status < 300:
		return notify.Receipt{}, httpcall.Unreadable()
	}
	return notify.Receipt{}, answer.Failed()
}

// refusals are the codes of SendSms by what they mean here
// (https://help.aliyun.com/document_detail/101346.html).
var refusals = map[string]notify.SendError{
	"isv.MOBILE_NUMBER_ILLEGAL":       {Kind: notify.KindAddress, Code: "bad_number"},
	"isv.MOBILE_COUNT_OVER_LIMIT":     {Kind: notify.KindContent, Code: "too_many_numbers"},
	"isv.BUSINESS_LIMIT_CONTROL":      {Kind: notify.KindQuota, Code: "number_limit", OfAddress: true}, // one number: a minute, an hour, a day
	"isv.DAY_LIMIT_CONTROL":           {Kind: notify.KindQuota, Code: "day_limit"},
	"isv.MONTH_LIMIT_CONTROL":         {Kind: notify.KindQuota, Code: "month_limit"},
	"isv.AMOUNT_NOT_ENOUGH":           {Kind: notify.KindRefused, Code: "no_balance"},
	"isv.OUT_OF_SERVICE":              {Kind: notify.KindRefused, Code: "out_of_service"},
	"isv.ACCOUNT_NOT_EXISTS":          {Kind: notify.KindRefused, Code: "no_account"},
	"isv.ACCOUNT_ABNORMAL":            {Kind: notify.KindRefused, Code: "account_abnormal"},
	"isv.PRODUCT_UN_SUBSCRIPT":        {Kind: notify.KindRefused, Code: "not_subscribed"},
	"isv.PRODUCT_UNSUBSCRIBE":         {Kind: notify.KindRefused, Code: "not_subscribed"},
	"isp.RAM_PERMISSION_DENY":         {Kind: notify.KindRefused, Code: "forbidden"},
	"isv.SMS_SIGNATURE_ILLEGAL":       {Kind: notify.KindRefused, Code: "sign_not_approved"},
	"isv.SMS_SIGN_ILLEGAL":            {Kind: notify.KindRefused, Code: "sign_not_approved"},
	"isv.SMS_TEMPLATE_ILLEGAL":        {Kind: notify.KindContent, Code: "template_not_approved"},
	"isv.INVALID_PARAMETERS":          {Kind: notify.KindContent, Code: "bad_parameters"},
	"isv.INVALID_JSON_PARAM":          {Kind: notify.KindContent, Code: "bad_parameters"},
	"isv.TEMPLATE_MISSING_PARAMETERS": {Kind: notify.KindContent, Code: "missing_parameters"},
	"isv.TEMPLATE_PARAMS_ILLEGAL":     {Kind: notify.KindContent, Code: "bad_parameters"},
	"isv.PARAM_LENGTH_LIMIT":          {Kind: notify.KindContent, Code: "parameter_too_long"},
	"isv.PARAM_NOT_SUPPORT_URL":       {Kind: notify.KindContent, Code: "parameter_is_url"},
	"isv.BLACK_KEY_CONTROL_LIMIT":     {Kind: notify.KindContent, Code: "forbidden_word"},
	"isp.SYSTEM_ERROR":                {Kind: notify.KindMaybeSent, Code: "system_error"}, // the service does not say what became of it
	"SignatureDoesNotMatch":           {Kind: notify.KindRefused, Code: "unauthorized"},
	"InvalidAccessKeyId.NotFound":     {Kind: notify.KindRefused, Code: "unauthorized"},
	"InvalidAccessKeyId.Inactive":     {Kind: notify.KindRefused, Code: "unauthorized"},
	"SignatureNonceUsed":              {Kind: notify.KindTemporary, Code: "nonce_used"},
	"Throttling":                      {Kind: notify.KindThrottled, Code: "throttled"},
	"Throttling.User":                 {Kind: notify.KindThrottled, Code: "throttled"},
	"Throttling.Api":                  {Kind: notify.KindThrottled, Code: "throttled"},
	"ServiceUnavailable":              {Kind: notify.KindTemporary, Code: "unavailable"},
}

func refusal(code string, answer httpcall.Answer) *notify.SendError {
	if known, ok := refusals[code]; ok {
		known.RetryAfter = answer.RetryAfter()
		return &known
	}
	switch {
	case strings.HasPrefix(code, "isv."): // a fault of the caller, by the service's naming
		return &notify.SendError{Kind: notify.KindContent, Code: "isv_unknown"}
	case answer.Status >= 300:
		return answer.Failed()
	}
	return &notify.SendError{Kind: notify.KindMaybeSent, Code: "unknown_code"}
}
