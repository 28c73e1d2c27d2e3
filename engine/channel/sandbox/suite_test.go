package sandbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/channeltest"
	"anxin/engine/channel/sandbox"
	"anxin/engine/order"
)

func TestSuite(t *testing.T)    { t.Parallel(); channeltest.Run(t, simulator{}) }
func FuzzCallback(f *testing.F) { channeltest.FuzzCallback(f, simulator{}) }
func FuzzSigned(f *testing.F)   { channeltest.FuzzSigned(f, simulator{}) }
func FuzzGateway(f *testing.F)  { channeltest.FuzzAnswer(f, simulator{}) }

const (
	secret   = "marked-secret-of-the-simulator"
	otherKey = "a secret of somebody else"
)

// simulator plays the simulated channel from its documentation, with signatures of its
// own.
type simulator struct{}

func (simulator) Provider() channeltest.Provider {
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
	return channeltest.Provider{
		Merchant: "shop-1", Price: order.Money{Minor: 8800, Currency: "CNY"},
		Success:   channel.Answer{Status: http.StatusOK, ContentType: "application/json", Body: []byte(`{"code":"SUCCESS"}`)},
		Headers:   []string{"Sandbox-Timestamp", "Sandbox-Nonce", "Sandbox-Signature"},
		Freshness: 5 * time.Minute, Notified: words, Answered: words,
		NoUnrelated: true, NoProbes: true, Secrets: []string{secret},
	}
}

func (simulator) Open(t testing.TB, gateway string) channel.Channel {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	ch, err := sandbox.New(sandbox.Config{
		Name: "sandbox", GatewayURL: gateway, Merchant: "shop-1", Secret: secret, Client: &http.Client{Transport: transport},
	})
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func (s simulator) Callback(t testing.TB, c channeltest.Callback) channel.Request {
	t.Helper()
	body := encode(t, map[string]any{"id": c.ID, "payment": payment(c.Told)})
	key := secret
	switch c.Twist {
	case channeltest.TwistWrongKey:
		key = otherKey
	case channeltest.TwistRepeated:
		body = repeated(body)
	case channeltest.Straight, channeltest.TwistProbe, channeltest.TwistUnrelated:
	}
	r := channel.Request{Header: http.Header{"Content-Type": {"application/json"}}, Body: body, ReceivedAt: c.ReceivedAt}
	seal(r.Header, key, "nonce-1", body, c.SignedAt)
	return r
}

func (simulator) Sign(_ testing.TB, body []byte, at time.Time) channel.Request {
	r := channel.Request{Header: http.Header{}, Body: body}
	seal(r.Header, secret, "nonce-1", body, at)
	return r
}

// seal is what the documentation says: HMAC-SHA256 over "timestamp.nonce.message".
func seal(h http.Header, key, nonce string, message []byte, at time.Time) {
	ts := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "%s.%s.%s", ts, nonce, message)
	h.Set("Sandbox-Timestamp", ts)
	h.Set("Sandbox-Nonce", nonce)
	h.Set("Sandbox-Signature", hex.EncodeToString(mac.Sum(nil)))
}

func payment(told channeltest.Told) map[string]any {
	p := map[string]any{
		"out_trade_no": told.OrderNo, "merchant": told.Merchant, "transaction_id": told.Txn, "state": told.State,
		"amount": told.Amount, "at": told.At.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	if told.Refund != nil {
		at := told.Refund.At.UTC().Format("2006-01-02T15:04:05.000Z")
		refund := map[string]any{"refund_id": told.Refund.ID, "state": told.State, "amount": told.Refund.Amount, "accepted_at": at}
		if told.Claims == order.ClaimsRefunded {
			refund["credited_at"] = at
		}
		p["state"], p["refunds"] = "succeeded", []any{refund}
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
	return []byte(strings.Replace(string(body), `"merchant":`, `"out_trade_no":"B1001","merchant":`, 1))
}

// Answer answers a question that is signed as documented, for its nonce.
func (s simulator) Answer(t testing.TB, w http.ResponseWriter, r *http.Request, script channeltest.Script) {
	t.Helper()
	nonce := r.Header.Get("Sandbox-Nonce")
	asked, _ := io.ReadAll(r.Body)
	want := http.Header{}
	ts, _ := strconv.ParseInt(r.Header.Get("Sandbox-Timestamp"), 10, 64)
	seal(want, secret, nonce, fmt.Appendf(nil, "%s %s\n%s", r.Method, r.URL.Path, asked), time.Unix(ts, 0))
	if r.Header.Get("Sandbox-Signature") != want.Get("Sandbox-Signature") || !strings.HasPrefix(r.URL.Path, "/v1/payments/A1001") {
		t.Errorf("asked %s %s with signature %q", r.Method, r.URL.Path, r.Header.Get("Sandbox-Signature"))
	}
	status, body := s.answer(t, r, script)
	key := secret
	if script.Fault == channeltest.FaultWrongKey {
		key = otherKey
	}
	if script.Fault != channeltest.FaultUnsigned {
		seal(w.Header(), key, nonce, body, time.Now())
	}
	w.WriteHeader(status)
	if script.Fault == channeltest.FaultTampered {
		body = []byte(strings.Replace(string(body), "shop-1", "shop-2", 1))
	}
	_, _ = w.Write(body)
}

func (simulator) answer(t testing.TB, r *http.Request, script channeltest.Script) (int, []byte) {
	t.Helper()
	problem := func(status int, code string) (int, []byte) {
		return status, encode(t, map[string]any{"code": code, "message": "no"})
	}
	body := encode(t, payment(script.Told))
	switch script.Fault {
	case channeltest.FaultNotFound:
		return problem(http.StatusNotFound, "not_found")
	case channeltest.FaultRepeated:
		return http.StatusOK, repeated(body)
	case channeltest.FaultRaw:
		return http.StatusOK, script.Raw
	case channeltest.FaultDenied:
		return problem(http.StatusUnauthorized, "bad_signature")
	case channeltest.FaultParameters:
		return problem(http.StatusBadRequest, "bad")
	case channeltest.FaultBusy:
		return problem(http.StatusServiceUnavailable, "internal")
	case channeltest.NoFault, channeltest.FaultWrongKey, channeltest.FaultUnsigned, channeltest.FaultTampered, channeltest.FaultRefundAbsent:
	}
	if !strings.HasSuffix(r.URL.Path, "/close") {
		return http.StatusOK, body
	}
	switch script.Close {
	case channeltest.AlreadyPaid:
		return problem(http.StatusConflict, "already_paid")
	case channeltest.CloseDenied:
		return problem(http.StatusBadRequest, "bad")
	case channeltest.Closes:
	}
	told := script.Told
	told.Word, told.Txn = channeltest.Word{State: "closed", Claims: order.ClaimsClosed}, ""
	return http.StatusOK, encode(t, payment(told))
}
