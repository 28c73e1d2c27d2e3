package sandbox

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// What a message to a browser is made of (RFC 8188, section 2.1): salt, record size, length
// of the key and the sender's key, an uncompressed point; then at least a delimiter and the tag.
const (
	pushSalt, pushSize, pushPoint = 16, 4, 65
	minPush                       = pushSalt + pushSize + 1 + pushPoint + 1 + 16
	maxPush                       = 4096 // what push services take (RFC 8030, section 7.2)
)

// takePush stands in for the push services of browsers' makers: it looks at what they look
// at, and like them it cannot read what it takes.
func (s *Sandbox) takePush(c *fiber.Ctx) error {
	raw, err := body(c, maxPush)
	if err != nil {
		return err
	}
	ttl, err := strconv.Atoi(c.Get("TTL"))
	authorization := c.Get(fiber.HeaderAuthorization)
	switch {
	case !strings.HasPrefix(authorization, "vapid t=") || !strings.Contains(authorization, "k="):
		return c.SendStatus(http.StatusUnauthorized)
	case err != nil || ttl < 0 || c.Get(fiber.HeaderContentEncoding) != "aes128gcm",
		len(raw) < minPush || raw[pushSalt+pushSize] != pushPoint || raw[pushSalt+pushSize+1] != 4:
		return c.SendStatus(http.StatusBadRequest)
	}
	s.log.WithField("bytes", len(raw)).Info("sandbox: a browser's push service took a message")
	return c.SendStatus(http.StatusCreated)
}
