package webhook_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	oracle "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"anxin/engine/webhook"
)

// The specification's own library is the oracle: what we sign it verifies, and what it
// signs we verify.

func secretText(fill byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(fill)), 32)))
}

func secret(t *testing.T, fill byte) webhook.Secret {
	t.Helper()
	s, err := webhook.ParseSecret(secretText(fill))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func oracleOf(t *testing.T, fill byte) *oracle.Webhook {
	t.Helper()
	o, err := oracle.NewWebhook(secretText(fill))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func headers(id string, at time.Time, signature string) http.Header {
	h := http.Header{}
	h.Set(webhook.HeaderID, id)
	h.Set(webhook.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(webhook.HeaderSignature, signature)
	return h
}

var bodies = []string{`{"type":"order.succeeded"}`, ``, `{"subject":"茶 🍵"}`, "\x00\xff.", strings.Repeat("x", 100_000)}

func TestOracleVerifiesWhatWeSign(t *testing.T) {
	t.Parallel()
	at := time.Now()
	for _, body := range bodies {
		signature := webhook.Sign([]webhook.Secret{secret(t, 'a'), secret(t, 'b')}, "msg_A1_7", at, []byte(body))
		for _, fill := range []byte("ab") { // a receiver that holds either secret accepts
			if err := oracleOf(t, fill).Verify([]byte(body), headers("msg_A1_7", at, signature)); err != nil {
				t.Errorf("oracle with secret %c, body %.20q: %v", fill, body, err)
			}
		}
		if err := oracleOf(t, 'c').Verify([]byte(body), headers("msg_A1_7", at, signature)); err == nil {
			t.Errorf("a foreign secret verified %.20q", body)
		}
	}
}

func TestWeVerifyWhatTheOracleSigns(t *testing.T) {
	t.Parallel()
	now := time.Now()
	timestamp := strconv.FormatInt(now.Unix(), 10)
	for _, body := range bodies {
		signature, err := oracleOf(t, 'a').Sign("msg_1", now, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		rotated := []webhook.Secret{secret(t, 'n'), secret(t, 'a')}
		if err := webhook.Verify(rotated, "msg_1", timestamp, signature, []byte(body), now); err != nil {
			t.Errorf("body %.20q: %v", body, err)
		}
	}
}

func TestVerifyRefusesWhatWasTamperedWith(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	secrets := []webhook.Secret{secret(t, 'a')}
	body := []byte(`{"amount":1}`)
	good := webhook.Sign(secrets, "msg_1", now, body)
	timestamp := strconv.FormatInt(now.Unix(), 10)
	if err := webhook.Verify(secrets, "msg_1", timestamp, good, body, now); err != nil {
		t.Fatalf("untouched: %v", err)
	}
	flipped := strings.Replace(good, good[3:5], "AA", 1)
	for name, err := range map[string]error{
		"body":         webhook.Verify(secrets, "msg_1", timestamp, good, []byte(`{"amount":2}`), now),
		"id":           webhook.Verify(secrets, "msg_2", timestamp, good, body, now),
		"time":         webhook.Verify(secrets, "msg_1", strconv.FormatInt(now.Unix()+1, 10), good, body, now),
		"signature":    webhook.Verify(secrets, "msg_1", timestamp, flipped, body, now),
		"cut":          webhook.Verify(secrets, "msg_1", timestamp, good[:len(good)-4], body, now),
		"empty":        webhook.Verify(secrets, "msg_1", timestamp, "", body, now),
		"empty v1":     webhook.Verify(secrets, "msg_1", timestamp, "v1,", body, now),
		"not base64":   webhook.Verify(secrets, "msg_1", timestamp, "v1,***", body, now),
		"version":      webhook.Verify(secrets, "msg_1", timestamp, "v1a"+good[2:], body, now),
		"no secrets":   webhook.Verify(nil, "msg_1", timestamp, good, body, now),
		"other secret": webhook.Verify([]webhook.Secret{secret(t, 'b')}, "msg_1", timestamp, good, body, now),
	} {
		if !errors.Is(err, webhook.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	among := "v1a,b3RoZXI= garbage v1,*** " + good
	if err := webhook.Verify(secrets, "msg_1", timestamp, among, body, now); err != nil {
		t.Errorf("good signature among others: %v", err)
	}
}

func TestVerifyHoldsTheToleranceBothWays(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_700_000_000, 0)
	secrets := []webhook.Secret{secret(t, 'a')}
	signature := webhook.Sign(secrets, "m", at, nil)
	for skew, want := range map[time.Duration]error{
		0: nil, webhook.Tolerance: nil, -webhook.Tolerance: nil,
		webhook.Tolerance + time.Second: webhook.ErrTimestamp, -webhook.Tolerance - time.Second: webhook.ErrTimestamp,
		20 * 365 * 24 * time.Hour: webhook.ErrTimestamp,
	} {
		if err := webhook.Verify(secrets, "m", strconv.FormatInt(at.Unix(), 10), signature, nil, at.Add(skew)); !errors.Is(err, want) {
			t.Errorf("skew %v: %v, want %v", skew, err, want)
		}
	}
	for _, bad := range []string{"", "abc", "1.7e9", "-9223372036854775808", "9223372036854775807", "99999999999999999999"} {
		if err := webhook.Verify(secrets, "m", bad, signature, nil, at); !errors.Is(err, webhook.ErrTimestamp) {
			t.Errorf("timestamp %q: %v", bad, err)
		}
	}
}

func TestParseSecret(t *testing.T) {
	t.Parallel()
	of := func(n int) string { return "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for text, ok := range map[string]bool{
		of(24): true, of(32): true, of(64): true,
		of(23): false, of(65): false, of(0): false, "": false, "whsec_": false,
		strings.TrimPrefix(of(32), "whsec_"): false, "WHSEC_" + of(32)[6:]: false, of(32) + " ": false, "whsec_!!!!": false,
	} {
		if _, err := webhook.ParseSecret(text); ok != (err == nil) || (err != nil && !errors.Is(err, webhook.ErrSecret)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	s := secret(t, 'k')
	shown := fmt.Sprint(s, &s) + fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s) +
		fmt.Sprintf("%v %+v %#v", webhook.Endpoint{Secrets: []webhook.Secret{s}}, struct{ S webhook.Secret }{s}, []webhook.Secret{s})
	for _, leak := range []string{"kkkk", "107, 107", "0x6b", "107 107", base64.StdEncoding.EncodeToString([]byte("kkkkkk"))} {
		if strings.Contains(shown, leak) {
			t.Errorf("printing shows %q: %s", leak, shown)
		}
	}
}
