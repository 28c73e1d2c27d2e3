package webhook_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"anxin/engine"
)

func send(t *testing.T, ctx context.Context, url string) (engine.Reply, error) { //nolint:revive // as in all helpers t comes first
	t.Helper()
	return sender(t, url, true).Send(ctx, "shop", message)
}

func TestSenderKeepsTheBeginningOfTheAnswer(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("茶", 4000)
	for name, c := range map[string]struct {
		status     int
		says, want string
	}{
		"accepted":     {200, "ok", "ok"},
		"an error":     {500, `{"error":"no such order"}`, `{"error":"no such order"}`},
		"nothing":      {204, "", ""},
		"long":         {200, long, long[:engine.MaxReply/3*3]},
		"bytes":        {500, "a\x00b\xffc", "ab\uFFFDc"},
		"our secret":   {500, "bad key " + secretText('a') + "!", "bad key whsec_[redacted]!"},
		"raw secret":   {500, "bad key " + strings.Repeat("a", 32), "bad key [redacted]"},
		"torn apart":   {500, "bad key " + secretText('a')[:20] + "\x00" + secretText('a')[20:], "bad key whsec_[redacted]"},
		"over the cut": {500, strings.Repeat("x", engine.MaxReply-10) + secretText('a')[6:], strings.Repeat("x", engine.MaxReply-10) + "[redacted]"},
		"our address":  {500, "POST /hook?token=url-secret", "POST /hook?[redacted]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.says)
			})
			reply, err := send(t, t.Context(), url+"/hook?token=url-secret")
			if (err == nil) != (c.status < 300) {
				t.Errorf("got %v", err)
			}
			if reply.Status != c.status || reply.Body != c.want || len(reply.Body) > engine.MaxReply || !utf8.ValidString(reply.Body) {
				t.Errorf("kept %d %q, want %q", reply.Status, reply.Body, c.want)
			}
		})
	}
}

// A backend that trickles its headers holds a worker until the deadline and no longer.
func TestBackendThatTricklesIsCutOff(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close() //nolint:errcheck // the client has hung up
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX-Slow: ")
		for n := 0; err == nil; n++ { // until the client hangs up
			if n == 100 {
				cancel(context.DeadlineExceeded) // the deadline, brought forward
			}
			_, err = conn.Write([]byte("x"))
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-ended })
	_, err = send(t, ctx, "http://"+listener.Addr().String())
	if refused := (*engine.DeliveryError)(nil); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	<-ended
}

// Once the status says accepted it is accepted, however the body goes on.
func TestBodyThatNeverEndsDoesNotUndoTheAcceptance(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "beginning")
		_ = http.NewResponseController(w).Flush()
		cancel()
		<-r.Context().Done()
	})
	reply, err := send(t, ctx, url)
	if err != nil && !errors.Is(err, context.Canceled) { // the cancellation may overtake the status
		t.Errorf("got %v", err)
	}
	if err == nil && reply.Status != http.StatusOK {
		t.Errorf("kept %+v", reply)
	}
}

func TestSenderRefusesWrongTLS(t *testing.T) {
	t.Parallel()
	accept := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	unknown := httptest.NewTLSServer(http.HandlerFunc(accept))
	t.Cleanup(unknown.Close)
	plain := serve(t, accept)
	for name, url := range map[string]string{
		"unknown authority": unknown.URL,
		"no TLS":            "https" + strings.TrimPrefix(plain, "http"),
	} {
		if got := refusal(t, sender(t, url, true)).Code; got != "tls" {
			t.Errorf("%s: code %s", name, got)
		}
	}
	// A certificate of a trusted authority, for another name.
	s := sender(t, strings.Replace(unknown.URL, "127.0.0.1", "localhost", 1), true)
	s.Trust(rootsOf(unknown))
	if got := refusal(t, s).Code; got != "tls" {
		t.Errorf("other name: code %s", got)
	}
}

func TestSenderSpeaksHTTP2(t *testing.T) {
	t.Parallel()
	verifier := oracleOf(t, 'a')
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = verifier.Verify(body, r.Header)
		}
		if err != nil || r.ProtoMajor != 2 {
			t.Errorf("%s: %v", r.Proto, err)
		}
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	s := sender(t, server.URL, true)
	s.Trust(rootsOf(server))
	for range 2 {
		if got := refusal(t, s); got.Code != "http_429" || got.RetryAfter.Seconds() != 7 {
			t.Errorf("got %+v", got)
		}
	}
}

func rootsOf(s *httptest.Server) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return roots
}
