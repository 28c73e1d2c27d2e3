package httpcall

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"anxin/engine/internet"
	"anxin/engine/notify"
)

const (
	// timeout bounds a call with its answer: twice what SMS gateways take on a bad day.
	timeout = 10 * time.Second
	// connectTimeout is for reaching a service, and again for its TLS handshake.
	connectTimeout = 5 * time.Second
	// maxAnswer bounds what is read of an answer; real ones have a few hundred bytes.
	maxAnswer = 64 << 10
	// maxRetryAfter bounds the wait that a service may ask for.
	maxRetryAfter = time.Hour
)

// Options are what differs between services. The zero value suits most.
type Options struct {
	TLS *tls.Config // nil = the system's roots
	// PublicOnly refuses addresses that are not of the internet: for those that payers
	// enter. It uses no proxy then, which would hide the address.
	PublicOnly bool
}

// Client makes calls. It follows no redirect, since a message must not wander.
type Client struct{ http *http.Client }

// New makes a client.
func New(o Options) *Client {
	dialer := &net.Dialer{Timeout: connectTimeout}
	transport := &http.Transport{
		TLSClientConfig: o.TLS, MaxIdleConnsPerHost: 16, IdleConnTimeout: 30 * time.Second, Proxy: http.ProxyFromEnvironment,
		TLSHandshakeTimeout: connectTimeout, MaxResponseHeaderBytes: maxAnswer, ForceAttemptHTTP2: true,
	}
	if o.PublicOnly {
		dialer.Control, transport.Proxy = internet.Only, nil
	}
	transport.DialContext = dialer.DialContext
	return &Client{&http.Client{
		Timeout: timeout, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// HTTP is the client itself, with the same bounds, for libraries that fetch credentials.
func (c *Client) HTTP() *http.Client { return c.http }

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Answer is what a service said.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // at most 64 KiB
}

// Do makes a call. Without a whole answer the error is a *notify.SendError: temporary
// while not a byte of the request had been written, else maybe sent. It shows neither
// address nor content of the request.
func (c *Client) Do(ctx context.Context, req *http.Request) (Answer, error) {
	if ctx.Err() != nil {
		return Answer{}, &notify.SendError{Kind: notify.KindTemporary, Code: "cancelled", Err: ctx.Err()}
	}
	var wrote atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaderField: func(string, []string) { wrote.Store(true) }}
	resp, err := c.http.Do(req.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err != nil {
		return Answer{}, failure(err, wrote.Load())
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return Answer{}, failure(err, true)
	case len(body) > maxAnswer:
		return Answer{}, &notify.SendError{Kind: notify.KindMaybeSent, Code: "oversized_answer"}
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// failure names what kept an answer from coming. The error of package http quotes the
// address of the call, in which some services want the phone number: its cause is kept.
func failure(err error, wrote bool) *notify.SendError {
	if quoting, ok := errors.AsType[*url.Error](err); ok {
		err = quoting.Err
	}
	e := &notify.SendError{Kind: notify.KindTemporary, Code: "connection", Err: err}
	if wrote {
		e.Kind = notify.KindMaybeSent
	}
	var network net.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, internet.ErrPrivate):
		e.Kind, e.Code = notify.KindAddress, "address_refused"
	case errors.As(err, &certificate):
		e.Code = "tls"
	case errors.Is(err, context.Canceled):
		e.Code = "cancelled"
	case errors.As(err, &network) && network.Timeout():
		e.Code = "timeout"
	}
	return e
}

// Failed makes the error of an answer that the service's own words do not explain: 429 is
// throttled, 503 nothing sent, 401 and 403 a matter of the account. Of any other status it
// is not known what became of the message: a gateway in between may have passed it on.
func (a Answer) Failed() *notify.SendError {
	e := &notify.SendError{Kind: notify.KindMaybeSent, Code: "http_" + strconv.Itoa(a.Status), RetryAfter: a.RetryAfter()}
	switch a.Status {
	case http.StatusTooManyRequests:
		e.Kind = notify.KindThrottled
	case http.StatusServiceUnavailable:
		e.Kind = notify.KindTemporary
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Kind = notify.KindRefused
	}
	return e
}

// Unreadable is the error of an answer that means nothing: the message may be on its way.
func Unreadable() *notify.SendError {
	return &notify.SendError{Kind: notify.KindMaybeSent, Code: "unreadable_answer"}
}

// RetryAfter is the wait that the service asks for, at most an hour; 0 = none.
func (a Answer) RetryAfter() time.Duration {
	return min(internet.RetryAfter(a.Header.Get("Retry-After"), time.Now()), maxRetryAfter)
}
