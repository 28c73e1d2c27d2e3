package email_test

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"strings"
	"testing"

	"anxin/engine/channel"
	"anxin/engine/notify"
	"anxin/engine/notify/email"
	"anxin/engine/notify/providertest"
)

const bounceSecret = "marked-bounce-secret-0123"

var message = notify.Message{
	ID: "m1", Channel: notify.Email, OrderNo: "A1001", Notice: notify.NoticeDelayed, Language: "zh-CN", CollapseKey: "order_A1001",
	To:   notify.Address{Email: "payer@example.org"},
	Text: notify.Text{Title: "正在确认您的支付", Body: "您的资金是安全的。\n请不要重复支付。", HTML: "<p>您的资金是安全的。</p>"},
	Link: "https://pay.example/pay/A1001", Unsubscribe: "https://pay.example/unsubscribe?t=1",
}

func TestProvider(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Fixture{
		Open: func(t *testing.T) providertest.Stand { return stand(t) }, Message: message,
		Behaviours: append([]providertest.Behaviour{providertest.Throttle, providertest.RefuseContent, providertest.AddressQuota}, providertest.Required...),
		Secrets:    []string{password, bounceSecret},
	})
}

func TestWhatArrives(t *testing.T) {
	t.Parallel()
	s := stand(t)
	m := message
	m.Text.Title = "确认中\r\nBcc: everybody@example.org"
	receipt, err := s.Provider().Send(t.Context(), m)
	if err != nil || receipt.ProviderID != "m1@shop.example" {
		t.Fatalf("%+v, %v", receipt, err)
	}
	mail := s.mails[0]
	word := new(mime.WordDecoder)
	header := func(name string) string {
		text, err := word.DecodeHeader(mail.Header.Get(name))
		if err != nil {
			t.Error(err)
		}
		return text
	}
	for name, want := range map[string]string{
		"Subject": "确认中 Bcc: everybody@example.org", "From": "安心商店 <no-reply@shop.example>", "To": "<payer@example.org>", "Reply-To": "<help@shop.example>",
		"Bcc": "", "Auto-Submitted": "auto-generated", "Content-Language": "zh-CN", "References": "<order_A1001@shop.example>",
		"List-Unsubscribe": "<https://pay.example/unsubscribe?t=1>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click", "User-Agent": "", "X-Mailer": "",
	} {
		if got := strings.ReplaceAll(header(name), `"`, ""); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if mail.Header.Get("Date") == "" {
		t.Error("no date")
	}
	if parts := readParts(t, mail.Header.Get("Content-Type"), mail.Body); len(parts) != 2 ||
		parts[0] != "text/plain: "+m.Text.Body || parts[1] != "text/html: "+m.Text.HTML {
		t.Errorf("parts %q", parts)
	}
}

func readParts(t *testing.T, contentType string, body io.Reader) []string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s, %v", contentType, err)
	}
	var parts []string
	for reader := multipart.NewReader(body, params["boundary"]); ; {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		if part.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
			t.Errorf("encoding %q", part.Header.Get("Content-Transfer-Encoding"))
		}
		text, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		parts = append(parts, kind+": "+strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"))
	}
}

func TestAddressesThatAreMoreThanOne(t *testing.T) {
	t.Parallel()
	p := stand(t).Provider()
	for _, to := range []string{"", "payer", "a@example.org,b@example.org", "a@example.org\r\nBcc: b@example.org", `"x" <a@example.org>`} {
		m := message
		m.To.Email = to
		_, err := p.Send(t.Context(), m)
		if failed, ok := errors.AsType[*notify.SendError](err); !ok || failed.Kind != notify.KindAddress {
			t.Errorf("%q: %v", to, err)
		}
	}
}

func TestSTARTTLSIsDemanded(t *testing.T) {
	t.Parallel()
	p, err := email.New(plainConfig(t, email.STARTTLS))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Send(t.Context(), message)
	if failed, ok := errors.AsType[*notify.SendError](err); !ok || failed.Kind == notify.KindMaybeSent {
		t.Errorf("without TLS: %v", err)
	}
}

func bounce(id, action, status string) []byte {
	return fmt.Appendf(nil, "From: MAILER-DAEMON@mail.test\r\nTo: bounces@shop.example\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"+
		"Content-Type: multipart/report; report-type=delivery-status; boundary=\"b1\"\r\n\r\n"+
		"--b1\r\nContent-Type: text/plain\r\n\r\nCould not deliver to payer@example.org\r\n"+
		"--b1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.test\r\n\r\n"+
		"Final-Recipient: rfc822; payer@example.org\r\nAction: %s\r\nStatus: %s\r\nDiagnostic-Code: smtp; 550 no such user payer@example.org\r\n\r\n"+
		"--b1\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <%s>\r\nSubject: x\r\n\r\n--b1--\r\n", action, status, id)
}

func TestBounces(t *testing.T) {
	t.Parallel()
	p := stand(t).provider
	query := "secret=" + bounceSecret
	const id = "m1@shop.example"
	providertest.RunReceipts(t, providertest.ReceiptFixture{
		Parser:       p,
		Delivered:    providertest.Report{Header: http.Header{}, Query: query, Body: bounce(id, "delivered", "2.0.0"), ProviderID: id},
		Failed:       providertest.Report{Header: http.Header{}, Query: query, Body: bounce(id, "failed", "5.1.1"), ProviderID: id},
		DropsAddress: true, Unsigned: true, Secrets: []string{bounceSecret, password, "payer@example.org"},
	})
	full, err := p.ParseReceipts(t.Context(), channel.Request{Query: query, Body: bounce(id, "failed", "5.2.2")})
	if err != nil || full[0].DropAddress || full[0].Code != "bounced_5.2.2" {
		t.Errorf("a full mailbox: %+v, %v", full, err)
	}
	for name, body := range map[string][]byte{
		"of another domain": bounce("m1@other.example", "failed", "5.1.1"), "no status": bounce(id, "failed", "x"), "no mail": []byte("{}"),
		"no report": []byte("Subject: hello\r\n\r\nhello"),
	} {
		if _, err := p.ParseReceipts(t.Context(), channel.Request{Query: query, Body: body}); !errors.Is(err, channel.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if late, err := p.ParseReceipts(t.Context(), channel.Request{Query: query, Body: bounce(id, "delayed", "4.4.1")}); err != nil || len(late) != 0 {
		t.Errorf("delayed: %+v, %v", late, err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	good := plainConfig(t, email.Plain)
	for name, change := range map[string]func(*email.Config){
		"from":       func(c *email.Config) { c.From = "shop" },
		"reply":      func(c *email.Config) { c.ReplyTo = "shop" },
		"host":       func(c *email.Config) { c.Host = "" },
		"port":       func(c *email.Config) { c.Port = 0 },
		"security":   func(c *email.Config) { c.Security = "ssl" },
		"plain":      func(c *email.Config) { c.Host = "mail.example" },
		"half":       func(c *email.Config) { c.Username = "shop" },
		"the secret": func(c *email.Config) { c.BounceSecret = "marked" },
	} {
		cfg := good
		change(&cfg)
		if _, err := email.New(cfg); err == nil || strings.Contains(err.Error(), "marked") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzBounces(f *testing.F) {
	p, err := email.New(email.Config{Host: "127.0.0.1", Port: 25, Security: email.Plain, From: "no-reply@shop.example", BounceSecret: bounceSecret})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bounce("m1@shop.example", "failed", "5.1.1"))
	f.Add([]byte("Content-Type: multipart/report; boundary=\"\"\r\n\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		updates, err := p.ParseReceipts(t.Context(), channel.Request{Query: "secret=" + bounceSecret, Body: body})
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
