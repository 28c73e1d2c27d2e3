package wechatpay_test

import (
	"crypto/ecdsa"
	ellipticcurve "crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/wechatpay"
	"anxin/engine/channel/wechatpay/wechatpaytest"
)

// unfit are credentials of kinds that WeChat Pay does not have.
func unfit(t *testing.T) (small, elliptic string) {
	t.Helper()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(weak)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(ellipticcurve.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &curve.PublicKey, curve)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	small, elliptic := unfit(t)
	for name, test := range map[string]struct {
		change func(*wechatpay.Config)
		want   error
	}{
		"as it is":               {asIs, nil},
		"default gateway":        {func(c *wechatpay.Config) { c.GatewayURL = "" }, nil},
		"serial alone":           {func(c *wechatpay.Config) { c.MerchantCert, c.MerchantSerial = "", keys.Merchant.Name }, nil},
		"serial and certificate": {func(c *wechatpay.Config) { c.MerchantSerial = keys.Merchant.Name }, nil},
		"no merchant":            {func(c *wechatpay.Config) { c.MchID = "" }, wechatpay.ErrConfigMerchant},
		"odd merchant":           {func(c *wechatpay.Config) { c.MchID = "19&x=1" }, wechatpay.ErrConfigMerchant},
		"odd app":                {func(c *wechatpay.Config) { c.AppIDs = []string{"wx/1"} }, wechatpay.ErrConfigApp},
		"short APIv3 key":        {func(c *wechatpay.Config) { c.APIv3Key = "marked-secret" }, wechatpay.ErrConfigAPIv3Key},
		"no merchant key":        {func(c *wechatpay.Config) { c.MerchantKey = "" }, wechatpay.ErrConfigMerchantKey},
		"public for private":     {func(c *wechatpay.Config) { c.MerchantKey = keys.Merchant.Public }, wechatpay.ErrConfigMerchantKey},
		"small key":              {func(c *wechatpay.Config) { c.MerchantKey = small }, wechatpay.ErrConfigMerchantKey},
		"elliptic certificate":   {func(c *wechatpay.Config) { c.MerchantCert = elliptic }, wechatpay.ErrConfigMerchantCert},
		"elliptic platform":      {func(c *wechatpay.Config) { c.PlatformCerts = []string{elliptic} }, wechatpay.ErrConfigPlatform},
		"broken certificate":     {func(c *wechatpay.Config) { c.MerchantCert = strings.Replace(keys.Merchant.Cert, "M", "N", 1) }, wechatpay.ErrConfigMerchantCert},
		"two certificates":       {func(c *wechatpay.Config) { c.MerchantCert = keys.Merchant.Cert + keys.Next.Cert }, wechatpay.ErrConfigMerchantCert},
		"certificate of another": {func(c *wechatpay.Config) { c.MerchantCert = keys.Next.Cert }, wechatpay.ErrConfigMismatch},
		"no serial":              {func(c *wechatpay.Config) { c.MerchantCert = "" }, wechatpay.ErrConfigSerial},
		"serial of another":      {func(c *wechatpay.Config) { c.MerchantSerial = keys.Next.Name }, wechatpay.ErrConfigSerial},
		"odd serial":             {func(c *wechatpay.Config) { c.MerchantCert, c.MerchantSerial = "", "4a:11" }, wechatpay.ErrConfigSerial},
		"broken platform":        {func(c *wechatpay.Config) { c.PlatformCerts = []string{"x"} }, wechatpay.ErrConfigPlatform},
		"key for platform":       {func(c *wechatpay.Config) { c.PlatformCerts = []string{keys.Platform.Cert + keys.Merchant.Key} }, wechatpay.ErrConfigPlatform},
		"public key without id":  {func(c *wechatpay.Config) { c.PublicKeyID = "" }, wechatpay.ErrConfigPublicKey},
		"id without public key":  {func(c *wechatpay.Config) { c.PublicKey = "" }, wechatpay.ErrConfigPublicKey},
		"odd id":                 {func(c *wechatpay.Config) { c.PublicKeyID = keys.Platform.Name }, wechatpay.ErrConfigPublicKey},
		"private for public":     {func(c *wechatpay.Config) { c.PublicKey = keys.Public.Key }, wechatpay.ErrConfigPublicKey},
		"nothing to verify by":   {func(c *wechatpay.Config) { c.PlatformCerts, c.PublicKey, c.PublicKeyID = nil, "", "" }, wechatpay.ErrConfigNoVerifier},
		"relative gateway":       {func(c *wechatpay.Config) { c.GatewayURL = "/v3" }, wechatpay.ErrConfigGateway},
		"other gateway":          {func(c *wechatpay.Config) { c.GatewayURL = "ftp://host" }, wechatpay.ErrConfigGateway},
		"broken gateway":         {func(c *wechatpay.Config) { c.GatewayURL = "http://[" }, wechatpay.ErrConfigGateway},
	} {
		cfg := config("http://127.0.0.1:1")
		test.change(&cfg)
		_, err := wechatpay.New(cfg)
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%s: error %v", name, err)
		}
		wantNeutral(t, err)
	}
}

func TestPolicyIsWeChatPays(t *testing.T) {
	t.Parallel()
	p := open(t, asIs).Policy()
	if p.Merchant != wechatpaytest.MchID || p.Freshness != 5*time.Minute || p.NotifiesFailures || len(p.Lacks) != 0 || p.QPS < 1 || p.QPS > 300 {
		t.Errorf("policy %+v", p)
	}
	advised := []time.Duration{5 * time.Second, 30 * time.Second, time.Minute, 3 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute}
	if fmt.Sprint(p.Schedule[:len(advised)]) != fmt.Sprint(advised) || p.Schedule[len(p.Schedule)-1] != 72*time.Hour {
		t.Errorf("schedule %v", p.Schedule)
	}
}

func TestInspectTellsWhenCertificatesEnd(t *testing.T) {
	t.Parallel()
	c := open(t, asIs)
	for name, test := range map[string]struct {
		now  time.Time
		want channel.Level
	}{
		"in between": {noon, channel.LevelOK},
		"soon":       {wechatpaytest.NotAfter.Add(-29 * 24 * time.Hour), channel.LevelWarn},
		"over":       {wechatpaytest.NotAfter.Add(time.Hour), channel.LevelError},
		"not yet":    {wechatpaytest.NotBefore.Add(-time.Hour), channel.LevelError},
	} {
		ends := 0
		for _, f := range c.Inspect(test.now) {
			want := channel.LevelOK
			if !f.ExpiresAt.IsZero() {
				ends++
				want = test.want
			}
			if f.Level != want || f.Subject == "" || f.Text == "" || strings.Contains(f.Text+f.Subject, "marked") {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if ends != 3 {
			t.Errorf("%s: %d certificates end, want the merchant's and two of the platform", name, ends)
		}
	}
}

func TestInspectSaysWhatItCannotCompare(t *testing.T) {
	t.Parallel()
	c := open(t, func(cfg *wechatpay.Config) {
		cfg.MerchantCert, cfg.MerchantSerial, cfg.PlatformCerts = "", keys.Merchant.Name, nil
	})
	found := c.Inspect(noon)
	if len(found) != 3 || found[1].Level != channel.LevelWarn || !strings.Contains(found[1].Text, keys.Merchant.Name) || !strings.Contains(found[2].Subject, keys.Public.Name) {
		t.Errorf("findings %+v", found)
	}
}
