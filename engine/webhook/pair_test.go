package webhook_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"anxin/engine/webhook"
)

// The published example of the specification's asymmetric signatures.
const (
	knownPair      = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	knownPublic    = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	knownID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	knownAt        = 1_614_265_330
	knownBody      = `{"test": 2432232314}`
	knownSignature = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
)

func pair(t *testing.T, text string) webhook.Secret {
	t.Helper()
	s, err := webhook.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func public(t *testing.T, text string) webhook.Secret {
	t.Helper()
	s, err := webhook.ParsePublicKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// freshPair returns a key pair in its text form, and its public half as bytes.
func freshPair(t *testing.T) (string, ed25519.PublicKey) {
	t.Helper()
	pub, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return "whsk_" + base64.StdEncoding.EncodeToString(private), pub
}

func TestPairSignsThePublishedExample(t *testing.T) {
	t.Parallel()
	key, at := pair(t, knownPair), time.Unix(knownAt, 0)
	if got := webhook.Sign([]webhook.Secret{key}, knownID, at, []byte(knownBody)); got != knownSignature {
		t.Errorf("signed %s", got)
	}
	if got := key.PublicKey(); got != knownPublic {
		t.Errorf("public key %s", got)
	}
	for name, verifier := range map[string]webhook.Secret{"public": public(t, knownPublic), "pair": key} {
		err := webhook.Verify([]webhook.Secret{verifier}, knownID, strconv.Itoa(knownAt), knownSignature, []byte(knownBody), at)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Here the receiver is written from the specification's text: the signed content is
// id.timestamp.body, the header a list of version,base64.
func TestBothSignaturesSideBySide(t *testing.T) {
	t.Parallel()
	text, pub := freshPair(t)
	now := time.Now()
	keys := []webhook.Secret{secret(t, 'a'), pair(t, text), secret(t, 'b')}
	for _, body := range bodies {
		header := webhook.Sign(keys, "msg_A1_7", now, []byte(body))
		parts := strings.Split(header, " ")
		if len(parts) != 3 || !strings.HasPrefix(parts[0], "v1,") || !strings.HasPrefix(parts[1], "v1a,") || !strings.HasPrefix(parts[2], "v1,") {
			t.Fatalf("signatures %q", header)
		}
		signature, err := base64.StdEncoding.DecodeString(parts[1][len("v1a,"):])
		if err != nil || !ed25519.Verify(pub, fmt.Appendf(nil, "msg_A1_7.%d.%s", now.Unix(), body), signature) {
			t.Errorf("the receiver refuses %.20q: %v", body, err)
		}
		for _, fill := range []byte("ab") { // receivers that know nothing of v1a
			if err := oracleOf(t, fill).Verify([]byte(body), headers("msg_A1_7", now, header)); err != nil {
				t.Errorf("oracle with secret %c: %v", fill, err)
			}
		}
	}
}

func TestVerifyWithAPublicKeyRefusesWhatWasTamperedWith(t *testing.T) {
	t.Parallel()
	at := time.Unix(knownAt, 0)
	timestamp := strconv.Itoa(knownAt)
	keys := []webhook.Secret{public(t, knownPublic)}
	other, otherPublic := freshPair(t)
	foreign := webhook.Sign([]webhook.Secret{pair(t, other)}, knownID, at, []byte(knownBody))
	// Whoever knows the public key could compute this, if it ever served as a secret.
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(knownPublic, "whpk_"))
	if err != nil {
		t.Fatal(err)
	}
	confused := pair(t, "whsec_"+base64.StdEncoding.EncodeToString(raw))
	mac := webhook.Sign([]webhook.Secret{confused}, knownID, at, []byte(knownBody))
	for name, c := range map[string]struct{ id, timestamp, signature, body string }{
		"body":      {knownID, timestamp, knownSignature, knownBody + " "},
		"id":        {knownID + "x", timestamp, knownSignature, knownBody},
		"time":      {knownID, strconv.Itoa(knownAt + 1), knownSignature, knownBody},
		"cut":       {knownID, timestamp, knownSignature[:len(knownSignature)-8], knownBody},
		"empty":     {knownID, timestamp, "v1a,", knownBody},
		"version":   {knownID, timestamp, "v1" + strings.TrimPrefix(knownSignature, "v1a"), knownBody},
		"foreign":   {knownID, timestamp, foreign, knownBody},
		"confusion": {knownID, timestamp, mac, knownBody},
		"relabel":   {knownID, timestamp, "v1a" + strings.TrimPrefix(mac, "v1"), knownBody},
	} {
		if err := webhook.Verify(keys, c.id, c.timestamp, c.signature, []byte(c.body), at); !errors.Is(err, webhook.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	rotated := []webhook.Secret{keys[0], {}, public(t, "whpk_"+base64.StdEncoding.EncodeToString(otherPublic))}
	if err := webhook.Verify(rotated, knownID, timestamp, "v2,x v1a,eA== "+foreign, []byte(knownBody), at); err != nil {
		t.Errorf("the good one among others: %v", err)
	}
}

func TestParsePairsAndPublicKeys(t *testing.T) {
	t.Parallel()
	text, pub := freshPair(t)
	raw, err := base64.StdEncoding.DecodeString(text[len("whsk_"):])
	if err != nil {
		t.Fatal(err)
	}
	torn := bytes.Clone(raw)
	torn[40] ^= 1
	of := func(prefix string, b []byte) string { return prefix + base64.StdEncoding.EncodeToString(b) }
	for text, ok := range map[string]bool{
		text: true, knownPair: true,
		of("whsk_", torn): false, of("whsk_", raw[:32]): false, of("whsk_", append(bytes.Clone(raw), 0)): false,
		"whsk_": false, "whsk_***": false, knownPair + "=": false, knownPublic: false, strings.ToUpper(text[:5]) + text[5:]: false,
	} {
		if _, err := webhook.ParseSecret(text); ok != (err == nil) || (err != nil && !errors.Is(err, webhook.ErrSecret)) {
			t.Errorf("secret of %d characters: %v", len(text), err)
		}
	}
	for text, ok := range map[string]bool{
		of("whpk_", pub): true, knownPublic: true,
		of("whpk_", pub[:31]): false, of("whpk_", raw): false, "whpk_": false, "whpk_***": false, "": false, text: false, secretText('a'): false,
	} {
		if _, err := webhook.ParsePublicKey(text); ok != (err == nil) || (err != nil && !errors.Is(err, webhook.ErrPublicKey)) {
			t.Errorf("public key of %d characters: %v", len(text), err)
		}
	}
}

func TestPairIsNeverPrinted(t *testing.T) {
	t.Parallel()
	key := pair(t, knownPair)
	shown := fmt.Sprint(key, &key) + fmt.Sprintf("%v %+v %#v %s %q", key, key, key, key, []webhook.Secret{key})
	for _, leak := range []string{"6Xb/", "1SiA", "233 118", "233, 118", "0xe9"} {
		if strings.Contains(shown, leak) {
			t.Errorf("printing shows %q: %s", leak, shown)
		}
	}
}

func TestSenderNeedsAKeyThatSigns(t *testing.T) {
	t.Parallel()
	_, err := webhook.NewSender(map[string]webhook.Endpoint{
		"shop": {URL: "https://example.com/", Secrets: []webhook.Secret{public(t, knownPublic)}},
	})
	if !errors.Is(err, webhook.ErrSecret) {
		t.Errorf("a public key was accepted to sign with: %v", err)
	}
}
