package httpapi

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/sirupsen/logrus"
	"github.com/valyala/fasthttp"
)

// clientHeader carries the client's address from identify to whoever asks c.IP(). A
// client's own header of that name never gets past identify.
const clientHeader = "X-Anxin-Client"

const requestIDKey = "request_id"

// identify gives the request an id and finds out where it comes from. An id that the
// client sends is not used: it would be logged.
func (a *api) identify(c *fiber.Ctx) error {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails since Go 1.24
	c.Locals(requestIDKey, hex.EncodeToString(id[:]))
	c.Set(fiber.HeaderXRequestID, requestID(c))
	client := clientAddress(c.Context().RemoteIP().String(), c.Get(fiber.HeaderXForwardedFor), a.cfg.TrustedProxies)
	c.Request().Header.Set(clientHeader, client)
	return c.Next()
}

func requestID(c *fiber.Ctx) string {
	id, _ := c.Locals(requestIDKey).(string)
	return id
}

// clientAddress walks X-Forwarded-For from the right, through the proxies that are
// trusted: the first other address is the client's. What stands left of it is the
// client's own claim.
func clientAddress(peer, forwarded string, trusted []netip.Prefix) string {
	hops := strings.Split(forwarded, ",")
	at := peer
	for i := len(hops) - 1; i >= 0 && isTrusted(at, trusted); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		at = hop.Unmap().String()
	}
	return at
}

func isTrusted(address string, trusted []netip.Prefix) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(ip.Unmap()) })
}

// log writes one line a request. It knows the pattern of the route only: addresses,
// queries, headers and bodies hold tokens and names.
func (a *api) log(c *fiber.Ctx) error {
	began := time.Now()
	err := c.Next()
	route := c.Route().Path
	if refused, ok := err.(*fiber.Error); ok && (refused.Code == fiber.StatusNotFound || refused.Code == fiber.StatusMethodNotAllowed) { //nolint:errorlint // Fiber's router returns it bare
		route = "unmatched"
	}
	if err != nil {
		if err := a.fail(c, err); err != nil {
			return err
		}
	}
	level := logrus.InfoLevel
	switch {
	case c.Response().StatusCode() >= http.StatusInternalServerError:
		level = logrus.ErrorLevel
	case slices.Contains(frequent, route):
		level = logrus.DebugLevel
	}
	if !enabled(a.deps.Log, level) { // so that it is not made for nothing
		return nil
	}
	a.deps.Log.WithFields(logrus.Fields{
		"method": strings.Clone(c.Method()), "route": route, "status": c.Response().StatusCode(),
		"ms": time.Since(began).Milliseconds(), "bytes": len(c.Response().Body()), "request_id": requestID(c),
	}).Log(level, "request")
	return nil
}

// enabled says whether a line of the level would be written, as far as the log can tell.
func enabled(log logrus.FieldLogger, level logrus.Level) bool {
	leveled, ok := log.(interface{ IsLevelEnabled(level logrus.Level) bool })
	return !ok || leveled.IsLevelEnabled(level)
}

// frequent is what probes and browsers ask for all the time: kept out of the normal log.
var frequent = []string{"/healthz", "/readyz", "/metrics", "/assets/:name"}

// recover turns a panic into a 500. The value of the panic is logged only when the
// runtime made it: any other may hold data of the request.
func (a *api) recover(c *fiber.Ctx) (err error) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		text := fmt.Sprintf("%T", cause)
		if fault, ok := cause.(runtime.Error); ok {
			text = fault.Error()
		}
		a.deps.Log.WithFields(logrus.Fields{
			"panic": text, "stack": string(debug.Stack()), "request_id": requestID(c),
		}).Error("request panicked")
		err = errInternal
	}()
	return c.Next()
}

// secure sets the headers that every answer carries. Nothing here may be framed,
// sniffed or leak its address; the page's own policy replaces the one set here.
func (a *api) secure(c *fiber.Ctx) error {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
	if strings.HasPrefix(a.cfg.PublicURL, "https://") {
		c.Set(fiber.HeaderStrictTransportSecurity, "max-age=31536000")
	}
	return c.Next()
}

// preflightLife is how long a browser may remember what cors allowed; Chromium caps it
// at two hours.
const preflightLife = "7200"

// cors lets the pages of the allowed origins call the API with a token. No cookies are
// involved, so nothing is sent in anybody's name.
func (a *api) cors(c *fiber.Ctx) error {
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" {
		return c.Next()
	}
	c.Vary(fiber.HeaderOrigin)
	if i := slices.Index(a.cfg.Origins, origin); i >= 0 {
		c.Set(fiber.HeaderAccessControlAllowOrigin, a.cfg.Origins[i])
		c.Set(fiber.HeaderAccessControlExposeHeaders, "Retry-After, X-Request-Id")
		if c.Method() == fiber.MethodOptions && c.Get(fiber.HeaderAccessControlRequestMethod) != "" {
			c.Set(fiber.HeaderAccessControlAllowMethods, "GET, POST")
			c.Set(fiber.HeaderAccessControlAllowHeaders, "Authorization, Content-Type")
			c.Set(fiber.HeaderAccessControlMaxAge, preflightLife)
		}
	}
	return c.Next()
}

// answerUnknownMethods answers a method that HTTP does not know with a problem, which
// Fiber would do in plain text before any handler runs.
func answerUnknownMethods(app *fiber.App) {
	inner := app.Server().Handler
	known := app.Config().RequestMethods
	app.Server().Handler = func(ctx *fasthttp.RequestCtx) {
		if !slices.Contains(known, string(ctx.Method())) {
			ctx.SetStatusCode(http.StatusNotImplemented)
			ctx.SetContentType(problemType)
			ctx.SetBodyString(`{"type":"urn:anxin:problem:unknown_method","title":"Not Implemented","status":501,` +
				`"detail":"the server does not know this method","code":"unknown_method"}`)
			return
		}
		inner(ctx)
	}
}
