package wechatpay_test

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"anxin/engine/channel"
	"anxin/engine/channel/wechatpay"
	"anxin/engine/channel/wechatpay/wechatpaytest"
	"anxin/engine/order"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	keys = wechatpaytest.TheKeys()
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	fen  = order.Money{Minor: 8800, Currency: "CNY"}
)

// config is that of the test's merchant, who moves to the public key.
func config(gateway string) wechatpay.Config {
	return wechatpay.Config{
		MchID: wechatpaytest.MchID, AppIDs: []string{"wxanother", wechatpaytest.AppID}, APIv3Key: wechatpaytest.APIv3Key,
		MerchantKey: keys.Merchant.Key, MerchantCert: keys.Merchant.Cert,
		PlatformCerts: []string{keys.Platform.Cert + keys.Next.Cert}, PublicKeyID: keys.Public.Name, PublicKey: keys.Public.Public,
		GatewayURL: gateway,
	}
}

func open(tb testing.TB, change func(*wechatpay.Config)) *wechatpay.Channel {
	tb.Helper()
	transport := &http.Transport{}
	tb.Cleanup(transport.CloseIdleConnections)
	cfg := config("http://127.0.0.1:1") // nobody listens there
	cfg.Client = &http.Client{Transport: transport}
	change(&cfg)
	c, err := wechatpay.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func asIs(*wechatpay.Config) {}

// signed is a body that came as a callback just after it was signed.
func signed(by wechatpaytest.Signer, body []byte) channel.Request {
	return channel.Request{Header: wechatpaytest.Callback(by, noon, body), Body: body, ReceivedAt: noon.Add(time.Second)}
}

func paid() wechatpaytest.Object {
	return wechatpaytest.Payment("A1001", "SUCCESS", fen.Minor, noon.Add(-time.Minute))
}

func notice(event string, content any) []byte {
	return wechatpaytest.Marshal(wechatpaytest.NewNotice("EV-1", event, content))
}

// wantNeutral looks for what must not leave the adapter.
func wantNeutral(tb testing.TB, err error) {
	tb.Helper()
	if err == nil {
		return
	}
	for _, part := range []string{"marked", wechatpaytest.MchID, wechatpaytest.APIv3Key, "A1001", keys.Merchant.Name, "PRIVATE"} {
		if strings.Contains(err.Error(), part) {
			tb.Errorf("%q is in %q", part, err)
		}
	}
}

func queryError(tb testing.TB, err error) channel.QueryError {
	tb.Helper()
	failed, ok := errors.AsType[*channel.QueryError](err)
	if !ok {
		tb.Fatalf("%v is no *channel.QueryError", err)
	}
	wantNeutral(tb, err)
	return *failed
}

func writeFile(tb testing.TB, name, content string) string {
	tb.Helper()
	path := tb.TempDir() + "/" + name
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}
