package tencent

import (
	"bytes"
	"cmp"
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

// The defaults of a Config: the endpoint and region of mainland China.
const (
	DefaultBaseURL = "https://sms.tencentcloudapi.com"
	DefaultRegion  = "ap-guangzhou"
)

// Config is one application of an account.
type Config struct {
	SecretID      string
	SecretKey     string
	AppID         string // SdkAppId of the SMS application: "1400006666"
	SignName      string // the approved sign, not needed outside mainland China
	Region        string // "" = DefaultRegion
	ReceiptSecret string // in the address that reports are sent to; "" = no reports are taken
	BaseURL       string // "" = DefaultBaseURL
}

// Provider sends through one application.
type Provider struct {
	cfg    Config
	client *httpcall.Client
}

var (
	_ notify.Provider      = (*Provider)(nil)
	_ notify.ReceiptParser = (*Provider)(nil)
	_ notify.Inspector     = (*Provider)(nil)
)

// New checks the application's settings.
func New(cfg Config) (*Provider, error) {
	cfg.BaseURL, cfg.Region = cmp.Or(cfg.BaseURL, DefaultBaseURL), cmp.Or(cfg.Region, DefaultRegion)
	u, err := url.Parse(cfg.BaseURL)
	switch {
	case cfg.SecretID == "" || strings.ContainsAny(cfg.SecretID, " ,/\r\n"):
		return nil, errors.New("secret_id must be set")
	case len(cfg.SecretKey) < 16:
		return nil, errors.New("secret_key must be set")
	case cfg.AppID == "" || strings.Trim(cfg.AppID, "0123456789") != "":
		return nil, errors.New("app_id must be the number of the SMS application")
	case cfg.ReceiptSecret != "" && len(cfg.ReceiptSecret) < notify.MinReceiptSecret:
		return nil, errors.New("receipt_secret must have at least 24 characters")
	case err != nil || u.Host == "" || (u.Path != "" && u.Path != "/"):
		return nil, errors.New("base_url must be an http(s) address without a path")
	}
	return &Provider{cfg: cfg, client: httpcall.New(httpcall.Options{})}, nil
}

// Close ends idle connections.
func (p *Provider) Close() { p.client.Close() }

// Traits implements notify.Provider. The service drops no repeats: SessionContext is a
// note only.
func (p *Provider) Traits() notify.Traits {
	return notify.Traits{Channel: notify.SMS, Templates: true}
}

// sendSms is the body of the call.
type sendSms struct {
	PhoneNumbers []string `json:"PhoneNumberSet"`
	AppID        string   `json:"SmsSdkAppId"`
	SignName     string   `json:"SignName,omitempty"`
	TemplateID   string   `json:"TemplateId"`
	Params       []string `json:"TemplateParamSet"`
	Context      string   `json:"SessionContext"`
}

// Send implements notify.Provider. Parameters go by their place in the template.
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
	call := sendSms{
		PhoneNumbers: []string{m.To.Phone}, AppID: p.cfg.AppID, SignName: p.cfg.SignName, TemplateID: m.SMS.ID,
		Params: make([]string, len(m.SMS.Params)), Context: m.ID,
	}
	for i, param := range m.SMS.Params {
		call.Params[i] = param.Value
	}
	return p.call(ctx, "SendSms", call)
}

// call makes a signed request.
func (p *Provider) call(ctx context.Context, action string, content any) (*http.Request, error) {
	body, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(p.cfg.BaseURL, "/")+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("X-Tc-Action", action)
	req.Header.Set("X-Tc-Version", "2021-01-11")
	req.Header.Set("X-Tc-Region", p.cfg.Region)
	sign(req, "sms", p.cfg.SecretID, p.cfg.SecretKey, body, time.Now())
	return req, nil
}

func read(answer httpcall.Answer) (notify.Receipt, error) {
	var r struct {
		Response struct {
			SendStatusSet []struct {
				SerialNo string
				Fee      int
				Code     string
			}
			Error struct{ Code string }
		}
	}
	if json.Unmarshal(answer.Body, &r) != nil {
		if answer.Status >= 300 {
			return notify.Receipt{}, answer.Failed()
		}
		return notify.Receipt{}, httpcall.Unreadable()
	}
	sent := r.Response.SendStatusSet
	switch {
	case r.Response.Error.Code != "":
		return notify.Receipt{}, refusal(r.Response.Error.Code)
	case len(sent) == 1 && sent[0].Code == "Ok" && sent[0].SerialNo != "":
		return notify.Receipt{ProviderID: sent[0].SerialNo, Segments: sent[0].Fee}, nil
	case len(sent) == 1 && sent[0].Code != "" && sent[0].Code != "Ok":
		return notify.Receipt{}, refusal(sent[0].Code)
	case answer.Status >= 300:
		return notify.Receipt{}, answer.Failed()
	}
	return notify.Receipt{}, httpcall.Unreadable()
}

// refusals are the codes of SendSms by what they mean here
// (https://cloud.tencent.com/document/product/382/55981).
var refusals = map[string]notify.SendError{
	"InvalidParameterValue.IncorrectPhoneNumber":                {Kind: notify.KindAddress, Code: "bad_number"},
	"FailedOperation.PhoneNumberInBlacklist":                    {Kind: notify.KindAddress, Code: "blocked"}, // the payer complained
	"FailedOperation.PhoneNumberOnBlacklist":                    {Kind: notify.KindAddress, Code: "blocked"},
	"LimitExceeded.PhoneNumberDailyLimit":                       {Kind: notify.KindQuota, Code: "number_day_limit", OfAddress: true},
	"LimitExceeded.PhoneNumberOneHourLimit":                     {Kind: notify.KindQuota, Code: "number_hour_limit", OfAddress: true},
	"LimitExceeded.PhoneNumberThirtySecondLimit":                {Kind: notify.KindQuota, Code: "number_30s_limit", OfAddress: true},
	"LimitExceeded.PhoneNumberSameContentDailyLimit":            {Kind: notify.KindQuota, Code: "number_same_text", OfAddress: true},
	"LimitExceeded.AppDailyLimit":                               {Kind: notify.KindQuota, Code: "day_limit"},
	"LimitExceeded.DailyLimit":                                  {Kind: notify.KindQuota, Code: "day_limit"},
	"LimitExceeded.AppMainlandChinaDailyLimit":                  {Kind: notify.KindQuota, Code: "day_limit"},
	"LimitExceeded.AppGlobalDailyLimit":                         {Kind: notify.KindQuota, Code: "day_limit"},
	"LimitExceeded.DeliveryFrequencyLimit":                      {Kind: notify.KindThrottled, Code: "throttled"},
	"RequestLimitExceeded":                                      {Kind: notify.KindThrottled, Code: "throttled"},
	"FailedOperation.InsufficientBalanceInSmsPackage":           {Kind: notify.KindRefused, Code: "no_balance"},
	"FailedOperation.SignatureIncorrectOrUnapproved":            {Kind: notify.KindRefused, Code: "sign_not_approved"},
	"FailedOperation.TemplateIncorrectOrUnapproved":             {Kind: notify.KindContent, Code: "template_not_approved"},
	"FailedOperation.TemplateUnapprovedOrNotExist":              {Kind: notify.KindContent, Code: "template_not_approved"},
	"FailedOperation.ContainSensitiveWord":                      {Kind: notify.KindContent, Code: "forbidden_word"},
	"FailedOperation.TemplateParamSetNotMatchApprovedTemplate":  {Kind: notify.KindContent, Code: "bad_parameters"},
	"InvalidParameterValue.TemplateParameterFormatError":        {Kind: notify.KindContent, Code: "bad_parameters"},
	"InvalidParameterValue.TemplateParameterLengthLimit":        {Kind: notify.KindContent, Code: "parameter_too_long"},
	"InvalidParameterValue.ProhibitedUseUrlInTemplateParameter": {Kind: notify.KindContent, Code: "parameter_is_url"},
	"InternalError.Timeout":                                     {Kind: notify.KindMaybeSent, Code: "timeout"},
	"InternalError.UnknownError":                                {Kind: notify.KindMaybeSent, Code: "unknown_error"},
	"InternalError.OtherError":                                  {Kind: notify.KindMaybeSent, Code: "unknown_error"},
	"InternalError.RequestTimeException":                        {Kind: notify.KindTemporary, Code: "clock"},
	"InternalError.RestApiInterfaceNotExist":                    {Kind: notify.KindTemporary, Code: "unavailable"},
}

// families are codes by their first part, for those that refusals does not list.
var families = map[string]notify.SendError{
	"AuthFailure":           {Kind: notify.KindRefused, Code: "unauthorized"},
	"UnauthorizedOperation": {Kind: notify.KindRefused, Code: "forbidden"},
	"FailedOperation":       {Kind: notify.KindContent, Code: "refused"},
	"InvalidParameter":      {Kind: notify.KindContent, Code: "bad_parameters"},
	"InvalidParameterValue": {Kind: notify.KindContent, Code: "bad_parameters"},
	"MissingParameter":      {Kind: notify.KindContent, Code: "bad_parameters"},
	"UnsupportedOperation":  {Kind: notify.KindContent, Code: "unsupported"},
	"LimitExceeded":         {Kind: notify.KindQuota, Code: "limit"},
}

func refusal(code string) *notify.SendError {
	if e, ok := refusals[code]; ok {
		return &e
	}
	family, _, _ := strings.Cut(code, ".")
	if e, ok := families[family]; ok {
		return &e
	}
	return &notify.SendError{Kind: notify.KindMaybeSent, Code: "unknown_code"}
}
