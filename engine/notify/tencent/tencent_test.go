package tencent_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/notify"
	"anxin/engine/notify/providertest"
	"anxin/engine/notify/tencent"
)

const (
	secretID      = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3"
	secretKey     = "marked-secret-key-0123456789"
	receiptSecret = "marked-receipt-secret-0123"
)

func config(base string) tencent.Config {
	return tencent.Config{SecretID: secretID, SecretKey: secretKey, AppID: "1400006666", SignName: "安心", ReceiptSecret: receiptSecret, BaseURL: base}
}

func setup(t *testing.T, cfg tencent.Config) *tencent.Provider {
	t.Helper()
	p, err := tencent.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var message = notify.Message{
	Channel: notify.SMS, To: notify.Address{Phone: "+8613800138000"}, Text: notify.Text{Body: "确认中"},
	SMS: notify.SMSTemplate{ID: "449739", Params: []notify.Param{{Name: "order", Value: "A <1>"}, {Name: "until", Value: "12:06"}}},
}

func TestProvider(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Fixture{
		Open: providertest.HTTPService{
			Check: check, Answer: answer,
			Provider: func(t *testing.T, s *httptest.Server) notify.Provider { return setup(t, config(s.URL)) },
		}.Open,
		Message: message,
		Behaviours: append([]providertest.Behaviour{
			providertest.Throttle, providertest.RefuseContent, providertest.Quota, providertest.AddressQuota,
		}, providertest.Required...),
		Secrets: []string{secretKey, receiptSecret},
	})
}

var authorization = regexp.MustCompile(`^TC3-HMAC-SHA256 Credential=([^/]+)/(\d{4}-\d\d-\d\d)/sms/tc3_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$`)

// check is what the service looks at, by the description of its signature.
func check(c providertest.Call) (string, error) {
	m := authorization.FindStringSubmatch(c.Header.Get("Authorization"))
	if m == nil || m[1] != secretID {
		return "", fmt.Errorf("authorization %q", c.Header.Get("Authorization"))
	}
	stamp, err := strconv.ParseInt(c.Header.Get("X-Tc-Timestamp"), 10, 64)
	if at := time.Unix(stamp, 0).UTC(); err != nil || at.Format(time.DateOnly) != m[2] || time.Since(at).Abs() > 5*time.Minute {
		return "", fmt.Errorf("time %q, day %s", c.Header.Get("X-Tc-Timestamp"), m[2])
	}
	if want := signature(c, stamp, m[2], m[3]); m[4] != want {
		return "", fmt.Errorf("signature %s, want %s", m[4], want)
	}
	var call map[string]any
	if err := json.Unmarshal(c.Content, &call); err != nil {
		return "", err
	}
	if fmt.Sprint(call["PhoneNumberSet"]) != "[+8613800138000]" || fmt.Sprint(call["TemplateParamSet"]) != "[A <1> 12:06]" ||
		call["SmsSdkAppId"] != "1400006666" || call["SignName"] != "安心" || call["TemplateId"] != "449739" {
		return "", fmt.Errorf("call %v", call)
	}
	if c.Header.Get("X-Tc-Action") != "SendSms" || c.Header.Get("X-Tc-Version") != "2021-01-11" || c.Header.Get("X-Tc-Region") == "" {
		return "", errors.New("not a call of SendSms")
	}
	id, _ := call["SessionContext"].(string)
	return id, nil
}

func signature(c providertest.Call, stamp int64, day, signed string) string {
	lines := "POST\n/\n\n"
	names := strings.Split(signed, ";")
	if !slices.IsSorted(names) || !slices.Contains(names, "host") || !slices.Contains(names, "content-type") {
		return "headers"
	}
	for _, name := range names {
		value := c.Header.Get(name)
		if name == "host" {
			value = c.Host
		}
		lines += name + ":" + strings.ToLower(value) + "\n"
	}
	lines += fmt.Sprintf("\n%s\n%x", signed, sha256.Sum256(c.Content))
	text := fmt.Sprintf("TC3-HMAC-SHA256\n%d\n%s/sms/tc3_request\n%x", stamp, day, sha256.Sum256([]byte(lines)))
	key := []byte("TC3" + secretKey)
	for _, step := range []string{day, "sms", "tc3_request", text} {
		mac := hmac.New(sha256.New, key)
		_, _ = mac.Write([]byte(step))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

func answer(b providertest.Behaviour, id string) providertest.Reply {
	status := func(code string) providertest.Reply {
		return providertest.Reply{Status: 200, Body: fmt.Sprintf(`{"Response":{"SendStatusSet":[{"SerialNo":"","PhoneNumber":"+8613800138000",`+
			`"Fee":0,"SessionContext":%q,"Code":%q,"Message":"refused +8613800138000","IsoCode":"CN"}],"RequestId":"a0aabda6"}}`, id, code)}
	}
	failed := func(code string) providertest.Reply {
		return providertest.Reply{Status: 200, Body: fmt.Sprintf(`{"Response":{"Error":{"Code":%q,"Message":"refused"},"RequestId":"a0aabda6"}}`, code)}
	}
	switch b {
	case providertest.Throttle:
		return failed("RequestLimitExceeded")
	case providertest.BadAddress:
		return status("InvalidParameterValue.IncorrectPhoneNumber")
	case providertest.RefuseContent:
		return status("FailedOperation.TemplateIncorrectOrUnapproved")
	case providertest.Quota:
		return status("LimitExceeded.AppDailyLimit")
	case providertest.AddressQuota:
		return status("LimitExceeded.PhoneNumberDailyLimit")
	case providertest.RefuseAccount:
		return failed("AuthFailure.SignatureFailure")
	case providertest.Unavailable:
		return providertest.Reply{Status: 503, Body: "busy"}
	default:
		return providertest.Reply{Status: 200, Body: fmt.Sprintf(`{"Response":{"SendStatusSet":[{"SerialNo":"5000:1045710669157053657849499619",`+
			`"PhoneNumber":"+8613800138000","Fee":1,"SessionContext":%q,"Code":"Ok","Message":"send success","IsoCode":"CN"}],"RequestId":"a0aabda6"}}`, id)}
	}
}

// The example of the documentation of the signature (DescribeInstances of CVM), with the
// keys as they are printed there.
func TestPublishedSignature(t *testing.T) {
	t.Parallel()
	body := []byte(`{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://cvm.tencentcloudapi.com/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("X-Tc-Action", "DescribeInstances")
	tencent.Sign(req, "cvm", "AKID"+strings.Repeat("*", 32), strings.Repeat("*", 32), body, time.Unix(1551113065, 0))
	if got := req.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f") {
		t.Error(got)
	}
}

func report(serial, status, code string) []byte {
	return fmt.Appendf(nil, `[{"user_receive_time":"2026-11-25 20:00:04","nationcode":"86","mobile":"13800138000","report_status":%q,`+
		`"errmsg":%q,"description":"x","sid":%q}]`, status, code, serial)
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	p := setup(t, config(""))
	query := "secret=" + receiptSecret
	providertest.RunReceipts(t, providertest.ReceiptFixture{
		Parser:       p,
		Delivered:    providertest.Report{Header: http.Header{}, Query: query, Body: report("5000:1", "SUCCESS", "DELIVRD"), ProviderID: "5000:1"},
		Failed:       providertest.Report{Header: http.Header{}, Query: query, Body: report("5000:1", "FAIL", "MK:0001"), ProviderID: "5000:1"},
		DropsAddress: true, Unsigned: true, Secrets: []string{receiptSecret, secretKey},
	})
	updates, err := p.ParseReceipts(t.Context(), channel.Request{Query: query, Body: report("1", "SUCCESS", "DELIVRD")})
	if err != nil || updates[0].At.UTC().Format("15:04:05") != "12:00:04" {
		t.Errorf("%+v, %v", updates, err)
	}
	if _, err := p.ParseReceipts(t.Context(), channel.Request{Query: query, Body: report("1", "PERHAPS", "")}); !errors.Is(err, channel.ErrMalformed) {
		t.Errorf("unknown status: %v", err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*tencent.Config){
		"id":       func(c *tencent.Config) { c.SecretID = "a/b" },
		"key":      func(c *tencent.Config) { c.SecretKey = "short" },
		"app":      func(c *tencent.Config) { c.AppID = "app" },
		"receipts": func(c *tencent.Config) { c.ReceiptSecret = "short" },
		"address":  func(c *tencent.Config) { c.BaseURL = "https://sms.example/path" },
	} {
		cfg := config("")
		change(&cfg)
		if _, err := tencent.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "marked") {
			t.Errorf("%s: shows a secret", name)
		}
	}
}

func FuzzParseReceipts(f *testing.F) {
	p, err := tencent.New(config(""))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(report("1", "SUCCESS", "DELIVRD"))
	f.Add([]byte(`[{}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		updates, err := p.ParseReceipts(t.Context(), channel.Request{Query: "secret=" + receiptSecret, Body: body})
		if err != nil && !errors.Is(err, channel.ErrMalformed) {
			t.Fatal(err)
		}
		for _, u := range updates {
			if u.ProviderID == "" || u.Status == "" {
				t.Errorf("%q: %+v", body, u)
			}
		}
	})
}
