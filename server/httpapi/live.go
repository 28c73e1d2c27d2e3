package httpapi

import (
	"net"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"anxin/hub"
)

// Live serves GET /v1/live: it hands the connection to the hub, which upgrades
// it and serves it in a goroutine of its own. The app needs a [Lending] listener.
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

// upgradeHeaders are all that the handshake looks at, in canonical form.
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
	values := make([]string, len(upgradeHeaders)) // one array for all fields
	for i, name := range upgradeHeaders {
		if value := c.Request().Header.Peek(name); len(value) > 0 {
			values[i] = string(value)
			r.Header[name] = values[i : i+1 : i+1]
		}
	}
	return r
}

func serveLive(h *hub.Hub, r *http.Request, conn net.Conn) {
	w := newHijackWriter(conn, nil)
	if err := h.Upgrade(w, r); err != nil {
		w.finish()
	}
}
