package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"anxin/hub/client"
	"anxin/server/httpapi"
)

// impatient is a configuration in which payers are told after seconds, not minutes.
const impatient = "stages: {delayed: 1s, prolonged: 3s}\n"

func withConfig(t *testing.T, dir, text string) string {
	t.Helper()
	path := filepath.Join(dir, "anxin.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "ANXIN_CONFIG=" + path
}

// inbox collects the live states of an inbox until done says so.
func (p *process) inbox(topic, token string, done func(httpapi.InboxView) bool) []httpapi.InboxView {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	var states []httpapi.InboxView
	c, err := client.New(client.Config{
		URL:   "ws" + strings.TrimPrefix(p.base, "http") + "/v1/live",
		Token: func(context.Context, string) (string, error) { return token, nil },
		Handle: func(f client.Frame) {
			var v httpapi.InboxView
			if err := json.Unmarshal(f.Data, &v); err != nil || f.Type == client.Error {
				p.t.Errorf("frame %+v", f)
				cancel()
				return
			}
			states = append(states, v)
			if done(v) {
				cancel()
			}
		},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	c.Subscribe(topic)
	_ = c.Run(ctx)
	if len(states) == 0 || !done(states[len(states)-1]) {
		p.t.Fatalf("the inbox shows %+v\n%s", states, p.logs())
	}
	return states
}

// TestTheInboxTellsEachStageLive is the wait of a payer whose callback is lost, in the
// message centre: each stage comes live, in order, once, and the result ends it.
func TestTheInboxTellsEachStageLive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startServer(t, dir, withConfig(t, dir, impatient))
	token := p.register("A1")["inbox_token"].(string)
	p.pay("A1", object{"callback": object{"lost": true}, "query": object{"processing": 2}})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.base+"/v1/inbox", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	var empty httpapi.InboxView
	err = json.NewDecoder(resp.Body).Decode(&empty)
	_ = resp.Body.Close()
	if err != nil || empty.Seq != 1 || len(empty.Items) != 0 {
		t.Fatalf("an inbox without messages: %+v, %v", empty, err)
	}
	p.call(http.MethodPost, "/v1/orders/A1/claim", nil)
	states := p.inbox(empty.Topic, token, func(v httpapi.InboxView) bool { return len(v.Items) == 3 })
	last := states[len(states)-1]
	for i, want := range []string{"succeeded", "prolonged", "delayed"} {
		if got := string(last.Items[i].Notice); got != want {
			t.Errorf("item %d is %s, want %s", i, got, want)
		}
	}
	if last.Unread != 3 || last.Seq != 4 || !strings.Contains(last.Items[0].Body, "Sorry for the wait") {
		t.Errorf("the last state is %+v", last)
	}
	if page := p.text(strings.TrimPrefix(last.Items[0].PageURL, p.base)); !strings.Contains(page, "Payment confirmed") {
		t.Error("the link of a message does not lead to the order's page")
	}
}

// TestTheSandboxShowsEachStageBySMS is the same wait in the outbox of the simulated
// provider, with the plan previewed on the way.
func TestTheSandboxShowsEachStageBySMS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startServer(t, dir, withConfig(t, dir, impatient+`notifications:
  quiet_hours: {} # whatever the time of the test
  rules:
    - notices: [delayed, prolonged, succeeded]
      tell: [{ channel: sms }, { channel: inbox }]
`))
	order := registration("A1")
	order["payer"] = object{"id": "u-1", "locale": "zh-CN", "phone": "13800138000"}
	if status, answer := p.call(http.MethodPost, "/v1/orders", order); status != http.StatusCreated {
		t.Fatalf("register: %d %v", status, answer)
	}
	var preview strings.Builder
	if err := runNotify(t.Context(), []string{"preview", "-url", p.base, "-text", "A1"}, os.Getenv, &preview); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"delayed (if it came now)", "+86138****8000", "not_by_this_channel", "请不要重复支付"} {
		if !strings.Contains(preview.String(), want) {
			t.Errorf("the preview lacks %q:\n%s", want, preview.String())
		}
	}
	p.pay("A1", object{"callback": object{"lost": true}, "query": object{"processing": 2}})
	p.call(http.MethodPost, "/v1/orders/A1/claim", nil)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	var texts []string
	for deadline := time.Now().Add(patience); len(texts) < 3 && time.Now().Before(deadline); <-again.C {
		texts = nil
		_, answer := p.call(http.MethodGet, "/sandbox/v1/messages", nil)
		items, _ := answer["items"].([]any)
		for _, it := range items {
			texts = append(texts, it.(map[string]any)["text"].(string))
		}
	}
	if len(texts) != 3 || !strings.Contains(texts[0], "支付成功") || !strings.Contains(texts[2], "正在确认") {
		t.Fatalf("the outbox holds %q\n%s", texts, p.logs())
	}
	if page := p.text("/sandbox/outbox?lang=en"); !strings.Contains(page, "支付成功") || strings.Contains(page, "13800138000") {
		t.Error("the outbox does not show the message, or shows a number")
	}
	if strings.Contains(p.logs(), "13800138000") || !strings.Contains(p.logs(), "sandbox: a message was sent") {
		t.Errorf("the log:\n%s", p.logs())
	}
}

// TestThePlanIsReadAnewWhileTheServerRuns edits the file: what is sent next follows it, and
// a file that cannot be leaves what holds.
func TestThePlanIsReadAnewWhileTheServerRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const begin = "notifications: {quiet_hours: {}, rules: [{notices: [delayed], tell: [{channel: sms}]}]"
	env := withConfig(t, dir, begin+"}\n")
	p := startServer(t, dir, env)
	order := registration("A1")
	order["payer"] = object{"id": "u-1", "locale": "en", "phone": "+8613800138000"}
	p.call(http.MethodPost, "/v1/orders", order)
	shows := func(want string) {
		t.Helper()
		again := time.NewTicker(20 * time.Millisecond)
		defer again.Stop()
		got := ""
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-again.C {
			var b strings.Builder
			if err := runNotify(t.Context(), []string{"preview", "-url", p.base, "-text", "A1"}, os.Getenv, &b); err != nil {
				t.Fatal(err)
			}
			if got = b.String(); strings.Contains(got, want) {
				return
			}
		}
		t.Fatalf("the preview lacks %q:\n%s\n%s", want, got, p.logs())
	}
	shows("is being confirmed")
	withConfig(t, dir, begin+", templates: [{name: delayed, language: en, version: 2, title: t, body: \"{{.OrderNo}}\", short: \"our own words {{.OrderNo}}\"}]}\n")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	shows("our own words")
	withConfig(t, dir, begin+", templates: [{name: delayed, language: en, version: 3, title: t, body: \"{{.Nothing}}\"}]}\n")
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); !strings.Contains(p.logs(), "{{.Nothing}}"); <-again.C {
		if time.Now().After(deadline) {
			t.Fatalf("the log does not name the mistake:\n%s", p.logs())
		}
	}
	shows("our own words")
	if text := p.text("/metrics"); !strings.Contains(text, `anxin_message_calls_total{provider="outbox",channel="sms"} 0`) {
		t.Error("the provider has no figures")
	}
}
