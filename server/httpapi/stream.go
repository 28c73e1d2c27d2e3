package httpapi

import (
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"anxin/hub"
	"anxin/server/auth"
)

// streamPath is the live connection of one order for clients whose network lets no
// WebSocket through.
const streamPath = "/v1/orders/:order_no/stream"

// stream answers GET /v1/orders/{order_no}/stream with the live frames as server-sent
// events. A browser's EventSource can set no header, so a view token is also taken from
// the query; an api key is not, since addresses are logged by others.
func (a *api) stream(c *fiber.Ctx) error {
	who, err := a.viewer(c)
	if err != nil {
		return err
	}
	visit, err := a.visit(c, who)
	if err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	if _, err := a.orderOf(ctx, who); err != nil {
		return err
	}
	header := responseHeader(c)
	c.Context().HijackSetNoResponse(true)
	c.Context().Hijack(func(conn net.Conn) {
		w := newHijackWriter(conn, header)
		if err := a.deps.Hub.Stream(w, visit); err != nil {
			w.finish()
		}
	})
	c.Status(fiber.StatusOK) // for the log; the hub writes the real one
	return nil
}

// viewer is caller with the view token in the query, for who cannot send a header.
func (a *api) viewer(c *fiber.Ctx) (caller, error) {
	token := c.Query("k")
	if token == "" || c.Get(fiber.HeaderAuthorization) != "" {
		return a.caller(c)
	}
	orderNo, err := orderParam(c)
	if err != nil {
		return caller{}, err
	}
	return a.bearerOf(c, orderNo, token)
}

// visit is what the hub is told of a caller. The seq that a browser's EventSource sends
// when it connects again goes before the one that its address began with.
func (a *api) visit(c *fiber.Ctx, who caller) (hub.Visit, error) {
	v := hub.Visit{Topic: auth.OrderTopic(who.orderNo), Audience: auth.AudiencePayer, Until: who.until, Token: who.token, Remote: strings.Clone(c.IP()), After: -1}
	if who.backend != "" {
		v.Audience = auth.AudienceBackend
	}
	for _, known := range []struct{ name, value string }{{"after", c.Query("after")}, {"Last-Event-ID", c.Get("Last-Event-ID")}} {
		if known.value == "" {
			continue
		}
		after, err := seqOf(known.name, known.value)
		if err != nil {
			return hub.Visit{}, err
		}
		v.After = after
	}
	return v, nil
}

// responseHeader copies what the handlers before have set.
func responseHeader(c *fiber.Ctx) http.Header {
	header := make(http.Header)
	for name, value := range c.Response().Header.All() {
		if string(name) != fiber.HeaderContentLength {
			header.Add(string(name), string(value))
		}
	}
	return header
}

// isRefusal says that a limit of the hub was reached.
func isRefusal(err error) bool {
	_, ok := errors.AsType[*hub.RefusalError](err)
	return ok
}
