package wechatpay

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/utils"

	"anxin/engine/channel"
	"anxin/engine/channel/wechatpay/wechatpaytest"
)

// published reads the strings of a test file of the SDK, or of one test in it, by the names
// that they are given there.
func published(t *testing.T, name, test string) map[string]string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/wechatpay-apiv3/wechatpay-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(out)), name), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	take := func(name string, value ast.Expr) {
		if text, ok := text(value); ok && found[name] == "" {
			found[name] = text
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			return test == "" || n.Name.Name == test
		case *ast.ValueSpec:
			for i, value := range n.Values {
				take(n.Names[i].Name, value)
			}
		case *ast.AssignStmt:
			for i, value := range n.Rhs {
				if name, ok := n.Lhs[i].(*ast.Ident); ok {
					take(name.Name, value)
				}
			}
		case *ast.KeyValueExpr:
			if key, ok := text(n.Key); ok {
				take(key, n.Value)
			}
		}
		return true
	})
	return found
}

// text returns the value of a string, or of a sum of strings.
func text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, ok := text(e.X)
		right, also := text(e.Y)
		return left + right, ok && also && e.Op == token.ADD
	}
	return "", false
}

// platformOf is a Config whose platform certificate is a published one.
func platformOf(cert string) Config {
	keys := wechatpaytest.TheKeys()
	return Config{
		MchID: "1234567890", APIv3Key: wechatpaytest.APIv3Key, MerchantKey: keys.Merchant.Key, MerchantCert: keys.Merchant.Cert,
		PlatformCerts: []string{cert},
	}
}

// The SDK's sample notification verifies when it was signed, and not a moment longer; its
// contents are decrypted. It is about a contract, so it tells of no payment. Its key has
// half the length of real ones.
func TestPublishedNotificationVerifies(t *testing.T) {
	t.Parallel()
	sample := published(t, "core/notify/notify_test.go", "TestHandler_ParseNotifyRequest")
	c, err := New(platformOf(sample["wechatPayCertificate"]))
	if err != nil {
		t.Fatal(err)
	}
	r := channel.Request{Header: http.Header{}, Body: []byte(sample["body"]), ReceivedAt: time.Unix(1624523846, 0)}
	for _, name := range []string{headerNonce, headerTimestamp, headerSerial, headerSignature} {
		r.Header.Set(name, sample[name])
	}
	if notes, err := c.Verify(t.Context(), r); err != nil || len(notes) != 0 {
		t.Fatalf("notes %+v, error %v", notes, err)
	}
	for name, change := range map[string]func(*channel.Request){
		"body":      func(r *channel.Request) { r.Body = append(r.Body, ' ') },
		"nonce":     func(r *channel.Request) { r.Header.Set(headerNonce, "EcZ9Cmy4Xyx1i6RlJQzLcCyEqDa26NBy") },
		"timestamp": func(r *channel.Request) { r.Header.Set(headerTimestamp, "1624523847") },
	} {
		changed := channel.Request{Header: r.Header.Clone(), Body: append([]byte(nil), r.Body...), ReceivedAt: r.ReceivedAt}
		change(&changed)
		if _, err := c.Verify(t.Context(), changed); !errors.Is(err, channel.ErrSignature) {
			t.Errorf("%s changed: error %v", name, err)
		}
	}
	r.ReceivedAt = r.ReceivedAt.Add(301 * time.Second)
	if _, err := c.Verify(t.Context(), r); !errors.Is(err, channel.ErrStale) {
		t.Errorf("later: error %v", err)
	}
	var n notice
	if err := json.Unmarshal(r.Body, &n); err != nil {
		t.Fatal(err)
	}
	aead, err := newAEAD(sample["mchAPIv3Key"])
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := n.Resource.open(aead); err != nil || string(plain) != sample["data"] {
		t.Errorf("contents %q, error %v", plain, err)
	}
}

// One signature by one key, published as a certificate and as a public key.
func TestPublishedSignatureVerifiesInBothModes(t *testing.T) {
	t.Parallel()
	byCert := published(t, "core/auth/verifiers/sha256withrsa_verifier_test.go", "")
	byKey := published(t, "core/auth/verifiers/sha256withrsa_pubkey_verifier_test.go", "")
	k, err := platformOf(byCert["testWechatPayVerifierPlatformCertificate"]).check()
	if err != nil {
		t.Fatal(err)
	}
	signature := byCert["testExpectedSignature"]
	serial := byCert["testWechatPayVerifierPlatformSerialNumber"]
	if err := newSeals("", k).by.Verify(t.Context(), serial, "source", signature); err != nil || !canonical(signature) {
		t.Errorf("certificate: error %v", err)
	}
	k.platform = nil
	if k.public, err = utils.LoadPublicKey(byKey["testPubKey"]); err != nil {
		t.Fatal(err)
	}
	s := newSeals(byKey["testPubKeyID"], k)
	if err := s.by.Verify(t.Context(), byKey["testPubKeyID"], "source", signature); err != nil {
		t.Errorf("public key: error %v", err)
	}
	if err := s.by.Verify(t.Context(), byKey["testPubKeyID"], "Source", signature); err == nil {
		t.Error("another message verifies")
	}
}

func TestPublishedCiphertextIsDecrypted(t *testing.T) {
	t.Parallel()
	sample := published(t, "utils/aes_test.go", "")
	aead, err := newAEAD(sample["testAESUtilAPIV3Key"])
	if err != nil {
		t.Fatal(err)
	}
	r := resource{algorithm, sample["testAESUtilCiphertext"], sample["testAESUtilAssociatedData"], sample["testAESUtilNonce"]}
	if plain, err := r.open(aead); err != nil || string(plain) != sample["testAESUtilPlaintext"] || len(plain) == 0 {
		t.Errorf("plaintext %q, error %v", plain, err)
	}
}
