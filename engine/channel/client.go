package channel

import (
	"io"
	"net"
	"net/http"
	"time"
)

// Waits and numbers of a client's own transport. A question as a whole is bounded by its
// context; these end what hangs on the way before it has used all of that.
const (
	dialTimeout = 5 * time.Second
	idleTimeout = 90 * time.Second
	idlePerHost = 8 // questions are short, and the channel's budget bounds their number
)

// Client returns a copy of c for libraries that do the asking: it follows no redirect and
// fails the reading of an answer of more than limit bytes. Without a transport it gets
// one of its own, which knows no proxy of the environment.
func Client(c *http.Client, limit int) *http.Client {
	var own http.Client
	if c != nil {
		own = *c
	}
	if own.Transport == nil {
		own.Transport = &http.Transport{
			DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout: dialTimeout, IdleConnTimeout: idleTimeout, MaxIdleConnsPerHost: idlePerHost,
			ForceAttemptHTTP2: true,
		}
	}
	own.Transport = bounded{own.Transport, limit}
	own.CheckRedirect = NoRedirects
	return &own
}

// bounded is a transport whose answers end at a limit.
type bounded struct {
	http.RoundTripper
	limit int
}

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		response.Body = &boundedBody{response.Body, b.limit}
	}
	return response, err
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (b bounded) CloseIdleConnections() {
	if t, ok := b.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

type boundedBody struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader. One byte beyond the limit tells a long answer from one that
// ends there.
func (b *boundedBody) Read(p []byte) (int, error) {
	if len(p) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}
