package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"anxin/engine"
	"anxin/engine/internet"
)

const (
	// sendTimeout is the least that the Standard Webhooks specification lets a
	// receiver count on; slower ones are tried again.
	sendTimeout = 15 * time.Second
	// connectTimeout is for reaching a backend, and again for its TLS handshake.
	connectTimeout = 5 * time.Second
	// maxAnswer bounds what is read of a backend's answer so that the connection can be
	// used again.
	maxAnswer = 64 << 10
)

// Endpoint is where the webhooks of one backend go.
type Endpoint struct {
	URL          string
	Secrets      []Secret // each signs every webhook
	AllowPrivate bool     // the address may be loopback, private or link-local
}

// Sender is the engine's Sender over HTTP.
type Sender struct {
	endpoints map[string]Endpoint
	public    *http.Client
	private   *http.Client
}

var _ engine.Sender = (*Sender)(nil)

// NewSender checks the endpoints, by name of their backend.
func NewSender(endpoints map[string]Endpoint) (*Sender, error) {
	for name, e := range endpoints {
		u, err := url.Parse(e.URL)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
			return nil, fmt.Errorf("webhook url of backend %q must be http(s)", name)
		}
		if len(e.Secrets) == 0 || slices.ContainsFunc(e.Secrets, func(s Secret) bool { return !s.signs() }) {
			return nil, fmt.Errorf("webhook of backend %q needs secrets to sign with: %w", name, ErrSecret)
		}
	}
	return &Sender{endpoints: endpoints, public: client(net.Dialer{Control: internet.Only}), private: client(net.Dialer{})}, nil
}

// Close ends idle connections.
func (s *Sender) Close() {
	s.public.CloseIdleConnections()
	s.private.CloseIdleConnections()
}

// client neither follows redirects (a result must not wander) nor uses a proxy (the
// address check would then see the proxy's).
func client(dialer net.Dialer) *http.Client {
	dialer.Timeout = connectTimeout
	return &http.Client{
		Timeout: sendTimeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, MaxIdleConns: 100, MaxIdleConnsPerHost: 16, IdleConnTimeout: 30 * time.Second,
			TLSHandshakeTimeout: connectTimeout, MaxResponseHeaderBytes: maxAnswer, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Send posts a webhook. Any 2xx answer accepts it; everything else is an
// *engine.DeliveryError whose code holds nothing that the backend said. The reply holds
// it, for people to read.
func (s *Sender) Send(ctx context.Context, backend string, w engine.Webhook) (engine.Reply, error) {
	e, ok := s.endpoints[backend]
	if !ok {
		return engine.Reply{}, &engine.DeliveryError{Code: "no_endpoint"}
	}
	at := time.Now()
	req, err := e.request(ctx, w, at)
	if err != nil {
		return engine.Reply{}, &engine.DeliveryError{Code: "bad_url", Err: err}
	}
	c := s.public
	if e.AllowPrivate {
		c = s.private
	}
	resp, err := c.Do(req)
	if err != nil {
		return engine.Reply{}, &engine.DeliveryError{Code: failureCode(err), Err: err}
	}
	defer resp.Body.Close()
	reply := engine.Reply{Status: resp.StatusCode, Body: readReply(resp.Body, e.secrets())}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return reply, nil
	}
	return reply, &engine.DeliveryError{Code: "http_" + strconv.Itoa(resp.StatusCode), RetryAfter: internet.RetryAfter(resp.Header.Get("Retry-After"), at)}
}

func (e Endpoint) request(ctx context.Context, w engine.Webhook, at time.Time) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(w.Body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Anxin-Webhook/1")
	req.Header.Set(HeaderID, w.ID)
	req.Header.Set(HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	req.Header.Set(HeaderSignature, Sign(e.Secrets, w.ID, at, w.Body))
	return req, nil
}

func failureCode(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, internet.ErrPrivate):
		return "address_refused"
	case failedTLS(err):
		return "tls"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return "connection"
}

// failedTLS reports whether the backend answered, but not with a certificate that holds
// for its name, or not in TLS at all.
func failedTLS(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &certificate) || errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch)
}
