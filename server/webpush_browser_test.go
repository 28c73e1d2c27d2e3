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
	"maps"
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
	got  chan pushed
}

// pushed is what the server sent, as the page's worker is to have it.
type pushed struct {
	path  string // of the subscription
	plain []byte
}

func newPushService(t *testing.T) *pushService {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &pushService{key: key, auth: make([]byte, 16), got: make(chan pushed, 8)}
	_, _ = rand.Read(s.auth)
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		plain := []byte(nil)
		if err == nil {
			plain, err = s.open(body)
		}
		if err != nil || !strings.HasPrefix(r.Header.Get("Authorization"), "vapid t=") {
			t.Errorf("push to %s: %v", r.URL.Path, err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusCreated)
		s.got <- pushed{r.URL.Path, plain}
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

// subscribing is a script that has pages, or their worker, subscribe to the service.
func (s *pushService) subscribing(path string) string {
	encode := base64.RawURLEncoding.EncodeToString
	subscription, _ := json.Marshal(object{
		"endpoint": s.URL + path, "keys": object{"p256dh": encode(s.key.PublicKey().Bytes()), "auth": encode(s.auth)},
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

// TestABrowserIsToldTheResultWhereItsPayerAsked walks from the tap to the notification and
// back to the page: the payer asks, the channel confirms, the push service gets what only
// this browser can read, and the page's real worker shows it; an older message that comes
// late does not hide it, news takes its place, and a tap on it leads to the order.
func TestABrowserIsToldTheResultWhereItsPayerAsked(t *testing.T) {
	t.Parallel()
	v, service := askInBrowser(t)
	v.p.bring("A1")
	var message map[string]any
	if err := json.Unmarshal(service.take(v, "/push/1"), &message); err != nil {
		t.Fatal(err)
	}
	w := workerOf(v)
	w.deliver(message)
	w.untilShown("the result", func(list []notification) bool { return len(list) == 1 })
	result := w.shown()[0]
	link, _ := message["link"].(string)
	if message["notice"] != "succeeded" || result.Title == "" || result.Title != message["title"] || result.Body != message["body"] ||
		result.Tag == "" || result.Tag != message["tag"] || !strings.HasPrefix(link, v.p.base+"/pay/A1") {
		t.Errorf("sent %v, shown %+v", message, result)
	}

	tell := func(notice, title, tag string) {
		t.Helper()
		news := maps.Clone(message)
		news["notice"], news["title"], news["tag"] = notice, title, tag
		w.deliver(news)
	}
	tell("delayed", "Being confirmed", result.Tag)
	tell("succeeded", "Of another order", "another") // when this is shown, the one before has been dealt with
	w.untilShown("an older message does not take a result back", are("Of another order", result.Title))
	tell("refunded", "Refunded", result.Tag)
	w.untilShown("newer news takes the place of the result", are("Of another order", "Refunded"))

	if opened := w.tap("Refunded"); opened != link {
		t.Errorf("a tap leads to %q, not to %q", opened, link)
	}
	w.untilShown("what was tapped is gone", are("Of another order"))
	v.do(chromedp.Navigate(link), chromedp.WaitVisible(`#anxin[data-status="succeeded"]`, chromedp.ByQuery))
	if strings.Contains(v.p.logs(), service.URL) {
		t.Error("the log tells where the browser can be reached")
	}
}

// TestABrowserThatIsSubscribedAnewIsStillTold holds that the worker tells the server where
// its browser is reached from now on.
func TestABrowserThatIsSubscribedAnewIsStillTold(t *testing.T) {
	t.Parallel()
	v, service := askInBrowser(t)
	await(t, "what it was subscribed with is kept", func() bool {
		kept := false
		v.do(promised(`caches.match('/pay/subscription.json').then(Boolean)`, &kept))
		return kept
	})
	w := workerOf(v)
	w.run(service.subscribing("/push/2"), nil)
	w.dispatch(`new ExtendableEvent('pushsubscriptionchange')`)
	v.p.bring("A1")
	service.take(v, "/push/2")
}

// askInBrowser has a payer, whose payment the channel does not confirm yet, ask in a browser
// to be told the result by it.
func askInBrowser(t *testing.T) (visit, *pushService) {
	t.Helper()
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

	v := visit{browser(t), t, p}
	v.do(cdp.SetPermission(&cdp.PermissionDescriptor{Name: "notifications"}, cdp.PermissionSettingGranted).WithOrigin(p.base),
		chromedp.ActionFunc(func(ctx context.Context) error {
			_, err := page.AddScriptToEvaluateOnNewDocument(service.subscribing("/push/1")).Do(ctx)
			return err
		}),
		chromedp.Navigate(address.String()),
		chromedp.Click(`form[data-worker] button`, chromedp.ByQuery),
		chromedp.WaitVisible(`form[data-send="optout"]`, chromedp.ByQuery))
	return v, service
}

// take waits for what the server sends, to one subscription.
func (s *pushService) take(v visit, path string) []byte {
	v.t.Helper()
	select {
	case sent := <-s.got:
		if sent.path != path {
			v.t.Errorf("sent to %s, not to %s", sent.path, path)
		}
		return sent.plain
	case <-v.Done():
		v.t.Fatalf("it was never sent\n%s", v.p.logs())
		panic("unreachable")
	}
}
