package alipay

import (
	"crypto"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// The account of the tests.
const (
	testApp    = "2021000000000001"
	testSeller = "2088000000000002"
)

// vendor plays Alipay with the standard library alone: it signs notifications, checks
// the signatures of questions and signs its answers. What it shares with the adapter is
// Alipay's documentation.
type vendor struct {
	app, alipay *rsa.PrivateKey // the application's, Alipay's
	certs       *certificates   // nil = key mode
}

// certificates are those of certificate mode, PEM, with Alipay's names for them.
type certificates struct {
	app, alipay, next, root             string
	appSerial, alipaySerial, nextSerial string
	rootSerial                          string
	issuer                              *x509.Certificate
	issuerKey, nextKey                  *rsa.PrivateKey
}

// newKey makes a key of the size that RSA2 asks for.
func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// The keys cost most of a second together, so the tests share them.
var (
	appKey    = sync.OnceValue(newKey)
	alipayKey = sync.OnceValue(newKey)
	otherKey  = sync.OnceValue(newKey)
	chain     = sync.OnceValue(newCertificates)
)

func keyVendor() vendor { return vendor{app: appKey(), alipay: alipayKey()} }

func certVendor() vendor { return vendor{app: appKey(), alipay: alipayKey(), certs: chain()} }

var (
	certStart = time.Now().UTC().Truncate(time.Hour).AddDate(0, -1, 0)
	certEnd   = certStart.AddDate(1, 0, 0)
)

// newCertificates makes what Alipay gives: a root, an issuer below it that is marked for no
// more than signatures, and certificates of the application and of Alipay, two of these.
func newCertificates() *certificates {
	c := &certificates{nextKey: newKey(), issuerKey: newKey()}
	rootKey := newKey()
	root, rootPEM := newCertificate(1, "root", nil, rootKey, rootKey)
	var issuerPEM string
	c.issuer, issuerPEM = newCertificate(2, "issuer", root, rootKey, c.issuerKey)
	own, ownPEM := newCertificate(3, "application", c.issuer, c.issuerKey, appKey())
	now, alipayPEM := newCertificate(4, "alipay", c.issuer, c.issuerKey, alipayKey())
	next, nextPEM := newCertificate(5, "alipay", c.issuer, c.issuerKey, c.nextKey)
	c.app, c.alipay, c.next, c.root = ownPEM, alipayPEM+issuerPEM, nextPEM, rootPEM
	c.appSerial, c.alipaySerial, c.nextSerial, c.rootSerial = nameOf(own), nameOf(now), nameOf(next), nameOf(root)
	return c
}

// newCertificate makes one for a key, signed by its issuer's; without an issuer a root.
func newCertificate(number int64, name string, issuer *x509.Certificate, signer, key *rsa.PrivateKey) (*x509.Certificate, string) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: name, Organization: []string{"Test, Ltd."}, Country: []string{"CN"}},
		NotBefore: certStart, NotAfter: certEnd, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if issuer == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
		issuer = template
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, signer)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		panic(err)
	}
	return cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}

// nameOf is Alipay's name for a certificate, from its documentation.
func nameOf(cert *x509.Certificate) string {
	sum := md5.Sum([]byte(cert.Issuer.String() + cert.SerialNumber.String()))
	return hex.EncodeToString(sum[:])
}

// config is what a merchant would enter to talk to the vendor.
func (v vendor) config(gateway string) Config {
	cfg := Config{
		AppID: testApp, SellerID: testSeller, GatewayURL: gateway,
		PrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(v.app)})),
	}
	if v.certs != nil {
		cfg.AppCert, cfg.AlipayCert, cfg.RootCert = v.certs.app, v.certs.alipay+v.certs.next, v.certs.root
		return cfg
	}
	raw, err := x509.MarshalPKIXPublicKey(&v.alipay.PublicKey)
	if err != nil {
		panic(err)
	}
	cfg.AlipayPublicKey = base64.StdEncoding.EncodeToString(raw)
	return cfg
}

// open returns the adapter, with a transport that ends with the test.
func open(tb testing.TB, cfg Config) *Channel {
	tb.Helper()
	transport := &http.Transport{}
	tb.Cleanup(transport.CloseIdleConnections)
	cfg.Client = &http.Client{Transport: transport}
	c, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// offline fails a test that dials.
type offline struct{ tb testing.TB }

func (o offline) RoundTrip(r *http.Request) (*http.Response, error) {
	o.tb.Errorf("dialled %s", r.URL)
	return nil, io.ErrUnexpectedEOF
}

// signature is RSA2 over text, in base64.
func signature(key *rsa.PrivateKey, text string) string {
	sum := sha256.Sum256([]byte(text))
	raw, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func verified(key *rsa.PublicKey, text, signature string) bool {
	raw, err := base64.StdEncoding.DecodeString(signature)
	sum := sha256.Sum256([]byte(text))
	return err == nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw) == nil
}

// content is what Alipay signs of fields: sorted by name, joined, less those left out.
func content(fields map[string]string, leftOut ...string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(leftOut, name) {
			parts = append(parts, name+"="+fields[name])
		}
	}
	return strings.Join(parts, "&")
}

// fields are those of a notification.
type fields map[string]string

// paidNotice is a notification about a trade that was paid, with what Alipay sends besides.
func paidNotice() fields {
	return fields{
		"notify_time": "2026-11-23 16:00:03", "notify_type": "trade_status_sync", "notify_id": "2026112300222160003004670000000001",
		"charset": "utf-8", "version": "1.0", "app_id": testApp, "auth_app_id": testApp, "seller_id": testSeller,
		"seller_email": "shop@example.test", "buyer_id": "2088000000000003", "buyer_logon_id": "buyer***@example.test",
		"trade_no": "2026112322001403000000000001", "out_trade_no": "A1001", "trade_status": "TRADE_SUCCESS",
		"total_amount": "88.00", "receipt_amount": "88.00", "invoice_amount": "88.00", "buyer_pay_amount": "88.00", "point_amount": "0.00",
		"subject": "绿茶 250g + gift & more", "body": "a=b&c=d%20", "gmt_create": "2026-11-23 15:59:50", "gmt_payment": "2026-11-23 16:00:02",
		"fund_bill_list": `[{"amount":"88.00","fundChannel":"ALIPAYACCOUNT"}]`,
	}
}

// with returns a copy with some fields changed, "" removes one.
func (f fields) with(changes ...string) fields {
	c := maps.Clone(f)
	for i := 0; i < len(changes); i += 2 {
		c[changes[i]] = changes[i+1]
		if changes[i+1] == "" {
			delete(c, changes[i])
		}
	}
	return c
}

func (f fields) encode() []byte {
	values := url.Values{}
	for name, value := range f {
		values.Set(name, value)
	}
	return []byte(values.Encode())
}

// sign adds what Alipay adds to a notification.
func (v vendor) sign(f fields) fields {
	signed := f.with("sign", signature(v.alipay, content(f)), "sign_type", "RSA2")
	if v.certs != nil {
		signed["alipay_cert_sn"] = v.certs.alipaySerial
	}
	return signed
}

func requestOf(body []byte) channel.Request {
	return channel.Request{
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}, Body: body, ReceivedAt: time.Now(),
	}
}

func (v vendor) notify(f fields) channel.Request { return requestOf(v.sign(f).encode()) }

// question is what the gateway was asked.
type question struct {
	method string
	biz    map[string]any
}

// read checks a question as the gateway does and returns it.
func (v vendor) read(r *http.Request) (question, error) {
	if err := r.ParseForm(); err != nil {
		return question{}, err
	}
	if r.Method != http.MethodPost || r.URL.RawQuery != "" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded;charset=utf-8" {
		return question{}, fmt.Errorf("%s %s %q", r.Method, r.URL, r.Header.Get("Content-Type"))
	}
	got := fields{}
	for name, values := range r.PostForm {
		if len(values) != 1 {
			return question{}, fmt.Errorf("%s comes %d times", name, len(values))
		}
		got[name] = values[0]
	}
	want := fields{"app_id": testApp, "format": "JSON", "charset": "utf-8", "sign_type": "RSA2", "version": "1.0"}
	if v.certs != nil {
		want["app_cert_sn"], want["alipay_root_cert_sn"] = v.certs.appSerial, v.certs.rootSerial
	}
	for name, value := range want {
		if got[name] != value {
			return question{}, fmt.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
	at, err := time.ParseInLocation(time.DateTime, got["timestamp"], time.FixedZone("", 8*60*60))
	if off := time.Since(at); err != nil || off < -time.Minute || off > time.Minute {
		return question{}, fmt.Errorf("timestamp %q is off by %v", got["timestamp"], off)
	}
	if !verified(&v.app.PublicKey, content(got, "sign"), got["sign"]) {
		return question{}, fmt.Errorf("signature of %v does not verify", got)
	}
	q := question{method: got["method"]}
	return q, json.Unmarshal([]byte(got["biz_content"]), &q.biz)
}

// reply is an answer as fields in their order, so that a test knows each byte.
type reply []string

// ok begins a successful answer.
func ok(pairs ...string) reply { return append(reply{"code", "10000", "msg", "Success"}, pairs...) }

// failure is a refusal.
func failure(code, sub string) reply {
	return reply{"code", code, "msg", "Business Failed", "sub_code", sub, "sub_msg", "marked-words: 交易的说明"}
}

// paidReply answers about a trade that was paid.
func paidReply() reply {
	return ok("buyer_logon_id", "buyer***@example.test", "buyer_pay_amount", "88.00", "out_trade_no", "A1001",
		"send_pay_date", "2026-11-23 16:00:02", "total_amount", "88.00", "trade_no", "2026112322001403000000000001", "trade_status", "TRADE_SUCCESS")
}

// with returns a copy with some fields changed, "" removes one.
func (r reply) with(changes ...string) reply {
	c := slices.Clone(r)
	for i := 0; i < len(changes); i += 2 {
		for at := 0; at < len(c); at += 2 {
			if c[at] == changes[i] {
				c = slices.Delete(c, at, at+2)
				break
			}
		}
		if changes[i+1] != "" {
			c = append(c, changes[i], changes[i+1])
		}
	}
	return c
}

// raw is the JSON that is signed, with the slashes escaped and the blanks that Alipay may use.
func (r reply) raw() string {
	var parts []string
	for i := 0; i < len(r); i += 2 {
		value, err := json.Marshal(r[i+1])
		if err != nil {
			panic(err)
		}
		parts = append(parts, fmt.Sprintf("%q: %s", r[i], strings.ReplaceAll(string(value), "/", `\/`)))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// answer is the body of the gateway's answer to a question, signed by Alipay.
func (v vendor) answer(method string, r reply) string {
	return v.envelope(method, r.raw(), signature(v.alipay, r.raw()))
}

func (v vendor) envelope(method, raw, signature string) string {
	var tail string
	if v.certs != nil {
		tail = fmt.Sprintf(`,"alipay_cert_sn":%q`, v.certs.alipaySerial)
	}
	if signature != "" {
		tail += fmt.Sprintf(`,"sign":%q`, signature)
	}
	return fmt.Sprintf(`{"%s_response":%s%s}`, strings.ReplaceAll(method, ".", "_"), raw, tail)
}

// cny is an amount in fen.
func cny(fen int64) order.Money { return order.Money{Minor: fen, Currency: "CNY"} }
