package httpapi

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"anxin/hub"
)

// KeepHijacked lets connections that a handler of this package hijacked live
// on after the handler returned. Call it before the app listens.
func KeepHijacked(app *fiber.App) {
	app.Server().KeepHijackedConns = true
}

// Live serves GET /v1/live: it hands the connection to the hub, which upgrades
// it and serves it in a goroutine of its own. The app needs [KeepHijacked].
//
// What is refused before the connection is given away is answered like any
// other request. Afterwards nothing of Fiber's request is used any more, since
// its memory serves the next one.
func Live(h *hub.Hub) fiber.Handler {
	return func(c *fiber.Ctx) error {
		r := upgradeRequest(c)
		if refusal := h.Check(r); refusal != nil {
			return sendRefusal(c, refusal)
		}
		c.Context().HijackSetNoResponse(true)
		c.Context().Hijack(func(conn net.Conn) { serveLive(h, r, conn) })
		// For logs and metrics that look at the response; the hub writes the
		// real one.
		c.Status(fiber.StatusSwitchingProtocols)
		return nil
	}
}

func sendRefusal(c *fiber.Ctx, refusal *hub.RefusalError) error {
	p := problem(refusal.Status, refusal.Code, refusal.Detail).retry(refusal.RetryAfter)
	if refusal.Status == fiber.StatusUpgradeRequired {
		c.Set(fiber.HeaderConnection, "Upgrade")
		p = p.with(fiber.HeaderUpgrade, "websocket")
	}
	return p.send(c)
}

// upgradeHeaders are all that the handshake looks at.
var upgradeHeaders = []string{
	"Connection", "Upgrade", "Origin",
	"Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol",
}

// upgradeRequest copies what the hub needs out of Fiber's memory. The remote
// address is the one that Fiber's proxy settings yield.
func upgradeRequest(c *fiber.Ctx) *http.Request {
	r := &http.Request{
		Method:     strings.Clone(c.Method()),
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Host:       string(c.Request().Host()),
		RemoteAddr: strings.Clone(c.IP()),
		Header:     make(http.Header, len(upgradeHeaders)),
	}
	for _, name := range upgradeHeaders {
		if value := c.Get(name); value != "" {
			r.Header.Set(name, strings.Clone(value))
		}
	}
	return r
}

// rawConn is what fasthttp's hijacked connection gives out: the socket itself
// instead of a wrapper with a reader.
type rawConn interface{ UnsafeConn() net.Conn }

func serveLive(h *hub.Hub, r *http.Request, conn net.Conn) {
	w := newHijackWriter(conn, make(http.Header))
	if err := h.Upgrade(w, r); err != nil {
		w.finish()
	}
}

// hijackWriter is a response writer over a socket on which nothing was answered
// yet: it is hijacked by the upgrade, or carries one short refusal.
type hijackWriter struct {
	conn     net.Conn
	header   http.Header
	status   int
	body     strings.Builder
	hijacked bool
}

var (
	_ http.ResponseWriter = (*hijackWriter)(nil)
	_ http.Hijacker       = (*hijackWriter)(nil)
)

func newHijackWriter(conn net.Conn, header http.Header) *hijackWriter {
	if wrapper, ok := conn.(rawConn); ok {
		conn = wrapper.UnsafeConn()
	}
	return &hijackWriter{conn: conn, header: header}
}

func (w *hijackWriter) Header() http.Header         { return w.header }
func (w *hijackWriter) WriteHeader(status int)      { w.status = status }
func (w *hijackWriter) Write(b []byte) (int, error) { return w.body.Write(b) }

// Hijack returns buffers that the upgrade uses for the handshake only.
func (w *hijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.hijacked {
		return nil, nil, errors.New("connection is hijacked already")
	}
	w.hijacked = true
	const smallest, handshake = 16, 512
	rw := bufio.NewReadWriter(bufio.NewReaderSize(w.conn, smallest), bufio.NewWriterSize(w.conn, handshake))
	return w.conn, rw, nil
}

// finish sends the refusal and closes. Whether the client still reads it is
// its own affair, so errors end here.
func (w *hijackWriter) finish() {
	if w.hijacked {
		return
	}
	body := w.body.String()
	response := &http.Response{
		StatusCode: w.status, ProtoMajor: 1, ProtoMinor: 1, Header: w.header, Close: true,
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}
	_ = response.Write(w.conn)
	_ = w.conn.Close()
}
