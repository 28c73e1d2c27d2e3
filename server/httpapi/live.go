package httpapi

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"

	"anxin/hub"
)

// Live serves GET /v1/live: it hands the connection to the hub, which upgrades it and
// serves it in a goroutine of its own. The app needs a [Lending] listener.
//
// The upgrade is made here and not after Fiber's request: that is a goroutine of its own
// for each connection, whose stack would have to grow for it, and a refusal is an answer
// like any other this way. Once the connection is taken, Fiber reaches it no more.
func Live(h *hub.Hub) fiber.Handler {
	return func(c *fiber.Ctx) error {
		lent, ok := c.Context().Conn().(*lentConn)
		if !ok {
			return errInternal // not on a listener of Lending
		}
		r := handshakes.Get().(*handshake) //nolint:forcetypeassert // it holds nothing else
		defer handshakes.Put(r)
		err := h.Upgrade(&hijackWriter{lent: lent}, r.read(c))
		if refusal, ok := errors.AsType[*hub.RefusalError](err); ok {
			return sendRefusal(c, refusal)
		}
		// With any other error the connection is gone.
		c.Context().HijackSetNoResponse(true)
		c.Context().Hijack(func(net.Conn) {})
		c.Status(fiber.StatusSwitchingProtocols) // for the log; the hub wrote the real one
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

// upgradeHeaders are all that the handshake looks at, in canonical form.
var upgradeHeaders = [...]string{
	"Connection", "Upgrade", "Origin",
	"Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol",
}

// handshake is a request as the hub takes it, with its memory.
type handshake struct {
	http.Request
	values [len(upgradeHeaders)]string
}

// handshakes lends them: the hub keeps nothing of a request.
var handshakes = sync.Pool{New: func() any {
	return &handshake{Request: http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header, len(upgradeHeaders))}}
}}

// read copies what the hub needs out of Fiber's memory. The remote address is the one
// that Fiber's proxy settings yield.
func (r *handshake) read(c *fiber.Ctx) *http.Request {
	r.Method, r.Host, r.RemoteAddr = strings.Clone(c.Method()), string(c.Request().Host()), strings.Clone(c.IP())
	clear(r.Header)
	for i, name := range upgradeHeaders {
		if value := c.Request().Header.Peek(name); len(value) > 0 {
			r.values[i] = string(value)
			r.Header[name] = r.values[i : i+1 : i+1]
		}
	}
	return &r.Request
}
