package aliyun_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"anxin/engine/channel"
	"anxin/engine/notify"
	"anxin/engine/notify/aliyun"
	"anxin/engine/notify/providertest"
)

const (
	keyID         = "LTAI5tMarkedKeyID"
	keySecret     = "marked-access-key-secret"
	receiptSecret = "marked-receipt-secret-0123"
)

func config(base string) aliyun.Config {
	return aliyun.Config{AccessKeyID: keyID, AccessKeySecret: keySecret, SignName: "安心", ReceiptSecret: receiptSecret, BaseURL: base}
}

func setup(t *testing.T, cfg aliyun.Config) *aliyun.Provider {
	t.Helper()
	p, err := aliyun.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var message = notify.Message{
	Channel: notify.SMS, To: notify.Address{Phone: "+8613800138000"}, Text: notify.Text{Body: "确认中"},
	SMS: notify.SMSTemplate{ID: "SMS_154950909", Params: []notify.Param{{Name: "order", Value: "A 1+1*~/&"}, {Name: "until", Value: "12:06"}}},
}

func TestProvider(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Fixture{
		Open: func(t *testing.T) providertest.Stand {
			return providertest.HTTPService{
				Check: (&service{nonces: map[string]bool{}}).check, Answer: answer,
				Provider: func(t *testing.T, s *httptest.Server) notify.Provider { return setup(t, config(s.URL)) },
			}.Open(t)
		},
		Message: message,
		Behaviours: append([]providertest.Behaviour{
			providertest.Throttle, providertest.RefuseContent, providertest.Quota, providertest.AddressQuota,
		}, providertest.Required...),
		Secrets: []string{keySecret, receiptSecret},
	})
}

// service checks what the real one checks, by the description of the signature.
type service struct {
	mu     sync.Mutex
	nonces map[string]bool // used ones, which the service refuses
}

var authorization = regexp.MustCompile(`^ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})$`)

func (s *service) check(c providertest.Call) (string, error) {
	m := authorization.FindStringSubmatch(c.Header.Get("Authorization"))
	if m == nil || m[1] != keyID {
		return "", fmt.Errorf("authorization %q", c.Header.Get("Authorization"))
	}
	if want := signature(c, m[2]); m[3] != want {
		return "", fmt.Errorf("signature %s, want %s", m[3], want)
	}
	for _, name := range []string{"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"} {
		if !strings.Contains(";"+m[2]+";", ";"+name+";") {
			return "", errors.New(name + " is not signed")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	nonce := c.Header.Get("X-Acs-Signature-Nonce")
	if nonce == "" || s.nonces[nonce] {
		return "", errors.New("the nonce was used")
	}
	s.nonces[nonce] = true
	q := c.URL.Query()
	var params map[string]string
	if err := json.Unmarshal([]byte(q.Get("TemplateParam")), &params); err != nil || params["order"] != "A 1+1*~/&" || params["until"] != "12:06" {
		return "", fmt.Errorf("parameters %q", q.Get("TemplateParam"))
	}
	if q.Get("PhoneNumbers") != "13800138000" || q.Get("SignName") != "安心" || q.Get("TemplateCode") != "SMS_154950909" {
		return "", fmt.Errorf("query %v", q)
	}
	if c.Header.Get("X-Acs-Action") != "SendSms" || c.Header.Get("X-Acs-Version") != "2017-05-25" || len(c.Content) != 0 {
		return "", errors.New("not a call of SendSms")
	}
	return q.Get("OutId"), nil
}

// signature rebuilds the canonical request from what arrived: each parameter is decoded
// and encoded anew by RFC 3986.
func signature(c providertest.Call, signed string) string {
	pairs := []string{}
	for pair := range strings.SplitSeq(c.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		pairs = append(pairs, rfc3986(unescape(name))+"="+rfc3986(unescape(value)))
	}
	lines := c.Method + "\n/\n" + strings.Join(pairs, "&") + "\n"
	for name := range strings.SplitSeq(signed, ";") {
		value := c.Header.Get(name)
		if name == "host" {
			value = c.Host
		}
		lines += name + ":" + value + "\n"
	}
	content := sha256.Sum256(c.Content)
	lines += "\n" + signed + "\n" + hex.EncodeToString(content[:])
	hashed := sha256.Sum256([]byte(lines))
	mac := hmac.New(sha256.New, []byte(keySecret))
	_, _ = fmt.Fprintf(mac, "ACS3-HMAC-SHA256\n%x", hashed)
	return hex.EncodeToString(mac.Sum(nil))
}

func unescape(s string) string {
	out, err := url.PathUnescape(s)
	if err != nil {
		return "!" + s
	}
	return out
}

func rfc3986(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func answer(b providertest.Behaviour, _ string) providertest.Reply {
	said := func(status int, code string) providertest.Reply {
		return providertest.Reply{Status: status, Body: fmt.Sprintf(`{"Code":%q,"Message":"13800138000 refused","RequestId":"F655A8D5"}`, code)}
	}
	switch b {
	case providertest.Throttle:
		return said(400, "Throttling.User")
	case providertest.BadAddress:
		return said(200, "isv.MOBILE_NUMBER_ILLEGAL")
	case providertest.RefuseContent:
		return said(200, "isv.SMS_TEMPLATE_ILLEGAL")
	case providertest.Quota:
		return said(200, "isv.DAY_LIMIT_CONTROL")
	case providertest.AddressQuota:
		return said(200, "isv.BUSINESS_LIMIT_CONTROL")
	case providertest.RefuseAccount:
		return said(400, "SignatureDoesNotMatch")
	case providertest.Unavailable:
		return said(503, "ServiceUnavailable")
	default:
		return providertest.Reply{Status: 200, Body: `{"Code":"OK","Message":"OK","RequestId":"F655A8D5","BizId":"9006197469364984400"}`}
	}
}

// The example of the documentation of the signature (RunInstances of ECS).
func TestPublishedSignature(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://ecs.cn-shanghai.aliyuncs.com/"+
		"?ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"x-acs-action": "RunInstances", "x-acs-version": "2014-05-26", "x-acs-date": "2023-10-26T10:22:32Z",
		"x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
	} {
		req.Header.Set(name, value)
	}
	aliyun.Sign(req, "YourAccessKeyId", "YourAccessKeySecret")
	if got := req.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0") {
		t.Error(got)
	}
}

func report(biz string, success bool, code string) []byte {
	return fmt.Appendf(nil, `[{"phone_number":"13800138000","send_time":"2026-11-25 20:00:00","report_time":"2026-11-25 20:00:04",`+
		`"success":%v,"err_code":%q,"err_msg":"x","sms_size":"2","biz_id":%q,"out_id":"m1"}]`, success, code, biz)
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	p := setup(t, config(""))
	query := "secret=" + receiptSecret
	providertest.RunReceipts(t, providertest.ReceiptFixture{
		Parser:       p,
		Delivered:    providertest.Report{Header: http.Header{}, Query: query, Body: report("9006^0", true, "DELIVERED"), ProviderID: "9006^0"},
		Failed:       providertest.Report{Header: http.Header{}, Query: query, Body: report("9006^0", false, "MK:0001"), ProviderID: "9006^0"},
		DropsAddress: true, Unsigned: true, Secrets: []string{receiptSecret, keySecret},
	})
	updates, err := p.ParseReceipts(t.Context(), channel.Request{Query: query, Body: report("1", true, "DELIVERED")})
	if err != nil || updates[0].Segments != 2 || updates[0].At.UTC().Format("15:04:05") != "12:00:04" || updates[0].MessageID != "m1" {
		t.Errorf("%+v, %v", updates, err)
	}
	for _, wrong := range []string{"", "secret=", "secret=other", "secret=%zz"} {
		if _, err := p.ParseReceipts(t.Context(), channel.Request{Query: wrong, Body: report("1", true, "")}); !errors.Is(err, channel.ErrSignature) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	cfg := config("")
	cfg.ReceiptSecret = ""
	if _, err := setup(t, cfg).ParseReceipts(t.Context(), channel.Request{Query: "secret=", Body: report("1", true, "")}); !errors.Is(err, channel.ErrSignature) {
		t.Errorf("no secret configured: %v", err)
	}
}

func TestNumbersOfOtherCountries(t *testing.T) {
	t.Parallel()
	stand := providertest.HTTPService{
		Check: func(c providertest.Call) (string, error) { return c.URL.Query().Get("PhoneNumbers"), nil }, Answer: answer,
		Provider: func(t *testing.T, s *httptest.Server) notify.Provider { return setup(t, config(s.URL)) },
	}.Open(t)
	m := message
	m.To.Phone = "+85251234567"
	if _, err := stand.Provider().Send(t.Context(), m); err != nil || stand.Taken()[0] != "85251234567" {
		t.Errorf("%v, %v", stand.Taken(), err)
	}
	m.SMS.ID = ""
	failed := new(notify.SendError)
	if _, err := stand.Provider().Send(t.Context(), m); !errors.As(err, &failed) || failed.Kind != notify.KindContent || len(stand.Taken()) != 1 {
		t.Errorf("without a template: %v", err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*aliyun.Config){
		"key":      func(c *aliyun.Config) { c.AccessKeyID = "" },
		"secret":   func(c *aliyun.Config) { c.AccessKeySecret = "short" },
		"sign":     func(c *aliyun.Config) { c.SignName = "【安心】" },
		"receipts": func(c *aliyun.Config) { c.ReceiptSecret = "short" },
		"address":  func(c *aliyun.Config) { c.BaseURL = "dysmsapi" },
	} {
		cfg := config("")
		change(&cfg)
		if _, err := aliyun.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "marked") {
			t.Errorf("%s: shows a secret", name)
		}
	}
}

func FuzzParseReceipts(f *testing.F) {
	p, err := aliyun.New(config(""))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(report("1", true, "DELIVERED"))
	f.Add([]byte(`[{"biz_id":"1","success":null}]`))
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
