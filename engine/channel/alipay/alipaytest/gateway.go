package alipaytest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Question is what the gateway was asked.
type Question struct {
	Method string
	Biz    map[string]any
}

// Read checks a question as the gateway does and returns it.
func (v Vendor) Read(r *http.Request) (Question, error) {
	if err := r.ParseForm(); err != nil {
		return Question{}, err
	}
	if r.Method != http.MethodPost || r.URL.RawQuery != "" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded;charset=utf-8" {
		return Question{}, fmt.Errorf("%s %s %q", r.Method, r.URL, r.Header.Get("Content-Type"))
	}
	got := Fields{}
	for name, values := range r.PostForm {
		if len(values) != 1 {
			return Question{}, fmt.Errorf("%s comes %d times", name, len(values))
		}
		got[name] = values[0]
	}
	want := Fields{"app_id": AppID, "format": "JSON", "charset": "utf-8", "sign_type": "RSA2", "version": "1.0"}
	if v.Certs != nil {
		want["app_cert_sn"], want["alipay_root_cert_sn"] = v.Certs.AppSerial, v.Certs.RootSerial
	}
	for name, value := range want {
		if got[name] != value {
			return Question{}, fmt.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
	at, err := time.ParseInLocation(time.DateTime, got["timestamp"], shanghai)
	if err != nil || time.Since(at).Abs() > time.Minute {
		return Question{}, fmt.Errorf("timestamp %q is not now", got["timestamp"])
	}
	if !verified(&v.App.PublicKey, Content(got, "sign"), got["sign"]) {
		return Question{}, fmt.Errorf("signature of %v does not verify", got)
	}
	q := Question{Method: got["method"]}
	return q, json.Unmarshal([]byte(got["biz_content"]), &q.Biz)
}

// Reply is an answer as fields in their order, so that a test knows each byte.
type Reply []string

// OK begins a successful answer.
func OK(pairs ...string) Reply { return append(Reply{"code", "10000", "msg", "Success"}, pairs...) }

// Words are what Alipay says to people in a refusal. They must not get anywhere.
const Words = "marked-words: 交易的说明"

// Failure is a refusal.
func Failure(code, sub string) Reply {
	return Reply{"code", code, "msg", "Business Failed", "sub_code", sub, "sub_msg", Words}
}

// PaidReply answers about a trade that was paid.
func PaidReply() Reply {
	return OK("buyer_logon_id", "buyer***@example.test", "buyer_pay_amount", "88.00", "out_trade_no", "A1001",
		"send_pay_date", "2026-11-23 16:00:02", "total_amount", "88.00", "trade_no", "2026112322001403000000000001", "trade_status", "TRADE_SUCCESS")
}

// With returns a copy with some fields changed, "" removes one.
func (r Reply) With(changes ...string) Reply {
	c := slices.Clone(r)
	for pair := range slices.Chunk(changes, 2) {
		for at := 0; at < len(c); at += 2 {
			if c[at] == pair[0] {
				c = slices.Delete(c, at, at+2)
				break
			}
		}
		if pair[1] != "" {
			c = append(c, pair...)
		}
	}
	return c
}

// Raw is the JSON that is signed, with escaped slashes and blanks as Alipay may use them.
func (r Reply) Raw() string {
	var parts []string
	for i := 0; i < len(r); i += 2 {
		value := string(must(json.Marshal(r[i+1])))
		parts = append(parts, fmt.Sprintf("%q: %s", r[i], strings.ReplaceAll(value, "/", `\/`)))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// Answer is the body of the gateway's answer to a question, signed by Alipay.
func (v Vendor) Answer(method string, r Reply) string {
	return v.Envelope(method, r.Raw(), Signature(v.Alipay, r.Raw()))
}

// Envelope puts raw JSON and a signature, "" for none, into an answer.
func (v Vendor) Envelope(method, raw, signature string) string {
	var tail string
	if v.Certs != nil {
		tail = fmt.Sprintf(`,"alipay_cert_sn":%q`, v.Certs.AlipaySerial)
	}
	if signature != "" {
		tail += fmt.Sprintf(`,"sign":%q`, signature)
	}
	return fmt.Sprintf(`{"%s_response":%s%s}`, strings.ReplaceAll(method, ".", "_"), raw, tail)
}

// Gateway answers signed questions, and refuses those that the application did not sign.
type Gateway struct {
	*httptest.Server
	vendor Vendor
	answer func(Question) string

	mu    sync.Mutex // guards asked
	asked []Question
}

// Gateway starts one that ends with the test. The answers are whole bodies.
func (v Vendor) Gateway(tb testing.TB, answer func(Question) string) *Gateway {
	tb.Helper()
	g := &Gateway{vendor: v, answer: answer}
	g.Server = httptest.NewServer(g)
	tb.Cleanup(g.Server.Close)
	return g
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, err := g.vendor.Read(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	g.mu.Lock()
	g.asked = append(g.asked, q)
	g.mu.Unlock()
	_, _ = io.WriteString(w, g.answer(q))
}

// Asked returns the questions so far.
func (g *Gateway) Asked() []Question {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.asked)
}
