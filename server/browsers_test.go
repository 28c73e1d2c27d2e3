package main

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"
)

// With nothing configured a payer's browser can ask to be told. The message is sealed for it
// and goes to the sandbox's push service; the outbox shows it as the payer would read it.
func TestTheSandboxTellsBrowsers(t *testing.T) {
	t.Parallel()
	p := startServer(t, t.TempDir())
	p.register("A1")
	_, offers := p.call(http.MethodGet, "/v1/orders/A1/optin", nil)
	key := ""
	items, _ := offers["items"].([]any)
	for _, it := range items {
		if offer := it.(map[string]any); offer["kind"] == "webpush" {
			key, _ = offer["application_server_key"].(string)
		}
	}
	if point, err := base64.RawURLEncoding.DecodeString(key); err != nil || len(point) != 65 {
		t.Fatalf("offered %v", offers)
	}
	browser, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wish := object{"kind": "webpush", "subscription": object{"endpoint": "https://push.example/secret-part", "keys": object{
		"p256dh": base64.RawURLEncoding.EncodeToString(browser.PublicKey().Bytes()), "auth": base64.RawURLEncoding.EncodeToString(make([]byte, 16)),
	}}}
	if status, answer := p.call(http.MethodPost, "/v1/orders/A1/optin", wish); status != http.StatusOK {
		t.Fatalf("opted in: %d %v", status, answer)
	}
	p.pay("A1", object{})
	p.call(http.MethodPost, "/v1/orders/A1/claim", nil)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	page := ""
	for deadline := time.Now().Add(patience); !strings.Contains(page, "Web push") && time.Now().Before(deadline); <-again.C {
		page = p.text("/sandbox/outbox?lang=en")
	}
	if !strings.Contains(page, "Web push") || !strings.Contains(page, "browser:****") || strings.Contains(page, "secret-part") {
		t.Errorf("the outbox shows\n%s\n%s", page, p.logs())
	}
	if logs := p.logs(); !strings.Contains(logs, "push service took a message") || strings.Contains(logs, "secret-part") {
		t.Errorf("logs:\n%s", logs)
	}
}
