package standardhook_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"anxin/engine/channel"
	"anxin/engine/channel/channeltest"
	"anxin/engine/channel/standardhook"
	"anxin/engine/channel/standardhook/standardhooktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSuite(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]standardhooktest.Fixture{
		"v1": {}, "v1a": {Pair: true}, "callbacks alone": {NoGateway: true}, "v1a callbacks alone": {Pair: true, NoGateway: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			channeltest.Run(t, f)
		})
	}
}

func FuzzCallback(f *testing.F) { channeltest.FuzzCallback(f, standardhooktest.Fixture{}) }
func FuzzSigned(f *testing.F)   { channeltest.FuzzSigned(f, standardhooktest.Fixture{Pair: true}) }
func FuzzAnswer(f *testing.F)   { channeltest.FuzzAnswer(f, standardhooktest.Fixture{}) }

const event = `{"type":"payment.updated","order_no":"A1001","merchant":"acct-1","amount":8800,"currency":"CNY","status":"succeeded","channel_txn":"tx1","at":"2026-11-23T08:00:00Z"}`

// signed is a callback with a signature header of the test's making.
func signed(body string, at time.Time, signature string) channel.Request {
	return channel.Request{
		Header: http.Header{"Webhook-Id": {"evt1"}, "Webhook-Timestamp": {strconv.FormatInt(at.Unix(), 10)}, "Webhook-Signature": {signature}},
		Body:   []byte(body), ReceivedAt: at,
	}
}

func by(t *testing.T, secret, body string, at time.Time) string {
	t.Helper()
	w, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := w.Sign("evt1", at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// While keys are changed a message carries a signature by each, and either side may hold
// only one of them.
func TestAnyOfSeveralSignaturesServesDuringARotation(t *testing.T) {
	t.Parallel()
	ch := standardhooktest.Fixture{}.Open(t, "http://127.0.0.1:9")
	at := time.Now().Truncate(time.Second)
	old, now := by(t, standardhooktest.OldSecret, event, at), by(t, standardhooktest.Secret, event, at)
	other := by(t, standardhooktest.QuestionOf, event, at)
	for signature, good := range map[string]bool{
		old: true, now: true, old + " " + now: true, other + " " + old: true, "v2,AAAA " + now: true, "v1,%% " + now: true,
		other: false, "v1a," + strings.TrimPrefix(now, "v1,"): false, "v1, " + now[3:]: false, strings.ReplaceAll(now, "v1", "V1"): false, "": false,
	} {
		if _, err := ch.Verify(t.Context(), signed(event, at, signature)); (err == nil) != good {
			t.Errorf("%s: %v", signature, err)
		}
	}
}

func TestADotInTheIDWouldGiveASignatureTwoReadings(t *testing.T) {
	t.Parallel()
	ch := standardhooktest.Fixture{}.Open(t, "http://127.0.0.1:9")
	at := time.Now().Truncate(time.Second)
	w, err := standardwebhooks.NewWebhook(standardhooktest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a.1", "", "a b", "a\x7f", strings.Repeat("x", 129)} {
		signature, err := w.Sign(id, at, []byte(event))
		if err != nil {
			t.Fatal(err)
		}
		r := signed(event, at, signature)
		r.Header.Set("Webhook-Id", id)
		if _, err := ch.Verify(t.Context(), r); !errors.Is(err, channel.ErrSignature) {
			t.Errorf("id %q: %v", id, err)
		}
	}
}

func TestEventsThatSayNothingUsable(t *testing.T) {
	t.Parallel()
	ch := standardhooktest.Fixture{}.Open(t, "http://127.0.0.1:9")
	at := time.Now().Truncate(time.Second)
	for change, want := range map[string]string{
		`"order_no":"A1001"`:          `"order_no":"A/1001"`,
		`"amount":8800`:               `"amount":88.00`,
		`"currency":"CNY"`:            `"currency":"cny"`,
		`"status":"succeeded"`:        `"status":"paid"`,
		`"at":"2026-11-23T08:00:00Z"`: `"at":"yesterday"`,
		`"channel_txn":"tx1"`:         `"channel_txn":"t x"`,
		`"merchant":"acct-1"`:         `"merchant":"acct\n1"`,
		`payment.updated`:             `refund.updated`,
		`"type":"payment.updated"`:    `"kind":"payment.updated"`,
		`"amount":8800,`:              `"amount":8800,"reason":"No Money!",`,
	} {
		body := strings.Replace(event, change, want, 1)
		if notes, err := ch.Verify(t.Context(), signed(body, at, by(t, standardhooktest.Secret, body, at))); !errors.Is(err, channel.ErrMalformed) {
			t.Errorf("%s: %+v, %v", want, notes, err)
		}
	}
}

func TestConfigurationsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	const key = standardhooktest.Secret
	for name, test := range map[string]struct {
		cfg  standardhook.Config
		want error
	}{
		"no key":             {standardhook.Config{}, standardhook.ErrCallbackKeys},
		"bad key":            {standardhook.Config{CallbackKeys: []string{key, "marked"}}, standardhook.ErrCallbackKeys},
		"the private half":   {standardhook.Config{CallbackKeys: []string{privateHalf}}, standardhook.ErrCallbackKeys},
		"bad merchant":       {standardhook.Config{CallbackKeys: []string{key}, Merchant: "a b"}, standardhook.ErrMerchant},
		"plain http":         {standardhook.Config{CallbackKeys: []string{key}, QueryURL: "http://pay.example/q", QuestionKeys: []string{key}}, standardhook.ErrURL},
		"password":           {standardhook.Config{CallbackKeys: []string{key}, CloseURL: "https://u:p@pay.example/c", QuestionKeys: []string{key}}, standardhook.ErrURL},
		"unsigned questions": {standardhook.Config{CallbackKeys: []string{key}, QueryURL: "https://pay.example/q"}, standardhook.ErrQuestionKeys},
		"a public key signs": {standardhook.Config{CallbackKeys: []string{key}, QuestionKeys: []string{standardhooktest.PublicKey()}}, standardhook.ErrQuestionKeys},
		"as it should be":    {standardhook.Config{CallbackKeys: []string{key}, QueryURL: "https://pay.example/q", QuestionKeys: []string{privateHalf}}, nil},
	} {
		_, err := standardhook.New(test.cfg)
		if !errors.Is(err, test.want) || (err != nil && strings.Contains(err.Error(), "marked")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// privateHalf is an Ed25519 pair in its text form.
var privateHalf = "whsk_" + base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef")))
