package wechatpaytest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// Gateway answers as WeChat Pay's API does. It refuses what the merchant did not sign.
type Gateway struct {
	*httptest.Server
	// Answer says what to answer to a signed question. A body of nil is empty.
	Answer func(r *http.Request, body []byte) (status int, content any)
	// Deliver sends a signed answer; tests replace it to spoil one.
	Deliver func(w http.ResponseWriter, by Signer, status int, body []byte)
	Clock   func() time.Time
}

// NewGateway starts a gateway that ends with the test.
func NewGateway(tb testing.TB, answer func(r *http.Request, body []byte) (int, any)) *Gateway {
	tb.Helper()
	g := &Gateway{Answer: answer, Clock: time.Now}
	g.Deliver = g.Reply
	g.Server = httptest.NewServer(g)
	tb.Cleanup(g.Server.Close)
	return g
}

var authorization = regexp.MustCompile(`^WECHATPAY2-SHA256-RSA2048 mchid="([0-9]+)",nonce_str="([^"]+)",timestamp="([0-9]+)",serial_no="([0-9A-F]+)",signature="([^"]+)"$`)

// Asked returns who asked, "" when the signature of the question does not hold.
func (g *Gateway) asked(r *http.Request, body []byte) string {
	m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil || m[4] != TheKeys().Merchant.Name {
		return ""
	}
	at, err := strconv.ParseInt(m[3], 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return ""
	}
	if !TheKeys().Merchant.verify(r.Method+"\n"+r.URL.RequestURI()+"\n"+m[3]+"\n"+m[2]+"\n"+string(body)+"\n", m[5]) {
		return ""
	}
	return m[1]
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the asker gave up
	}
	by := TheKeys().Platform
	for _, s := range []Signer{TheKeys().Next, TheKeys().Public} {
		if s.Name == r.Header.Get("Wechatpay-Serial") {
			by = s
		}
	}
	status, content := http.StatusUnauthorized, any(Problem("SIGN_ERROR"))
	if g.asked(r, body) == MchID {
		status, content = g.Answer(r, body)
	}
	var answer []byte
	if content != nil {
		answer = Marshal(content)
	}
	g.Deliver(w, by, status, answer)
}

// Reply sends a signed answer. Like the real one it signs successes only.
func (g *Gateway) Reply(w http.ResponseWriter, by Signer, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Request-Id", "08F7AAB1A4061059")
	if status < 300 {
		by.Seal(w.Header(), g.Clock(), "c5ac7061fccab6bf3e254dcf98995b8c", body)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the asker may be gone
}
