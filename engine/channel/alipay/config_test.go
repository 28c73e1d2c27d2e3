package alipay

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/alipay/alipaytest"
)

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	keyMode, certMode := keyVendor(), certVendor()
	for what, test := range map[string]struct {
		vendor  vendor
		change  func(*Config)
		setting string
	}{
		"no app":                       {keyMode, func(c *Config) { c.AppID = "" }, "app_id"},
		"an app of letters":            {keyMode, func(c *Config) { c.AppID = "wx123" }, "app_id"},
		"an e-mail for the seller":     {keyMode, func(c *Config) { c.SellerID = "shop@example.test" }, "seller_id"},
		"no seller":                    {keyMode, func(c *Config) { c.SellerID = "" }, "seller_id"},
		"a gateway without TLS":        {keyMode, func(c *Config) { c.GatewayURL = "http://openapi.alipay.com/gateway.do" }, "gateway"},
		"a gateway with a query":       {keyMode, func(c *Config) { c.GatewayURL = ProductionGateway + "?charset=GBK" }, "gateway"},
		"a gateway with a password":    {keyMode, func(c *Config) { c.GatewayURL = "https://a:b@example.test/" }, "gateway"},
		"no key":                       {keyMode, func(c *Config) { c.PrivateKey = "" }, "private_key"},
		"a key that is none":           {keyMode, func(c *Config) { c.PrivateKey = "MIIE secret" }, "private_key"},
		"a public key for the private": {keyMode, func(c *Config) { c.PrivateKey = c.AlipayPublicKey }, "private_key"},
		"a short key":                  {keyMode, func(c *Config) { c.PrivateKey = base64.StdEncoding.EncodeToString(shortKey(t)) }, "private_key"},
		"a key of another kind":        {keyMode, func(c *Config) { c.PrivateKey = base64.StdEncoding.EncodeToString(curveKey(t)) }, "private_key"},
		"the application's own key":    {keyMode, func(c *Config) { c.AlipayPublicKey = publicOf(t, &keyMode.App.PublicKey) }, "alipay_public_key"},
		"a public key that is none":    {keyMode, func(c *Config) { c.AlipayPublicKey = "MIIB" }, "alipay_public_key"},
		"nothing of Alipay's":          {keyMode, func(c *Config) { c.AlipayPublicKey = "" }, "alipay_public_key"},
		"both modes":                   {certMode, func(c *Config) { c.AlipayPublicKey = publicOf(t, &keyMode.Alipay.PublicKey) }, "alipay_public_key"},
		"two of three certificates":    {certMode, func(c *Config) { c.RootCert = "" }, "alipay_public_key"},
		"a root file without a root":   {certMode, func(c *Config) { c.RootCert = "text" }, "root_cert"},
		"no certificate":               {certMode, func(c *Config) { c.AppCert = "text" }, "app_cert"},
		"a certificate of another key": {certMode, func(c *Config) { c.AppCert = c.AlipayCert }, "app_cert"},
		"no certificate of Alipay's":   {certMode, func(c *Config) { c.AlipayCert = "text" }, "alipay_cert"},
		"a root for Alipay's":          {certMode, func(c *Config) { c.AlipayCert = c.RootCert }, "alipay_cert"},
		"the own one for Alipay's":     {certMode, func(c *Config) { c.AlipayCert = c.AppCert }, "alipay_cert"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			cfg := test.vendor.config("")
			test.change(&cfg)
			_, err := New(cfg)
			wrong, ok := errors.AsType[*ConfigError](err)
			if !ok || wrong.Setting != test.setting {
				t.Fatalf("error %v, want one about %s", err, test.setting)
			}
			if strings.Contains(err.Error(), "secret") || len(err.Error()) > 100 {
				t.Errorf("error tells the value: %v", err)
			}
		})
	}
}

func shortKey(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return x509.MarshalPKCS1PrivateKey(key)
}

func curveKey(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func publicOf(t *testing.T, key *rsa.PublicKey) string {
	t.Helper()
	raw, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: raw}))
}

// Alipay's tools write PKCS #1 and PKCS #8, as PEM and as base64 alone; people add blanks.
func TestKeysAreReadInAllTheirShapes(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	pkcs1 := x509.MarshalPKCS1PrivateKey(v.App)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(v.App)
	if err != nil {
		t.Fatal(err)
	}
	for what, key := range map[string]string{
		"PKCS #1, PEM": pemOf("RSA PRIVATE KEY", pkcs1), "PKCS #1": base64.StdEncoding.EncodeToString(pkcs1),
		"PKCS #8, PEM": "\n " + pemOf("PRIVATE KEY", pkcs8) + "\n", "PKCS #8": base64.StdEncoding.EncodeToString(pkcs8) + "\n",
	} {
		cfg := v.config("")
		cfg.PrivateKey = key
		if _, err := New(cfg); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	p := deaf(t, keyVendor()).Policy()
	if p.Merchant != alipaytest.SellerID || p.QueryTimeout != queryTimeout || p.MaxBody != maxNotice || p.Freshness != 0 || p.QPS != queriesPerSecond {
		t.Errorf("policy is %+v", p)
	}
	for _, can := range channel.Capabilities {
		if !p.Can(can) {
			t.Errorf("%s is said to be unsupported", can)
		}
	}
}

func findings(c *Channel, at time.Time) map[string]channel.Level {
	levels := make(map[string]channel.Level)
	for _, f := range c.Inspect(at) {
		name := regexp.MustCompile(`[0-9a-f]{32}`).ReplaceAllStringFunc(f.Subject, func(s string) string { return s[:4] })
		if old, ok := levels[name]; !ok || old == channel.LevelOK {
			levels[name] = f.Level
		}
	}
	return levels
}

func TestInspect(t *testing.T) {
	t.Parallel()
	keys := deaf(t, keyVendor())
	if levels := findings(keys, time.Now()); levels["application key"] != channel.LevelOK || levels["Alipay public key"] != channel.LevelOK || len(levels) != 2 {
		t.Errorf("found %v", levels)
	}
	v := certVendor()
	c := deaf(t, v)
	app, alipay, next := "application certificate "+v.Certs.AppSerial[:4], "Alipay certificate "+v.Certs.AlipaySerial[:4], "Alipay certificate "+v.Certs.NextSerial[:4]
	for at, want := range map[time.Time]channel.Level{
		alipaytest.NotBefore.Add(-time.Hour): channel.LevelError, alipaytest.NotBefore.Add(time.Hour): channel.LevelOK,
		alipaytest.NotAfter.Add(-time.Hour): channel.LevelWarn, alipaytest.NotAfter.Add(time.Hour): channel.LevelError,
	} {
		levels := findings(c, at)
		if levels[app] != want || levels[alipay] != want || levels[next] != want || len(levels) != 4 {
			t.Errorf("at %s found %v, want %s", at, levels, want)
		}
	}
	for _, f := range c.Inspect(alipaytest.NotBefore.Add(time.Hour)) {
		if strings.Contains(f.Subject, "certificate") && !f.ExpiresAt.Equal(alipaytest.NotAfter) {
			t.Errorf("%s ends at %v", f.Subject, f.ExpiresAt)
		}
	}
}

func TestInspectFollowsTheChain(t *testing.T) {
	t.Parallel()
	v := certVendor()
	cfg := v.config("")
	_, cfg.RootCert = alipaytest.NewCertificate(1, "root", nil, alipaytest.OtherKey(), alipaytest.OtherKey())
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if levels := findings(c, alipaytest.NotBefore.Add(time.Hour)); levels["Alipay certificate "+v.Certs.AlipaySerial[:4]] != channel.LevelWarn {
		t.Errorf("a root of the same name and another key leads to %v", levels)
	}
}

// The library comes with files of an application in Alipay's sandbox, with the key in its
// tests, and with the root certificates of production, whose serial is the same for everyone.
func TestVendorsFilesAreUnderstood(t *testing.T) {
	t.Parallel()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/smartwalle/alipay/v3").Output()
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), name))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	find := func(pattern string) string {
		found := regexp.MustCompile(pattern).FindStringSubmatch(file("alipay_test.go"))
		if found == nil {
			t.Fatalf("nothing like %s in the library's tests", pattern)
		}
		return found[1]
	}
	c, err := New(Config{
		AppID: find(`appID = "([0-9]+)"`), SellerID: "2088721004113593", GatewayURL: SandboxGateway, PrivateKey: find(`privateKey = "([^"]+)"`),
		AppCert: file("appPublicCert.crt"), AlipayCert: file("alipayPublicCert.crt"), RootCert: file("alipayRootCert.crt"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.keys.alipayCerts) != 1 || len(c.keys.roots) != 2 {
		t.Errorf("%d certificates of Alipay, %d roots", len(c.keys.alipayCerts), len(c.keys.roots))
	}
	body, err := c.sign(methodQuery, biz{"out_trade_no": "A1001"})
	if err != nil {
		t.Fatal(err)
	}
	sent, err := url.ParseQuery(body)
	if err != nil {
		t.Fatal(err)
	}
	if got := sent.Get("alipay_root_cert_sn"); got != "687b59193f3f462dd5336e5abf83c5d8_02941eef3187dddf3d3b83462e1dfcf6" {
		t.Errorf("the root certificates are named %s", got)
	}
	if got := sent.Get("app_cert_sn"); got != alipaytest.NameOf(c.keys.appCert) || got != serial(c.keys.appCert) {
		t.Errorf("the application's certificate is named %s", got)
	}
	levels := findings(c, time.Date(2023, 7, 1, 0, 0, 0, 0, time.UTC))
	if levels["Alipay certificate "+serial(c.keys.alipayCerts[0])[:4]] != channel.LevelWarn {
		t.Errorf("the sandbox's certificate does not lead to production's roots, but found is %v", levels)
	}
}
