package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/webhook"
)

var message = engine.Webhook{ID: "msg_A1_7", OrderNo: "A1", Seq: 7, Type: "order.succeeded", Body: []byte(`{"marked":"body-secret"}`)}

// sender returns a Sender whose backend "shop" is at url.
func sender(t *testing.T, url string, private bool) *webhook.Sender {
	t.Helper()
	s, err := webhook.NewSender(map[string]webhook.Endpoint{
		"shop": {URL: url, Secrets: []webhook.Secret{secret(t, 'a')}, AllowPrivate: private},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func serve(t *testing.T, f http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL
}

// refusal sends and returns why the webhook was not accepted.
func refusal(t *testing.T, s *webhook.Sender) *engine.DeliveryError {
	t.Helper()
	var refused *engine.DeliveryError
	if _, err := s.Send(t.Context(), "shop", message); !errors.As(err, &refused) {
		t.Fatalf("got %v, want a DeliveryError", err)
	}
	return refused
}

func TestSenderSendsASignedWebhook(t *testing.T) {
	t.Parallel()
	verifier := oracleOf(t, 'a')
	var seen atomic.Int64
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != string(message.Body) {
			t.Errorf("body %q, %v", body, err)
		}
		if err := verifier.Verify(body, r.Header); err != nil {
			t.Errorf("oracle: %v", err)
		}
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.Header.Get(webhook.HeaderID) != message.ID {
			t.Errorf("%s with %v", r.Method, r.Header)
		}
		w.WriteHeader(http.StatusAccepted)
		seen.Add(1)
	})
	if _, err := sender(t, url, true).Send(t.Context(), "shop", message); err != nil {
		t.Error(err)
	}
	if seen.Load() != 1 {
		t.Errorf("%d requests", seen.Load())
	}
}

func TestSenderTakesOnly2xxForAccepted(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 202, 204, 299, 301, 302, 307, 400, 401, 404, 409, 410, 429, 500, 502, 503, 504} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
			_, err := sender(t, url, true).Send(t.Context(), "shop", message)
			if status < 300 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var refused *engine.DeliveryError
			if !errors.As(err, &refused) || refused.Code != fmt.Sprint("http_", status) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSenderReadsRetryAfter(t *testing.T) {
	t.Parallel()
	inOneHour := time.Now().Add(time.Hour)
	for value, want := range map[string][2]time.Duration{
		"":                                      {0, 0},
		"120":                                   {2 * time.Minute, 2 * time.Minute},
		inOneHour.UTC().Format(http.TimeFormat): {59 * time.Minute, time.Hour},
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): {0, 0},
		"-5": {0, 0}, "0": {0, 0}, "soon": {0, 0}, "1.5": {0, 0}, "99999999999999999999": {0, 0},
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", value)
				w.WriteHeader(http.StatusServiceUnavailable)
			})
			if got := refusal(t, sender(t, url, true)).RetryAfter; got < want[0] || got > want[1] {
				t.Errorf("waits %v, want %v to %v", got, want[0], want[1])
			}
		})
	}
}

func TestSenderDoesNotFollowRedirects(t *testing.T) {
	t.Parallel()
	var strayed atomic.Bool
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { strayed.Store(true) })
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
	})
	if got := refusal(t, sender(t, url, true)).Code; got != "http_307" {
		t.Errorf("code %s", got)
	}
	if strayed.Load() {
		t.Error("the webhook followed the redirect")
	}
}

func TestSenderGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	url := serve(t, func(http.ResponseWriter, *http.Request) { close(arrived); <-release })
	t.Cleanup(func() { close(release) }) // before the server closes
	s := sender(t, url, true)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	var refused *engine.DeliveryError
	if _, err := s.Send(ctx, "shop", message); !errors.As(err, &refused) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}

	expired, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := s.Send(expired, "shop", message); !errors.As(err, &refused) || refused.Code != "timeout" {
		t.Errorf("after its deadline: %v", err)
	}
}

func TestSenderNamesAConnectionThatFails(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	if got := refusal(t, sender(t, "http://"+address, true)).Code; got != "connection" {
		t.Errorf("code %s", got)
	}
}

func TestSenderRefusesAddressesThatAreNotPublic(t *testing.T) {
	t.Parallel()
	var reached atomic.Bool
	local := serve(t, func(http.ResponseWriter, *http.Request) { reached.Store(true) })
	_, port, err := net.SplitHostPort(strings.TrimPrefix(local, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{
		"127.0.0.1", "127.8.9.10", "localhost", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
		"100.64.0.1", "100.127.255.254", "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[fec0::1]", "[ff02::1]",
		"[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]", // IPv4 in IPv6 clothes
		"[64:ff9b::7f00:1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::1]", "[2001:0:7f00:1::]", "[::127.0.0.1]",
	} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			if got := refusal(t, sender(t, "http://"+host+":"+port, false)).Code; got != "address_refused" {
				t.Errorf("code %s", got)
			}
		})
	}
	t.Cleanup(func() {
		if reached.Load() {
			t.Error("a webhook reached a private address")
		}
	})
}

func TestSenderReadsNoMoreOfAnAnswerThanItMust(t *testing.T) {
	t.Parallel()
	var written atomic.Int64
	done := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(done)
		chunk := make([]byte, 64<<10)
		for range 10_000 { // 640 MB, if anyone would take them
			n, err := w.Write(chunk)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	if _, err := sender(t, url, true).Send(t.Context(), "shop", message); err != nil {
		t.Error(err)
	}
	<-done
	if got := written.Load(); got > 64<<20 { // what sockets buffer, with room to spare
		t.Errorf("the backend could send %d bytes", got)
	}
}

func TestSenderErrorsHoldNothingSecret(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Said", "answer-secret")
		http.Error(w, "answer-secret", http.StatusInternalServerError)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	for _, base := range []string{url, "http://" + l.Addr().String(), "http://user:url-secret@127.0.0.1:1"} {
		for _, private := range []bool{true, false} {
			_, err := sender(t, base+"/hook?token=url-secret", private).Send(t.Context(), "shop", message)
			for _, leak := range []string{"url-secret", "body-secret", "answer-secret", "127.0.0.1"} {
				if text := fmt.Sprintf("%v %+v %s", err, err, fmt.Errorf("deliver webhook: %w", err)); strings.Contains(text, leak) {
					t.Errorf("error shows %s: %s", leak, text)
				}
			}
		}
	}
}

func TestSenderOfAnUnknownBackend(t *testing.T) {
	t.Parallel()
	var refused *engine.DeliveryError
	_, err := sender(t, "https://example.com/hook", false).Send(t.Context(), "nobody", message)
	if !errors.As(err, &refused) || refused.Code != "no_endpoint" {
		t.Errorf("got %v", err)
	}
}

func TestNewSenderChecksItsEndpoints(t *testing.T) {
	t.Parallel()
	some := []webhook.Secret{secret(t, 'a')}
	for name, e := range map[string]webhook.Endpoint{
		"no url": {Secrets: some}, "ftp": {URL: "ftp://url-secret.example", Secrets: some}, "no host": {URL: "https:///url-secret", Secrets: some},
		"broken": {URL: "https://%zz/url-secret", Secrets: some}, "no secret": {URL: "https://example.com/url-secret"},
	} {
		_, err := webhook.NewSender(map[string]webhook.Endpoint{"shop": e})
		switch {
		case err == nil:
			t.Errorf("%s was accepted", name)
		case strings.Contains(err.Error(), "url-secret"):
			t.Errorf("%s: the error shows the address: %v", name, err)
		}
	}
}
