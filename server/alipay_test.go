package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"anxin/engine/channel/alipay/alipaytest"
	"anxin/engine/order"
)

// alipayShop is a server with an account at Alipay, whose gateway is played by the test.
type alipayShop struct {
	*process
	signer string // file of Alipay's own key, for openssl
	serial string // of the certificate that it belongs to, "" in key mode
}

// startAlipayShop sets an account up as the guide says.
func startAlipayShop(t *testing.T, v alipaytest.Vendor, answer func(alipaytest.Question) string) alipayShop {
	t.Helper()
	dir, gateway := t.TempDir(), v.Gateway(t, answer)
	account := "alipay_public_key: file:alipay_public_key.txt"
	files := map[string]string{"app_private_key.pem": v.PrivateKey(), "alipay_public_key.txt": v.PublicKey(), "alipay.pem": alipaytest.PEM(v.Alipay)}
	s := alipayShop{signer: filepath.Join(dir, "alipay.pem")}
	if v.Certs != nil {
		account = "app_cert: file:app.crt\n      alipay_cert: [file:alipay.crt, file:next.crt]\n      root_cert: file:root.crt"
		files["app.crt"], files["alipay.crt"], files["next.crt"], files["root.crt"] = v.Certs.App, v.Certs.Alipay, v.Certs.Next, v.Certs.Root
		s.serial = v.Certs.AlipaySerial
	}
	files["anxin.yaml"] = weighedFirst + `
channels:
  alipay:
    provider: alipay
    schedule: [1s, 3s, 5s, 7s, 9s]
    account:
      app_id: "` + alipaytest.AppID + `"
      seller_id: "` + alipaytest.SellerID + `"
      private_key: file:app_private_key.pem
      ` + account + `
      gateway: ` + gateway.URL + `/gateway.do
`
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.process = startServer(t, filepath.Join(dir, "data"), "ANXIN_CONFIG="+filepath.Join(dir, "anxin.yaml"), "ANXIN_LOG_LEVEL=debug")
	return s
}

// claimed registers an order that its payer says to have paid, and returns its view token.
func (s alipayShop) claimed(orderNo string) string {
	s.t.Helper()
	r := registration(orderNo)
	r["channel"] = "alipay"
	status, answer := s.call(http.MethodPost, "/v1/orders", r)
	if status != http.StatusCreated {
		s.t.Fatalf("register %s: %d %v", orderNo, status, answer)
	}
	s.call(http.MethodPost, "/v1/orders/"+orderNo+"/claim", nil)
	return answer["view_token"].(string)
}

// send delivers a notification that openssl signs, and returns the answer to it.
func (s alipayShop) send(f alipaytest.Fields) string {
	s.t.Helper()
	sign := exec.CommandContext(s.t.Context(), "openssl", "dgst", "-sha256", "-sign", s.signer)
	sign.Stdin = strings.NewReader(alipaytest.Content(f))
	raw, err := sign.Output()
	if err != nil {
		s.t.Fatal(err)
	}
	return s.post(f.With("sign_type", "RSA2", "sign", base64.StdEncoding.EncodeToString(raw), "alipay_cert_sn", s.serial))
}

func (s alipayShop) post(f alipaytest.Fields) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.base+"/v1/callbacks/alipay", bytes.NewReader(f.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprint(resp.StatusCode, " ", string(raw))
}

// noticeAbout is a notification about an order, with what must not get anywhere.
func noticeAbout(orderNo string) alipaytest.Fields {
	return alipaytest.PaidNotice().With("out_trade_no", orderNo, "notify_id", "n-"+orderNo, "buyer_logon_id", "marked-buyer", "body", "marked-body")
}

// wantNothingMarked looks for what no frame and no log may hold.
func (s alipayShop) wantNothingMarked(frames []watched) {
	s.t.Helper()
	text := s.logs()
	for _, f := range frames {
		text += string(f.frame.Data)
	}
	for _, part := range []string{"marked", "buyer", alipaytest.SellerID, alipaytest.AppID, "20261123220014", "PRIVATE KEY", "ACQ."} {
		if strings.Contains(text, part) {
			s.t.Errorf("%q is in a frame or in the log", part)
		}
	}
}

// TestAlipayNotificationReachesThePage takes a notification that openssl signed to the
// page's frame, then the same one again, and the refunds that follow.
func TestAlipayNotificationReachesThePage(t *testing.T) {
	t.Parallel()
	for mode, v := range map[string]alipaytest.Vendor{"keys": alipaytest.WithKeys(), "certificates": alipaytest.WithCertificates()} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := startAlipayShop(t, v, func(q alipaytest.Question) string {
				return v.Answer(q.Method, alipaytest.PaidReply().With("out_trade_no", fmt.Sprint(q.Biz["out_trade_no"]), "trade_status", "WAIT_BUYER_PAY", "send_pay_date", ""))
			})
			token := s.claimed("P1")
			if got := s.post(v.Sign(noticeAbout("P1")).With("total_amount", "0.01")); got != "401 failure" {
				t.Errorf("a forged notification is answered %s", got)
			}
			for range 2 {
				if got := s.send(noticeAbout("P1")); got != "200 success" {
					t.Errorf("answered %s", got)
				}
			}
			frames := s.watch("P1", token)
			if last := frames[len(frames)-1]; last.Status != order.StatusSucceeded {
				t.Errorf("ends as %s", last.Status)
			}
			part := noticeAbout("P1").With("notify_id", "n2", "refund_fee", "20.00", "gmt_refund", "2026-11-23 16:05:00", "out_biz_no", "R1")
			s.send(part)
			if status := s.order("P1")["status"]; status != string(order.StatusSucceeded) {
				t.Errorf("after a refund in part it is %v", status)
			}
			s.send(part.With("notify_id", "n3", "refund_fee", "88.00", "out_biz_no", "R2", "trade_status", "TRADE_CLOSED"))
			if status := s.order("P1")["status"]; status != string(order.StatusRefunded) {
				t.Errorf("after the refund of the rest it is %v", status)
			}
			s.wantNothingMarked(frames)
		})
	}
}

// TestAlipayLostNotificationIsFoundByQuery has the notification get lost: the gateway is
// busy, then knows no trade, then has an unpaid one, then knows. Both sides sign.
func TestAlipayLostNotificationIsFoundByQuery(t *testing.T) {
	t.Parallel()
	v := alipaytest.WithKeys()
	var asked atomic.Int64
	s := startAlipayShop(t, v, func(q alipaytest.Question) string {
		if q.Method != "alipay.trade.query" || q.Biz["out_trade_no"] != "P2" {
			t.Errorf("asked %+v", q)
		}
		paid := alipaytest.PaidReply().With("out_trade_no", "P2")
		switch asked.Add(1) {
		case 1:
			return v.Answer(q.Method, alipaytest.Failure("20000", "isp.unknow-error"))
		case 2:
			return v.Answer(q.Method, alipaytest.Failure("40004", "ACQ.TRADE_NOT_EXIST"))
		case 3:
			return v.Answer(q.Method, paid.With("trade_status", "WAIT_BUYER_PAY", "send_pay_date", ""))
		}
		return v.Answer(q.Method, paid)
	})
	frames := s.watch("P2", s.claimed("P2"))
	if last := frames[len(frames)-1]; last.Status != order.StatusSucceeded || last.Attempt != 4 {
		t.Errorf("ends as %s after %d attempts", last.Status, last.Attempt)
	}
	if timeline := fmt.Sprint(s.order("P2")["timeline"]); !strings.Contains(timeline, string(order.DiagnosisCallbackMissing)) {
		t.Error("no event was diagnosed as callback_missing")
	}
	s.wantNothingMarked(frames)
}

// TestAlipayWrongAmountIsNeverPaid holds that a true signature about another amount,
// another currency or another seller opens a case and moves nothing.
func TestAlipayWrongAmountIsNeverPaid(t *testing.T) {
	t.Parallel()
	v := alipaytest.WithKeys()
	s := startAlipayShop(t, v, func(q alipaytest.Question) string {
		return v.Answer(q.Method, alipaytest.Failure("40004", "ACQ.TRADE_NOT_EXIST"))
	})
	for orderNo, test := range map[string]struct {
		notice alipaytest.Fields
		kind   order.CaseKind
	}{
		"P3": {noticeAbout("P3").With("total_amount", "88.01"), order.CaseAmountMismatch},
		"P4": {noticeAbout("P4").With("trans_currency", "USD"), order.CaseAmountMismatch},
		"P5": {noticeAbout("P5").With("seller_id", "2088000000000099"), order.CaseMerchantMismatch},
		"P6": {noticeAbout("P6").With("app_id", "2021000000000099"), order.CaseMerchantMismatch},
	} {
		s.claimed(orderNo)
		if got := s.send(test.notice); got != "200 success" {
			t.Errorf("%s: answered %s", orderNo, got)
		}
		o := s.order(orderNo)
		if cases := fmt.Sprint(o["cases"]); o["status"] != string(order.StatusConfirming) || !strings.Contains(cases, string(test.kind)) {
			t.Errorf("%s: %v with cases %s", orderNo, o["status"], cases)
		}
	}
	s.wantNothingMarked(nil)
}

// TestAlipayGuide runs the guide as it stands: its keys, its configuration, its check and
// its rehearsal, in which openssl takes Alipay's part.
func TestAlipayGuide(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../docs/channels-alipay.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, base := t.TempDir(), freeAddress(t)
	sh := func(script string) string {
		t.Helper()
		script = strings.NewReplacer("http://127.0.0.1:8080", "http://"+base, "go run ./server", binary).Replace(script)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, "bash", "-euc", script)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "ANXIN_CONFIG=anxin.yaml", "ANXIN_DATA_DIR="+filepath.Join(dir, "data"), "ANXIN_LISTEN="+base)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, script, out)
		}
		return string(out)
	}
	if key := strings.TrimSpace(sh(fenced(t, string(guide), "openssl genrsa -out alipay/app_private_key.pem"))); !strings.HasPrefix(key, "MII") || strings.Contains(key, "\n") {
		t.Errorf("the key for the console is %q", key)
	}
	if err := os.WriteFile(filepath.Join(dir, "anxin.yaml"), []byte(weighedFirst+fenced(t, string(guide), "alipay_public_key: file:")), 0o600); err != nil {
		t.Fatal(err)
	}
	sh(fenced(t, string(guide), "openssl genrsa -out alipay/rehearsal.pem"))
	if found := sh(fenced(t, string(guide), "channels check")); !strings.Contains(found, "application key") || strings.Contains(found, "error") {
		t.Errorf("the check finds %s", found)
	}
	p := startServerAt(t, filepath.Join(dir, "data"), base, "ANXIN_CONFIG="+filepath.Join(dir, "anxin.yaml"))
	if out := sh(fenced(t, string(guide), "ORDER=R$(date +%s)")); !strings.Contains(out, "success") || !strings.Contains(out, `"succeeded"`) {
		t.Errorf("the rehearsal says %s\n%s", out, p.logs())
	}
}
