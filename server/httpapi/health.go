package httpapi

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"
)

type healthView struct {
	Status string `json:"status"`
}

// alive says that the process answers. Nothing behind it is asked: a sick database is
// no reason to restart a healthy server.
func alive(c *fiber.Ctx) error { return sendJSON(c, fiber.StatusOK, healthView{"ok"}) }

// ready says whether requests can be served now.
func (a *api) ready(c *fiber.Ctx) error {
	ctx, cancel := work()
	defer cancel()
	if err := a.deps.Ready(ctx); err != nil {
		a.deps.Log.WithError(err).Warn("not ready")
		return problem(http.StatusServiceUnavailable, "not_ready", "the server cannot take requests at the moment").retry(busyRetry)
	}
	return sendJSON(c, fiber.StatusOK, healthView{"ok"})
}

// metrics answers GET /metrics to this machine and to holders of an api key: the counts
// tell competitors how much business there is.
func (a *api) metrics(c *fiber.Ctx) error {
	// A proxy on this machine that nobody has named as trusted brings the world in from a
	// loopback address; that it forwards shows.
	forwarded := c.Get(fiber.HeaderXForwardedFor) != "" || c.Get(fiber.HeaderForwarded) != ""
	if ip, err := netip.ParseAddr(c.IP()); forwarded || err != nil || !ip.Unmap().IsLoopback() {
		if _, err := a.backend(c); err != nil {
			return err
		}
	}
	c.Set(fiber.HeaderContentType, "text/plain; version=0.0.4; charset=utf-8")
	c.Set(fiber.HeaderCacheControl, noStore)
	text := metricsText(a.deps.Engine.Counts(), a.deps.Engine.Channels(), a.deps.Hub.Stats(), a.credentials())
	var messages strings.Builder
	messageText(&messages, a.deps.Engine.Providers(), a.deps.Engine.Skipped())
	return c.Send(append(text, messages.String()...))
}
