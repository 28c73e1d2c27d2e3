package httpapi

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/channel"
)

// receive answers POST /v1/callbacks/{channel} in the way that the channel demands. Its
// raw bytes and headers go to the engine untouched: signatures are over them.
func (a *api) receive(c *fiber.Ctx) error {
	name := strings.Clone(c.Params("channel"))
	if len(c.Request().Body()) > channel.DefaultMaxBody {
		return errBodyTooLarge // to every channel, whatever is no success is a refusal
	}
	ctx, cancel := work()
	defer cancel()
	answer, err := a.deps.Engine.Receive(ctx, name, callback(c))
	if errors.Is(err, engine.ErrUnknownChannel) {
		return problem(http.StatusNotFound, "unknown_channel", "no such channel is configured")
	}
	if err != nil {
		return err
	}
	if answer.ContentType != "" {
		c.Set(fiber.HeaderContentType, answer.ContentType)
	}
	return c.Status(answer.Status).Send(answer.Body)
}

// callback copies the request.
func callback(c *fiber.Ctx) channel.Request {
	r := channel.Request{
		Header:     make(http.Header),
		Query:      string(c.Request().URI().QueryString()),
		Body:       slices.Clone(c.Request().Body()),
		ReceivedAt: time.Now(),
	}
	for k, v := range c.Request().Header.All() {
		if name := string(k); name != clientHeader {
			r.Header.Add(name, string(v))
		}
	}
	return r
}
