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
	"slices"
	"strings"
	"testing"

	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/serviceworker"
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

// TestABrowserIsToldTheResultWhereItsPayerAsked walks from the tap to the notification: the
// payer asks, the channel confirms, the push service gets what only this browser can read,
// and the page's real worker shows it; an older message that comes late does not hide it.
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
	workers := make(chan serviceworker.RegistrationID, 8)
	chromedp.ListenTarget(ctx, func(ev any) {
		if e, ok := ev.(*serviceworker.EventWorkerVersionUpdated); ok {
			for _, v := range e.Versions {
				if v.Status == serviceworker.VersionStatusActivated {
					select {
					case workers <- v.RegistrationID:
					default:
					}
				}
			}
		}
	})
	do := func(actions ...chromedp.Action) {
		t.Helper()
		if err := chromedp.Run(ctx, actions...); err != nil {
			t.Fatalf("%v\n%s", err, p.logs())
		}
	}
	do(cdp.SetPermission(&cdp.PermissionDescriptor{Name: "notifications"}, cdp.PermissionSettingGranted).WithOrigin(p.base),
		serviceworker.Enable(),
		chromedp.ActionFunc(func(ctx context.Context) error {
			_, err := page.AddScriptToEvaluateOnNewDocument(service.subscribing()).Do(ctx)
			return err
		}),
		chromedp.Navigate(address.String()),
		chromedp.Click(`form[data-worker] button`, chromedp.ByQuery),
		chromedp.WaitVisible(`form[data-send="optout"]`, chromedp.ByQuery))

	p.bring("A1")
	sent := receive(ctx, t, service.got)
	worker := receive(ctx, t, workers)
	deliver := func(message []byte) {
		t.Helper()
		do(serviceworker.DeliverPushMessage(p.base, worker, string(message)))
	}
	deliver(sent)
	shown := func() (list []struct{ Title, Body, Tag string }) {
		t.Helper()
		do(chromedp.Evaluate(`navigator.serviceWorker.ready.then((r) => r.getNotifications()).then((list) => list.map(({title, body, tag}) => ({title, body, tag})))`,
			&list, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
		return list
	}
	await(t, "the worker shows the result", func() bool { return len(shown()) == 1 })
	var message map[string]any
	if err := json.Unmarshal(sent, &message); err != nil {
		t.Fatal(err)
	}
	result := shown()[0]
	if message["notice"] != "succeeded" || result.Title == "" || result.Title != message["title"] || result.Body != message["body"] || result.Tag != message["tag"] || result.Tag == "" {
		t.Errorf("sent %s, shown %+v", sent, result)
	}

	tell := func(notice, title, tag string) {
		t.Helper()
		message["notice"], message["title"], message["tag"] = notice, title, tag
		deliver([]byte(mustMarshal(t, message)))
	}
	titles := func() string {
		t.Helper()
		var all []string
		for _, n := range shown() {
			all = append(all, n.Title)
		}
		slices.Sort(all)
		return strings.Join(all, ", ")
	}
	tell("delayed", "Being confirmed", result.Tag)
	tell("succeeded", "Of another order", "another") // when this is shown, the one before has been dealt with
	await(t, "an older message does not take a result back", func() bool { return titles() == "Of another order, "+result.Title })
	tell("refunded", "Refunded", result.Tag)
	await(t, "newer news takes the place of the result", func() bool { return titles() == "Of another order, Refunded" })
	if strings.Contains(p.logs(), service.URL) {
		t.Error("the log tells where the browser can be reached")
	}
}

func receive[T any](ctx context.Context, t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-ctx.Done():
		t.Fatal("it never came")
		panic("unreachable")
	}
}

func mustMarshal(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
