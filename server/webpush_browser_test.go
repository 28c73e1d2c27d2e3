package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// pushService stands in for the service of a browser's maker, and for the browser's end of
// the encryption: Chromium without its maker's account subscribes to none.
type pushService struct {
	*httptest.Server

	key  *ecdh.PrivateKey
	auth []byte
	got  chan []byte // what the server sent, as the page's worker is to have it
}

func newPushService(t *testing.T) *pushService {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &pushService{key: key, auth: make([]byte, 16), got: make(chan []byte, 8)}
	_, _ = rand.Read(s.auth)
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		plain := []byte(nil)
		if err == nil {
			plain, err = s.open(body)
		}
		if err != nil || r.URL.Path != "/push/1" || !strings.HasPrefix(r.Header.Get("Authorization"), "vapid t=") {
			t.Errorf("push to %s: %v", r.URL.Path, err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusCreated)
		s.got <- plain
	}))
	t.Cleanup(s.Close)
	return s
}

// open decrypts as RFC 8291 and RFC 8188 say: one record, after salt, size and the sender's key.
func (s *pushService) open(body []byte) ([]byte, error) {
	const salted, size, point = 16, 4, 65
	if len(body) < salted+size+1+point || body[salted+size] != point {
		return nil, fmt.Errorf("%d bytes are no message", len(body))
	}
	salt, sender, sealed := body[:salted], body[salted+size+1:][:point], body[salted+size+1+point:]
	public, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return nil, err
	}
	shared, err := s.key.ECDH(public)
	if err != nil {
		return nil, err
	}
	derive := func(secret, salt []byte, info string, n int) []byte {
		out, hkdfErr := hkdf.Key(sha256.New, secret, salt, info, n)
		if hkdfErr != nil {
			err = hkdfErr
		}
		return out
	}
	secret := derive(shared, s.auth, "WebPush: info\x00"+string(s.key.PublicKey().Bytes())+string(sender), 32)
	key, nonce := derive(secret, salt, "Content-Encoding: aes128gcm\x00", 16), derive(secret, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	padded, err := gcm.Open(nil, nonce, sealed, nil)
	if err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(strings.TrimRight(string(padded), "\x00"), "\x02")), nil
}

// subscribing is a script that has pages subscribe to the service.
func (s *pushService) subscribing() string {
	encode := base64.RawURLEncoding.EncodeToString
	subscription, _ := json.Marshal(object{
		"endpoint": s.URL + "/push/1", "keys": object{"p256dh": encode(s.key.PublicKey().Bytes()), "auth": encode(s.auth)},
	})
	return `PushManager.prototype.getSubscription = async () => null;
PushManager.prototype.subscribe = async (options) => {
	if (!options.userVisibleOnly || options.applicationServerKey.length !== 65) throw new Error("not as browsers want it");
	return {toJSON: () => (` + string(subscription) + `)};
};`
}

func vapidKey(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, "push.pem"), "EC PRIVATE KEY", der)
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestABrowserIsToldTheResultWhereItsPayerAsked walks from the tap to the message: the
// payer asks, the page's real worker is registered, the channel confirms, and the push
// service gets what only this browser can read.
func TestABrowserIsToldTheResultWhereItsPayerAsked(t *testing.T) {
	t.Parallel()
	dir, service := t.TempDir(), newPushService(t)
	vapidKey(t, dir)
	roots := filepath.Join(dir, "roots.pem")
	writePEM(t, roots, "CERTIFICATE", service.Certificate().Raw)
	p := startServer(t, dir, "SSL_CERT_FILE="+roots, withConfig(t, dir, `notifications:
  providers:
    - name: browsers
      kind: webpush
      account: {key: "file:`+filepath.Join(dir, "push.pem")+`", subject: "mailto:ops@shop.example", allow_private: true}
  rules:
    - notices: [succeeded, failed]
      tell: [{ channel: webpush }]
`))
	address, err := url.Parse(p.register("A1")["page_url"].(string))
	if err != nil {
		t.Fatal(err)
	}
	p.pay("A1", object{"callback": object{"lost": true}, "query": object{"processing": 99}})
	p.call(http.MethodPost, "/v1/orders/A1/claim", nil)
	address.Path += "/optin"

	ctx := browser(t)
	do := func(actions ...chromedp.Action) {
		t.Helper()
		if err := chromedp.Run(ctx, actions...); err != nil {
			t.Fatalf("%v\n%s", err, p.logs())
		}
	}
	do(cdp.SetPermission(&cdp.PermissionDescriptor{Name: "notifications"}, cdp.PermissionSettingGranted).WithOrigin(p.base),
		chromedp.ActionFunc(func(ctx context.Context) error {
			_, err := page.AddScriptToEvaluateOnNewDocument(service.subscribing()).Do(ctx)
			return err
		}),
		chromedp.Navigate(address.String()),
		chromedp.Click(`form[data-worker] button`, chromedp.ByQuery),
		chromedp.WaitVisible(`form[data-send="optout"]`, chromedp.ByQuery))

	p.bring("A1")
	var sent []byte
	select {
	case sent = <-service.got:
	case <-ctx.Done():
		t.Fatalf("it was never sent\n%s", p.logs())
	}
	var message struct{ Notice, Title, Body, Tag, Link string }
	if err := json.Unmarshal(sent, &message); err != nil {
		t.Fatal(err)
	}
	if message.Notice != "succeeded" || message.Title == "" || message.Body == "" || message.Tag == "" || !strings.HasPrefix(message.Link, p.base+"/pay/A1") {
		t.Errorf("the browser is told %s", sent)
	}
	if strings.Contains(p.logs(), service.URL) {
		t.Error("the log tells where the browser can be reached")
	}
}
