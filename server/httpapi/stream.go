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

// inboxStreamPath is the same for a payer's messages.
const inboxStreamPath = "/v1/inbox/stream"

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
	a.serveStream(c, visit)
	return nil
}

// serveStream gives the connection to the hub.
func (a *api) serveStream(c *fiber.Ctx, visit hub.Visit) {
	header := responseHeader(c)
	c.Context().HijackSetNoResponse(true)
	c.Context().Hijack(func(conn net.Conn) {
		w := newHijackWriter(conn, header)
		if err := a.deps.Hub.Stream(w, visit); err != nil {
			w.finish()
		}
	})
	c.Status(fiber.StatusOK) // for the log; the hub writes the real one
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

// visit is what the hub is told of a caller.
func (a *api) visit(c *fiber.Ctx, who caller) (hub.Visit, error) {
	v := hub.Visit{Topic: auth.OrderTopic(who.orderNo), Audience: auth.AudiencePayer, Until: who.until, Token: who.token, Remote: strings.Clone(c.IP())}
	if who.backend != "" {
		v.Audience = auth.AudienceBackend
	}
	var err error
	if v.After, err = knownSeq(c); err != nil {
		return hub.Visit{}, err
	}
	if board := c.Query(alsoBoard); board != "" {
		v.Also = auth.TopicAnnouncements
		v.AlsoAfter, err = seqOf(alsoBoard, board)
	}
	return v, err
}

// alsoBoard asks for the announcements besides, by the seq of them that the caller has: a
// socket would subscribe to them.
const alsoBoard = "announcements"

// knownSeq is the seq that the caller has, -1 for none. What a browser's EventSource sends
// when it connects again goes before the one that its address began with.
func knownSeq(c *fiber.Ctx) (int64, error) {
	known := int64(-1)
	for _, said := range []struct{ name, value string }{{"after", c.Query("after")}, {"Last-Event-ID", c.Get("Last-Event-ID")}} {
		if said.value == "" {
			continue
		}
		after, err := seqOf(said.name, said.value)
		if err != nil {
			return 0, err
		}
		known = after
	}
	return known, nil
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
