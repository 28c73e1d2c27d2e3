package twilio_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sort"
	"strings"
	"testing"

	"anxin/engine/channel"
	"anxin/engine/notify"
	"anxin/engine/notify/providertest"
	"anxin/engine/notify/twilio"
)

const (
	account   = "AC0123456789abcdef0123456789abcdef"
	authToken = "marked-auth-token-0123456789abcd"
	sent      = "SM0123456789abcdef0123456789abcdef"
	statusURL = "https://pay.example/v1/receipts/twilio?from=1"
)

func config(base string) twilio.Config {
	return twilio.Config{AccountSID: account, AuthToken: authToken, From: "+15005550006", StatusURL: statusURL, BaseURL: base}
}

func setup(t *testing.T, cfg twilio.Config) *twilio.Provider {
	t.Helper()
	p, err := twilio.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var message = notify.Message{
	Channel: notify.SMS, To: notify.Address{Phone: "+14155552671"}, Text: notify.Text{Body: "支付确认中 & safe"},
}

func TestProvider(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Fixture{
		Open: providertest.HTTPService{
			Check: check, Answer: answer,
			Provider: func(t *testing.T, s *httptest.Server) notify.Provider { return setup(t, config(s.URL)) },
		}.Open,
		Message: message,
		Behaviours: append([]providertest.Behaviour{providertest.Throttle, providertest.RefuseContent, providertest.Quota},
			providertest.Required...),
		Secrets: []string{authToken},
	})
}

// check is what Twilio looks at.
func check(c providertest.Call) (string, error) {
	user, password, _ := c.BasicAuth()
	form, err := url.ParseQuery(string(c.Content))
	switch {
	case err != nil:
		return "", err
	case user != account || password != authToken:
		return "", errors.New("credentials")
	case c.Method != http.MethodPost || c.URL.Path != "/2010-04-01/Accounts/"+account+"/Messages.json":
		return "", fmt.Errorf("%s %s", c.Method, c.URL)
	case c.Header.Get("Content-Type") != "application/x-www-form-urlencoded":
		return "", errors.New("content type")
	case form.Get("To") != message.To.Phone || form.Get("From") != "+15005550006":
		return "", fmt.Errorf("form %v", form)
	}
	text, mark, _ := strings.Cut(form.Get("Body"), " #")
	if text != message.Text.Body {
		return "", fmt.Errorf("text %q", text)
	}
	if id := "suite_" + mark; form.Get("StatusCallback") != statusURL+"&message="+id {
		return "", fmt.Errorf("callback %q of %s", form.Get("StatusCallback"), id)
	}
	return "suite_" + mark, nil
}

func answer(b providertest.Behaviour, _ string) providertest.Reply {
	failed := func(status, code int) providertest.Reply {
		return providertest.Reply{Status: status, Header: map[string]string{"Content-Type": "application/json"}, Body: fmt.Sprintf(
			`{"code": %d, "message": "The number %s is not accepted", "more_info": "https://www.twilio.com/docs/errors/%d", "status": %d}`,
			code, message.To.Phone, code, status)}
	}
	switch b {
	case providertest.Throttle:
		r := failed(429, 20429)
		r.Header["Retry-After"] = "7"
		return r
	case providertest.BadAddress:
		return failed(400, 21211)
	case providertest.RefuseContent:
		return failed(400, 21617)
	case providertest.Quota:
		return failed(429, 63038)
	case providertest.RefuseAccount:
		return failed(401, 20003)
	case providertest.Unavailable:
		return providertest.Reply{Status: 503, Body: "upstream"}
	default:
		return providertest.Reply{Status: 201, Body: `{"sid": "` + sent + `", "status": "queued", "num_segments": "1", "price": null, "price_unit": "USD", "error_code": null}`}
	}
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	report := func(status, code string) providertest.Report {
		form := url.Values{"AccountSid": {account}, "MessageSid": {sent}, "MessageStatus": {status}, "To": {message.To.Phone}}
		if code != "" {
			form.Set("ErrorCode", code)
		}
		return providertest.Report{Header: signed(statusURL, form), Query: "from=1", Body: []byte(form.Encode()), ProviderID: sent}
	}
	providertest.RunReceipts(t, providertest.ReceiptFixture{
		Parser: setup(t, config("")), Delivered: report("delivered", ""), Failed: report("undelivered", "30005"), DropsAddress: true,
		Secrets: []string{authToken},
	})
}

// Twilio calls the very address that it was given, and signs it with our id in it: the
// report finds its message also when Twilio's own id was never written down.
func TestAReportNamesOurMessage(t *testing.T) {
	t.Parallel()
	form := url.Values{"AccountSid": {account}, "MessageSid": {sent}, "MessageStatus": {"delivered"}}
	for _, base := range []string{"https://pay.example/v1/receipts/twilio", statusURL} {
		cfg := config("")
		cfg.StatusURL = base
		p := setup(t, cfg)
		sep := "?"
		if strings.Contains(base, "?") {
			sep = "&"
		}
		header := signed(base+sep+"message=nt_1", form)
		for query, want := range map[string]error{
			"message=nt_1": nil, "from=1&message=nt_1": nil, "message=nt_2": channel.ErrSignature, "": channel.ErrSignature, "message=%00": channel.ErrSignature,
		} {
			updates, err := p.ParseReceipts(t.Context(), channel.Request{Header: header, Query: query, Body: []byte(form.Encode())})
			if !errors.Is(err, want) || (want == nil && (len(updates) != 1 || updates[0].MessageID != "nt_1" || updates[0].ProviderID != sent)) {
				t.Errorf("%s called with %q: %+v, %v", base, query, updates, err)
			}
		}
	}
}

// signed computes the signature by Twilio's description of it.
func signed(address string, form url.Values) http.Header {
	var fields []string
	for name := range form {
		fields = append(fields, name+form.Get(name))
	}
	sort.Strings(fields)
	mac := hmac.New(sha1.New, []byte(authToken))
	_, _ = mac.Write([]byte(address + strings.Join(fields, "")))
	return http.Header{"X-Twilio-Signature": {base64.StdEncoding.EncodeToString(mac.Sum(nil))}}
}

// The example of Twilio's documentation of request validation.
func TestPublishedSignature(t *testing.T) {
	t.Parallel()
	form := url.Values{
		"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"}, "From": {"+14158675309"}, "To": {"+18005551212"},
	}
	got := base64.StdEncoding.EncodeToString(twilio.Signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form))
	if got != "RSOYDt4T1cUTdK1PDd93/VVr8B8=" {
		t.Errorf("signature %s", got)
	}
}

func TestReportsThatTellNothingYet(t *testing.T) {
	t.Parallel()
	p := setup(t, config(""))
	for _, status := range []string{"accepted", "queued", "sending", "sent"} {
		form := url.Values{"AccountSid": {account}, "MessageSid": {sent}, "MessageStatus": {status}}
		updates, err := p.ParseReceipts(t.Context(), channel.Request{Header: signed(statusURL, form), Body: []byte(form.Encode())})
		if err != nil || len(updates) != 0 {
			t.Errorf("%s: %v, %v", status, updates, err)
		}
	}
	foreign := url.Values{"AccountSid": {"AC" + strings.Repeat("f", 32)}, "MessageSid": {sent}, "MessageStatus": {"delivered"}}
	if _, err := p.ParseReceipts(t.Context(), channel.Request{Header: signed(statusURL, foreign), Body: []byte(foreign.Encode())}); !errors.Is(err, channel.ErrMalformed) {
		t.Errorf("another account: %v", err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*twilio.Config){
		"account":     func(c *twilio.Config) { c.AccountSID = "AC1" },
		"token":       func(c *twilio.Config) { c.AuthToken = "short" },
		"no sender":   func(c *twilio.Config) { c.From = "" },
		"two senders": func(c *twilio.Config) { c.ServiceSID = "MG0123456789abcdef0123456789abcdef" },
		"service":     func(c *twilio.Config) { c.From, c.ServiceSID = "", "MG1" },
		"address":     func(c *twilio.Config) { c.StatusURL = "pay.example" },
	} {
		cfg := config("")
		change(&cfg)
		if _, err := twilio.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), authToken) {
			t.Errorf("%s: shows the token", name)
		}
	}
}

func FuzzParseReceipts(f *testing.F) {
	p, err := twilio.New(config(""))
	if err != nil {
		f.Fatal(err)
	}
	form := url.Values{"AccountSid": {account}, "MessageSid": {sent}, "MessageStatus": {"delivered"}}
	f.Add(form.Encode(), signed(statusURL, form).Get("X-Twilio-Signature"))
	f.Add("%zz", "AAAA")
	f.Fuzz(func(t *testing.T, body, signature string) {
		updates, err := p.ParseReceipts(t.Context(), channel.Request{Header: http.Header{"X-Twilio-Signature": {signature}}, Body: []byte(body)})
		if err == nil {
			for _, u := range updates {
				if u.ProviderID == "" || u.Status == "" {
					t.Errorf("%q: %+v", body, u)
				}
			}
		}
	})
}
