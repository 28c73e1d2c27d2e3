package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anxin/engine/channel/wechatpay/wechatpaytest"
	"anxin/engine/order"
)

// wechatShop is a server with a WeChat Pay account, whose gateway is played by the test.
type wechatShop struct {
	*process
	keyFile string // WeChat Pay's own, for openssl
}

// startWechatShop configures everything as the guide says: files, and the APIv3 key in the
// environment.
func startWechatShop(t *testing.T, answer func(r *http.Request, body []byte) (int, any)) wechatShop {
	t.Helper()
	gateway := wechatpaytest.NewGateway(t, answer)
	dir, keys := t.TempDir(), wechatpaytest.TheKeys()
	for name, content := range map[string]string{
		"apiclient_key.pem": keys.Merchant.Key, "apiclient_cert.pem": keys.Merchant.Cert, "pub_key.pem": keys.Public.Public,
		"wechatpay.pem": keys.Platform.Cert + keys.Next.Cert, "of-wechat-pay.pem": keys.Platform.Key,
		"anxin.yaml": weighedFirst + `
channels:
  wechat:
    provider: wechatpay
    schedule: [1s, 2s, 3s, 4s, 5s, 10s, 20s, 40s]
    account:
      merchant_id: "` + wechatpaytest.MchID + `"
      app_ids: [` + wechatpaytest.AppID + `]
      api_v3_key: env:WECHAT_API_V3_KEY
      merchant_key: file:apiclient_key.pem
      merchant_certificate: file:apiclient_cert.pem
      platform_certificates: [file:wechatpay.pem]
      public_key_id: ` + keys.Public.Name + `
      public_key: file:pub_key.pem
      gateway: ` + gateway.URL + `
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := startServer(t, filepath.Join(dir, "data"), "ANXIN_CONFIG="+filepath.Join(dir, "anxin.yaml"), "WECHAT_API_V3_KEY="+wechatpaytest.APIv3Key, "ANXIN_LOG_LEVEL=debug")
	return wechatShop{p, filepath.Join(dir, "of-wechat-pay.pem")}
}

// claimed registers an order that its payer says to have paid, and returns its view token.
func (s wechatShop) claimed(orderNo string) string {
	s.t.Helper()
	r := registration(orderNo)
	r["channel"] = "wechat"
	status, answer := s.call(http.MethodPost, "/v1/orders", r)
	if status != http.StatusCreated {
		s.t.Fatalf("register %s: %d %v", orderNo, status, answer)
	}
	s.call(http.MethodPost, "/v1/orders/"+orderNo+"/claim", nil)
	return answer["view_token"].(string)
}

// send delivers a notification, signed by openssl, and returns the answer to it.
func (s wechatShop) send(n wechatpaytest.Notice, change func(http.Header)) (status int, answer string) {
	s.t.Helper()
	body, ts, nonce := wechatpaytest.Marshal(n), strconv.FormatInt(time.Now().Unix(), 10), "nonce"+n.ID
	sign := exec.CommandContext(s.t.Context(), "openssl", "dgst", "-sha256", "-sign", s.keyFile)
	sign.Stdin = strings.NewReader(ts + "\n" + nonce + "\n" + string(body) + "\n")
	signature, err := sign.Output()
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.base+"/v1/callbacks/wechat", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Wechatpay-Timestamp": ts, "Wechatpay-Nonce": nonce, "Wechatpay-Serial": wechatpaytest.TheKeys().Platform.Name,
		"Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048", "Wechatpay-Signature": base64.StdEncoding.EncodeToString(signature),
	} {
		req.Header.Set(name, value)
	}
	change(req.Header)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

func unchanged(http.Header) {}

func paidNotice(orderNo string, fen int64) wechatpaytest.Notice {
	return wechatpaytest.NewNotice("EV-"+orderNo, "TRANSACTION.SUCCESS", wechatpaytest.Payment(orderNo, "SUCCESS", fen, time.Now()))
}

// wantNothingMarked looks for what no frame and no log may hold.
func (s wechatShop) wantNothingMarked(frames []watched) {
	s.t.Helper()
	text := s.logs()
	for _, f := range frames {
		text += string(f.frame.Data)
	}
	for _, part := range []string{"marked", wechatpaytest.MchID, wechatpaytest.AppID, "4200", "PRIVATE KEY"} {
		if strings.Contains(text, part) {
			s.t.Errorf("%q is in a frame or in the log", part)
		}
	}
}

// TestWeChatPayCallbackReachesThePage takes a callback that openssl signed to the page's
// frame, then the same one again, and the refund that follows.
func TestWeChatPayCallbackReachesThePage(t *testing.T) {
	t.Parallel()
	s := startWechatShop(t, func(*http.Request, []byte) (int, any) {
		return 200, wechatpaytest.Payment("W1", "USERPAYING", 8800, time.Now())
	})
	token := s.claimed("W1")
	probe := func(h http.Header) { h.Set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/"+h.Get("Wechatpay-Signature")) }
	if status, answer := s.send(paidNotice("W1", 8800), probe); status != 401 || answer != `{"code":"FAIL","message":"失败"}` {
		t.Errorf("a probe is answered %d %s", status, answer)
	}
	for range 2 {
		if status, answer := s.send(paidNotice("W1", 8800), unchanged); status != 204 || answer != "" {
			t.Errorf("answered %d %s", status, answer)
		}
	}
	frames := s.watch("W1", token)
	if last := frames[len(frames)-1]; last.Status != order.StatusSucceeded {
		t.Errorf("ends as %s", last.Status)
	}
	s.send(wechatpaytest.NewNotice("EV-R1", "REFUND.SUCCESS", wechatpaytest.RefundNotice("W1", "R1", "SUCCESS", 8800, 8800, time.Now())), unchanged)
	if status := s.order("W1")["status"]; status != string(order.StatusRefunded) {
		t.Errorf("after the refund it is %v", status)
	}
	s.wantNothingMarked(frames)
}

// TestWeChatPayLostCallbackIsFoundByQuery has the callback get lost: the gateway is busy,
// then unsure, then knows. Its answers are signed, and so are the questions.
func TestWeChatPayLostCallbackIsFoundByQuery(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := startWechatShop(t, func(r *http.Request, _ []byte) (int, any) {
		if want := "/v3/pay/transactions/out-trade-no/W2?mchid=" + wechatpaytest.MchID; r.URL.RequestURI() != want {
			t.Errorf("asked %s", r.URL)
		}
		switch asked.Add(1) {
		case 1:
			return 500, wechatpaytest.Problem("SYSTEM_ERROR")
		case 2:
			return 404, wechatpaytest.Problem("ORDER_NOT_EXIST")
		case 3:
			return 200, wechatpaytest.Payment("W2", "USERPAYING", 8800, time.Now())
		}
		return 200, wechatpaytest.Payment("W2", "SUCCESS", 8800, time.Now())
	})
	frames := s.watch("W2", s.claimed("W2"))
	if last := frames[len(frames)-1]; last.Status != order.StatusSucceeded || last.Attempt != 4 {
		t.Errorf("ends as %s after %d attempts", last.Status, last.Attempt)
	}
	told := false
	for _, ev := range s.order("W2")["timeline"].([]any) {
		detail, _ := ev.(object)["detail"].(object)
		told = told || detail["diagnosis"] == string(order.DiagnosisCallbackMissing)
	}
	if !told {
		t.Error("no event was diagnosed as callback_missing")
	}
	s.wantNothingMarked(frames)
}

// TestWeChatPayWrongAmountIsNeverPaid holds that a true signature about another amount, or
// through another app, opens a case and moves nothing.
func TestWeChatPayWrongAmountIsNeverPaid(t *testing.T) {
	t.Parallel()
	s := startWechatShop(t, func(r *http.Request, _ []byte) (int, any) { return 404, wechatpaytest.Problem("ORDER_NOT_EXIST") })
	stranger := wechatpaytest.Payment("W4", "SUCCESS", 8800, time.Now())
	stranger["appid"] = "wxstranger"
	for orderNo, test := range map[string]struct {
		notice wechatpaytest.Notice
		kind   order.CaseKind
	}{
		"W3": {paidNotice("W3", 8801), order.CaseAmountMismatch},
		"W4": {wechatpaytest.NewNotice("EV-W4", "TRANSACTION.SUCCESS", stranger), order.CaseMerchantMismatch},
	} {
		s.claimed(orderNo)
		if status, _ := s.send(test.notice, unchanged); status != 204 {
			t.Errorf("%s: answered %d", orderNo, status)
		}
		o := s.order(orderNo)
		if cases := fmt.Sprint(o["cases"]); o["status"] != string(order.StatusConfirming) || !strings.Contains(cases, string(test.kind)) {
			t.Errorf("%s: %v with cases %s", orderNo, o["status"], cases)
		}
	}
	s.wantNothingMarked(nil)
}
