package gateway_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	reference "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"anxin/engine/channel"
	"anxin/engine/notify"
	"anxin/engine/notify/gateway"
	"anxin/engine/notify/providertest"
	"anxin/engine/webhook"
)

const secretText = "whsec_bWFya2VkLXNlY3JldC1tYXJrZWQtc2VjcmV0LTAx"

var message = notify.Message{
	Channel: notify.Gateway, OrderNo: "A1001", Notice: notify.NoticeDelayed, CollapseKey: "order_A1001", Language: "zh-CN", Template: "delayed", Version: 3,
	To: notify.Address{PayerID: "u-1001"}, Text: notify.Text{Title: "正在确认", Body: "您的资金是安全的 <&>"}, Link: "https://pay.example/pay/A1001",
}

func setup(t *testing.T, url string, private bool) *gateway.Provider {
	t.Helper()
	secret, err := webhook.ParseSecret(secretText)
	if err != nil {
		t.Fatal(err)
	}
	p, err := gateway.New(gateway.Config{URL: url, Secrets: []webhook.Secret{secret}, AllowPrivate: private})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func oracle(t *testing.T) *reference.Webhook {
	t.Helper()
	w, err := reference.NewWebhook(secretText)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestProvider(t *testing.T) {
	t.Parallel()
	verifier := oracle(t)
	providertest.Run(t, providertest.Fixture{
		Open: providertest.HTTPService{
			Check:  func(c providertest.Call) (string, error) { return check(c, verifier) },
			Answer: answer,
			Provider: func(t *testing.T, s *httptest.Server) notify.Provider {
				t.Helper()
				return setup(t, s.URL+"/messages", true)
			},
		}.Open,
		Message:    message,
		Behaviours: append([]providertest.Behaviour{providertest.Throttle, providertest.RefuseContent}, providertest.Required...),
		Secrets:    []string{secretText},
	})
}

// check verifies by the specification's own library.
func check(c providertest.Call, verifier *reference.Webhook) (string, error) {
	if err := verifier.Verify(c.Content, c.Header); err != nil {
		return "", err
	}
	var b gateway.Body
	decoder := json.NewDecoder(strings.NewReader(string(c.Content)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&b); err != nil {
		return "", err
	}
	text, _, _ := strings.Cut(b.Data.Body, " #")
	want := gateway.Data{
		ID: c.Header.Get("webhook-id"), OrderNo: "A1001", PayerID: "u-1001", Notice: notify.NoticeDelayed, Language: "zh-CN",
		Title: message.Text.Title, Body: b.Data.Body, Link: message.Link, CollapseKey: "order_A1001", Template: "delayed", Version: 3,
	}
	if b.Type != gateway.TypeSend || b.Data != want || text != message.Text.Body {
		return "", fmt.Errorf("%+v", b)
	}
	return b.Data.ID, nil
}

func answer(b providertest.Behaviour, _ string) providertest.Reply {
	status := map[providertest.Behaviour]int{
		providertest.Throttle: 429, providertest.BadAddress: 404, providertest.RefuseContent: 422, providertest.RefuseAccount: 401,
		providertest.Unavailable: 503, providertest.Accept: 202,
	}
	return providertest.Reply{Status: status[b]}
}

func report(t *testing.T, data string) providertest.Report {
	t.Helper()
	body := []byte(`{"type":"message.report","timestamp":"2026-11-25T12:00:00Z","data":` + data + `}`)
	now := time.Now()
	signature, err := oracle(t).Sign("msg_r1", now, body)
	if err != nil {
		t.Fatal(err)
	}
	return providertest.Report{
		Header: http.Header{"Webhook-Id": {"msg_r1"}, "Webhook-Timestamp": {strconv.FormatInt(now.Unix(), 10)}, "Webhook-Signature": {signature}},
		Body:   body, ProviderID: "m1",
	}
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	p := setup(t, "https://gateway.example/", false)
	providertest.RunReceipts(t, providertest.ReceiptFixture{
		Parser: p, Delivered: report(t, `{"id":"m1","status":"delivered"}`), Failed: report(t, `{"id":"m1","status":"failed","code":"no_consent"}`),
		Secrets: []string{secretText},
	})
	for _, data := range []string{`{"id":"m1","status":"sent"}`, `{"id":"","status":"delivered"}`, `{"id":"m1","status":"failed","code":"Said <b>"}`, `[]`} {
		r := report(t, data)
		if _, err := p.ParseReceipts(t.Context(), channel.Request{Header: r.Header, Body: r.Body, ReceivedAt: time.Now()}); !errors.Is(err, channel.ErrMalformed) {
			t.Errorf("%s: %v", data, err)
		}
	}
	old := report(t, `{"id":"m1","status":"delivered"}`)
	if _, err := p.ParseReceipts(t.Context(), channel.Request{Header: old.Header, Body: old.Body, ReceivedAt: time.Now().Add(time.Hour)}); !errors.Is(err, channel.ErrStale) {
		t.Errorf("an hour old: %v", err)
	}
}

func TestPrivateNetworksAreNotCalled(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("called") }))
	t.Cleanup(s.Close)
	_, err := setup(t, s.URL, false).Send(t.Context(), message)
	if failed, ok := errors.AsType[*notify.SendError](err); !ok || failed.Kind != notify.KindRefused {
		t.Error(err)
	}
}

func FuzzParseReceipts(f *testing.F) {
	secret, err := webhook.ParseSecret(secretText)
	if err != nil {
		f.Fatal(err)
	}
	p, err := gateway.New(gateway.Config{URL: "https://gateway.example/", Secrets: []webhook.Secret{secret}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"type":"message.report","data":{"id":"m1","status":"delivered"}}`))
	now := time.Now()
	f.Fuzz(func(t *testing.T, body []byte) {
		header := http.Header{
			"Webhook-Id": {"1"}, "Webhook-Timestamp": {strconv.FormatInt(now.Unix(), 10)},
			"Webhook-Signature": {webhook.Sign([]webhook.Secret{secret}, "1", now, body)},
		}
		updates, err := p.ParseReceipts(t.Context(), channel.Request{Header: header, Body: body, ReceivedAt: now})
		if err != nil && !errors.Is(err, channel.ErrMalformed) {
			t.Fatal(err)
		}
		for _, u := range updates {
			if u.MessageID == "" || u.Status == "" {
				t.Errorf("%q: %+v", body, u)
			}
		}
	})
}
