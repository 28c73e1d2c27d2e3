package httpapi

import (
	_ "embed" // the descriptions are part of the binary
	"strings"

	"github.com/gofiber/fiber/v2"

	"anxin/frontend"
)

//go:embed openapi.yaml
var openAPIFile []byte

//go:embed asyncapi.yaml
var asyncAPIFile []byte

const yamlType = "application/yaml" // RFC 9512

func openAPI(c *fiber.Ctx) error  { return sendSpec(c, openAPIFile) }
func asyncAPI(c *fiber.Ctx) error { return sendSpec(c, asyncAPIFile) }

// sendSpec lets any page read the description of the API: there is no secret in it.
func sendSpec(c *fiber.Ctx, spec []byte) error {
	c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
	c.Set(fiber.HeaderContentType, yamlType)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	return c.Send(spec)
}

// asset answers GET /assets/{name}. The name changes with the content, so that it may be
// kept for ever.
func asset(c *fiber.Ctx) error {
	body, contentType, ok := frontend.Asset(strings.Clone(c.Params("name")))
	if !ok {
		return errNothingHere
	}
	c.Set(fiber.HeaderContentType, contentType)
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	return sendText(c, body)
}

// worker answers GET /pay/worker.js: the service worker of the pages below /pay/. Browsers
// look at it anew with each visit; it may ask nobody but this server.
func worker(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; connect-src 'self'")
	c.Set(fiber.HeaderContentType, "text/javascript; charset=utf-8")
	c.Set(fiber.HeaderCacheControl, "no-cache")
	return sendText(c, frontend.Worker())
}

// frontDoor leads a newcomer to the sandbox. A production server has nothing to show
// to somebody without a link.
func (a *api) frontDoor(c *fiber.Ctx) error {
	if !a.cfg.Sandbox {
		return errNothingHere
	}
	return c.Redirect("/sandbox", fiber.StatusFound)
}
