// Package standardhooktest plays the other side of a standardhook channel, from its
// documentation, with the reference library of Standard Webhooks for v1 and Go's own
// Ed25519 for v1a.
package standardhooktest

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"anxin/engine/channel"
	"anxin/engine/channel/channeltest"
	"anxin/engine/channel/standardhook"
	"anxin/engine/order"
)

// Keys of the account, known to everybody who reads this. The old one is on its way out, the
// foreign one somebody else's.
const (
	Secret     = "whsec_bWFya2VkLXNlY3JldC1vZi1jYWxsYmFja3MtMDAx" // #nosec G101 -- of tests
	OldSecret  = "whsec_bWFya2VkLXNlY3JldC1vZi1jYWxsYmFja3Mtb2xk" // #nosec G101 -- of tests
	QuestionOf = "whsec_bWFya2VkLXNlY3JldC1vZi1xdWVzdGlvbnMtMDAx"
	Foreign    = "whsec_c29tZWJvZHkgZWxzZSBzaWducyB3aXRoIHRoaXMw"
	Merchant   = "acct-1"
	header     = "webhook-"
)

// Fixture is one account, in one of its forms.
type Fixture struct {
	Pair      bool // Ed25519 keys, signature v1a
	NoGateway bool // callbacks alone
}

var _ channeltest.Fixture = Fixture{}

// pair is the other side's Ed25519 key, and pairOfOthers somebody else's.
var (
	pair         = ed25519.NewKeyFromSeed([]byte("marked-seed-of-the-other-side-01"))
	pairOfOthers = ed25519.NewKeyFromSeed([]byte("a-seed-of-somebody-else-entirely"))
)

// PublicKey is what callbacks of a pair verify with.
func PublicKey() string {
	public, _ := pair.Public().(ed25519.PublicKey)
	return "whpk_" + base64.StdEncoding.EncodeToString(public)
}

// Provider implements channeltest.Fixture.
func (f Fixture) Provider() channeltest.Provider {
	words := []channeltest.Word{
		{State: "pending", Claims: order.ClaimsPending},
		{State: "processing", Claims: order.ClaimsProcessing},
		{State: "succeeded", Claims: order.ClaimsSucceeded},
		{State: "failed", Claims: order.ClaimsFailed},
		{State: "closed", Claims: order.ClaimsClosed},
		{State: "accepted", Claims: order.ClaimsRefunding},
		{State: "credited", Claims: order.ClaimsRefunded},
		{State: "failed", Claims: order.ClaimsRefundFailed},
	}
	p := channeltest.Provider{
		Merchant: Merchant, Price: order.Money{Minor: 8800, Currency: "CNY"}, Success: channel.Answer{Status: http.StatusNoContent},
		Headers:   []string{header + "id", header + "timestamp", header + "signature"},
		Freshness: 5 * time.Minute, Notified: words, Answered: words, NoProbes: true,
		Secrets: []string{Secret, OldSecret, QuestionOf, strings.TrimPrefix(Secret, "whsec_"), "marked-secret", "marked-seed"},
	}
	if f.NoGateway {
		p.Answered, p.Lacks = nil, []channel.Capability{channel.CanQuery, channel.CanQueryRefund, channel.CanClose}
	}
	return p
}

// Open implements channeltest.Fixture.
func (f Fixture) Open(t testing.TB, gateway string) channel.Channel {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	cfg := standardhook.Config{
		Merchant: Merchant, CallbackKeys: []string{OldSecret, Secret}, Client: &http.Client{Transport: transport},
		QueryURL: gateway + "/query", CloseURL: gateway + "/close", QuestionKeys: []string{QuestionOf},
	}
	if f.Pair {
		cfg.CallbackKeys = []string{OldSecret, PublicKey()}
	}
	if f.NoGateway {
		cfg.QueryURL, cfg.CloseURL, cfg.QuestionKeys = "", "", nil
	}
	ch, err := standardhook.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// Callback implements channeltest.Fixture.
func (f Fixture) Callback(t testing.TB, c channeltest.Callback) channel.Request {
	t.Helper()
	event := payment(c.Told)
	event["type"] = "payment.updated"
	if refunds, ok := event["refunds"].([]any); ok {
		event["type"], event["refund"] = "refund.updated", refunds[0]
		delete(event, "refunds")
	}
	if c.Twist == channeltest.TwistUnrelated {
		event = map[string]any{"type": "payout.created", "amount": "as text"}
	}
	body := encode(t, event)
	if c.Twist == channeltest.TwistRepeated {
		body = repeated(body)
	}
	r := channel.Request{Header: http.Header{}, Body: body, ReceivedAt: c.ReceivedAt}
	f.sign(t, r.Header, c.ID, body, c.SignedAt, c.Twist == channeltest.TwistWrongKey)
	return r
}

// Sign implements channeltest.Fixture.
func (f Fixture) Sign(t testing.TB, body []byte, at time.Time) channel.Request {
	t.Helper()
	r := channel.Request{Header: http.Header{}, Body: body}
	f.sign(t, r.Header, "evt1001", body, at, false)
	return r
}

// sign seals a message, v1 with the reference library.
func (f Fixture) sign(t testing.TB, h http.Header, id string, body []byte, at time.Time, wrong bool) {
	t.Helper()
	h.Set("Content-Type", "application/json")
	h.Set(header+"id", id)
	h.Set(header+"timestamp", strconv.FormatInt(at.Unix(), 10))
	if f.Pair {
		key := pair
		if wrong {
			key = pairOfOthers
		}
		message := append([]byte(id+"."+h.Get(header+"timestamp")+"."), body...)
		h.Set(header+"signature", "v1a,"+base64.StdEncoding.EncodeToString(ed25519.Sign(key, message)))
		return
	}
	secret := Secret
	if wrong {
		secret = Foreign
	}
	signature, err := reference(t, secret).Sign(id, at, body)
	if err != nil {
		t.Fatal(err)
	}
	h.Set(header+"signature", signature)
}

func reference(t testing.TB, secret string) *standardwebhooks.Webhook {
	t.Helper()
	w, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func payment(told channeltest.Told) map[string]any {
	const times = "2006-01-02T15:04:05Z"
	p := map[string]any{
		"order_no": told.OrderNo, "merchant": told.Merchant, "amount": told.Amount.Minor, "currency": told.Amount.Currency,
		"status": told.State, "channel_txn": told.Txn, "at": told.At.UTC().Format(times), "payer_email": channeltest.MarkedPayer,
	}
	if told.Refund != nil {
		p["status"] = "succeeded"
		p["refunds"] = []any{map[string]any{
			"id": told.Refund.ID, "amount": told.Refund.Amount.Minor, "status": told.State, "at": told.Refund.At.UTC().Format(times),
		}}
	}
	return p
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func repeated(body []byte) []byte {
	return []byte(strings.Replace(string(body), `"status":`, `"order_no":"B1001","status":`, 1))
}

// Answer implements channeltest.Fixture. The reference library checks the question.
func (f Fixture) Answer(t testing.TB, w http.ResponseWriter, r *http.Request, s channeltest.Script) {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller has gone
	}
	if err := reference(t, QuestionOf).Verify(body, r.Header); err != nil || r.Method != http.MethodPost {
		t.Errorf("question %s %s: %v", r.Method, body, err)
	}
	status, answer := answerTo(t, r.URL.Path, s)
	if s.Fault != channeltest.FaultUnsigned {
		f.sign(t, w.Header(), r.Header.Get(header+"id"), answer, time.Now(), s.Fault == channeltest.FaultWrongKey)
	}
	if s.Fault == channeltest.FaultTampered {
		answer = []byte(strings.Replace(string(answer), Merchant, "acct-2", 1))
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

func answerTo(t testing.TB, path string, s channeltest.Script) (int, []byte) {
	t.Helper()
	problem := func(status int, code string) (int, []byte) { return status, encode(t, map[string]any{"code": code}) }
	body := encode(t, payment(s.Told))
	switch s.Fault {
	case channeltest.FaultNotFound:
		return problem(http.StatusNotFound, "order_not_found")
	case channeltest.FaultRepeated:
		return http.StatusOK, repeated(body)
	case channeltest.FaultRaw:
		return http.StatusOK, s.Raw
	case channeltest.FaultDenied:
		return problem(http.StatusUnauthorized, "unauthorized")
	case channeltest.FaultParameters:
		return problem(http.StatusUnprocessableEntity, "bad_request")
	case channeltest.FaultBusy:
		return problem(http.StatusServiceUnavailable, "busy")
	case channeltest.NoFault, channeltest.FaultWrongKey, channeltest.FaultUnsigned, channeltest.FaultTampered, channeltest.FaultRefundAbsent:
	}
	if path != "/close" {
		return http.StatusOK, body
	}
	switch s.Close {
	case channeltest.AlreadyPaid:
		return problem(http.StatusConflict, "already_paid")
	case channeltest.CloseDenied:
		return problem(http.StatusConflict, "not_now")
	case channeltest.Closes:
	}
	told := s.Told
	told.Word = channeltest.Word{State: "closed", Claims: order.ClaimsClosed}
	return http.StatusOK, encode(t, payment(told))
}
