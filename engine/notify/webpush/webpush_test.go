package webpush_test

import (
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"anxin/engine/notify"
	"anxin/engine/notify/providertest"
	"anxin/engine/notify/webpush"
)

const subject = "mailto:ops@shop.example"

var message = notify.Message{
	Channel: notify.WebPush, OrderNo: "A1001", Notice: notify.NoticeDelayed, CollapseKey: "order_A1001", Language: "zh-CN", TTL: time.Hour,
	Text: notify.Text{Title: "正在确认", Body: "您的资金是安全的 <&>"}, Link: "https://pay.example/pay/A1001",
}

func newKey(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

func setup(t *testing.T, cfg webpush.Config) *webpush.Provider {
	t.Helper()
	p, err := webpush.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// addressed sends every message to the browser, whose endpoint is known only once the
// service runs.
type addressed struct {
	*webpush.Provider
	to notify.Subscription
}

func (a addressed) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	m.To.WebPush = a.to
	return a.Provider.Send(ctx, m)
}

func TestProvider(t *testing.T) {
	t.Parallel()
	key, b := newKey(t), newBrowser(t)
	public := setup(t, webpush.Config{Key: key, Subject: subject}).PublicKey()
	private := b.subscription("")
	providertest.Run(t, providertest.Fixture{
		Open: providertest.HTTPService{
			Check:  func(c providertest.Call) (string, error) { return check(c, b, public) },
			Answer: answer,
			Provider: func(t *testing.T, s *httptest.Server) notify.Provider {
				return addressed{setup(t, webpush.Config{Key: key, Subject: subject, AllowPrivate: true}), b.subscription(s.URL + "/wpush/v2/gAAAmarked")}
			},
		}.Open,
		Message:    message,
		Behaviours: append([]providertest.Behaviour{providertest.Throttle, providertest.RefuseContent}, providertest.Required...),
		Secrets:    []string{string(key), "gAAAmarked", private.Auth, private.P256DH},
	})
}

// check is what a push service and then the browser look at.
func check(c providertest.Call, b browser, public string) (string, error) {
	if err := vapid(c, public); err != nil {
		return "", fmt.Errorf("vapid: %w", err)
	}
	if c.Header.Get("Ttl") != "3600" || c.Header.Get("Topic") != message.CollapseKey || c.Header.Get("Urgency") != "high" || c.Header.Get("Content-Encoding") != "aes128gcm" {
		return "", fmt.Errorf("headers %v", c.Header)
	}
	plain, err := b.decrypt(c.Content)
	if err != nil {
		return "", fmt.Errorf("decrypt: %w", err)
	}
	if (len(c.Content)-86-16)%512 != 0 {
		return "", fmt.Errorf("%d bytes tell how long the text is", len(c.Content))
	}
	var p webpush.Payload
	if err := json.Unmarshal(plain, &p); err != nil {
		return "", err
	}
	text, _, _ := strings.Cut(p.Body, " #")
	if text != message.Text.Body || p.Title != message.Text.Title || p.Tag != message.CollapseKey || p.Link != message.Link || p.Lang != "zh-CN" {
		return "", fmt.Errorf("payload %+v", p)
	}
	return p.ID, nil
}

// vapid verifies RFC 8292.
func vapid(c providertest.Call, public string) error {
	var token, key string
	if n, err := fmt.Sscanf(c.Header.Get("Authorization"), "vapid t=%s k=%s", &token, &key); err != nil || n != 2 {
		return fmt.Errorf("authorization %q", c.Header.Get("Authorization"))
	}
	token = strings.TrimSuffix(token, ",")
	point, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil || key != public || len(point) != 65 {
		return errors.New("key")
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errors.New("token")
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var said struct {
		Aud, Sub string
		Exp      int64
	}
	if err := json.Unmarshal(claims, &said); err != nil {
		return err
	}
	if left := time.Until(time.Unix(said.Exp, 0)); said.Aud != "http://"+c.Host || said.Sub != subject || left <= 0 || left > 24*time.Hour {
		return fmt.Errorf("claims %s", claims)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		return errors.New("signature")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return err
	}
	if !ecdsa.Verify(pub, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return errors.New("the signature does not verify")
	}
	return nil
}

func answer(b providertest.Behaviour, _ string) providertest.Reply {
	switch b {
	case providertest.Throttle:
		return providertest.Reply{Status: 429, Header: map[string]string{"Retry-After": "7"}}
	case providertest.BadAddress:
		return providertest.Reply{Status: 410, Body: `{"code":410,"errno":106}`}
	case providertest.RefuseContent:
		return providertest.Reply{Status: 413}
	case providertest.RefuseAccount:
		return providertest.Reply{Status: 403, Body: "the VAPID credentials do not correspond"}
	case providertest.Unavailable:
		return providertest.Reply{Status: 503}
	default:
		return providertest.Reply{Status: 201, Header: map[string]string{"Location": "https://push.example/m/1"}}
	}
}

// The example of RFC 8291, section 5 and appendix A.
func TestPublishedExample(t *testing.T) {
	t.Parallel()
	key := decode(t, "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
	sender, err := ecdh.P256().NewPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := webpush.EncryptWith(notify.Subscription{
		P256DH: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", Auth: "BTBZMqHH6r4Tts7J_aSIgg",
	}, sender, decode(t, "DGv6ra1nlYgDCS1FRnbzlw"), []byte("When I grow up, I want to be a watermelon"), 0)
	if err != nil {
		t.Fatal(err)
	}
	const want = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
	if text := base64.RawURLEncoding.EncodeToString(got); text != want {
		t.Errorf("got %s", text)
	}
}

func decode(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What is sent is read by the library that browsers' test suites use, on Node.
func TestIndependentDecryption(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	sender, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range []string{"", "支付成功", strings.Repeat("长", webpush.MaxPlain/3)} {
		salt := make([]byte, 16)
		if _, err := rand.Read(salt); err != nil {
			t.Fatal(err)
		}
		body, err := webpush.EncryptWith(b.subscription(""), sender, salt, []byte(plain), min(40, webpush.MaxPlain-len(plain)))
		if err != nil {
			t.Fatal(err)
		}
		if got := onNode(t, b, body); got != plain {
			t.Errorf("decrypted %d bytes, want %d", len(got), len(plain))
		}
	}
}

func onNode(t *testing.T, b browser, body []byte) string {
	t.Helper()
	const script = `
const ece = require("http_ece"), { createECDH } = require("crypto")
const [key, auth, body] = process.argv.slice(1).map((s) => Buffer.from(s, "base64url"))
const ecdh = createECDH("prime256v1")
ecdh.setPrivateKey(key)
process.stdout.write(ece.decrypt(body, { version: "aes128gcm", privateKey: ecdh, authSecret: auth.toString("base64url") }))`
	encode := base64.RawURLEncoding.EncodeToString
	cmd := exec.CommandContext(t.Context(), "node", "-e", script, "--", encode(b.key.Bytes()), encode(b.auth), encode(body))
	cmd.Dir = "../../../frontend" // where npm packages are
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, stderr.String())
	}
	return string(out)
}

// Browsers give endpoints: none may point into our network.
func TestEndpointsThatAreNotCalled(t *testing.T) {
	t.Parallel()
	called := make(chan struct{}, 1)
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called <- struct{}{} }))
	t.Cleanup(s.Close)
	p, b := setup(t, webpush.Config{Key: newKey(t), Subject: subject}), newBrowser(t)
	for _, endpoint := range []string{
		s.URL, strings.Replace(s.URL, "127.0.0.1", "localhost", 1), "http://push.example/1", "https://", "https://a:b@push.example/", "file:///etc/passwd",
		"https://169.254.169.254/latest", "https://[::1]/", "https://push.example/" + strings.Repeat("x", 3000),
	} {
		m := message
		m.To.WebPush = b.subscription(endpoint)
		_, err := p.Send(t.Context(), m)
		if failed, ok := errors.AsType[*notify.SendError](err); !ok || failed.Kind != notify.KindAddress {
			t.Errorf("%.40s: %v", endpoint, err)
		}
	}
	select {
	case <-called:
		t.Error("an endpoint of our own network was called")
	default:
	}
	for _, s := range []notify.Subscription{{Endpoint: "https://push.example/1"}, {Endpoint: "https://push.example/1", P256DH: "AAAA", Auth: "BTBZMqHH6r4Tts7J_aSIgg"}} {
		if p.Check(s) == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]webpush.Config{
		"key":     {Key: []byte("marked"), Subject: subject},
		"subject": {Key: newKey(t), Subject: "ops@shop.example"},
	} {
		if _, err := webpush.New(cfg); err == nil || strings.Contains(err.Error(), "marked") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
