package httpapi

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v2"

	"anxin/hub"
	"anxin/server/auth"
)

const (
	// maxReport bounds a report's body: fifty frames of some 100 bytes, and the token.
	maxReport = 8 << 10
	// maxReportFrames bounds what one report tells: a page that was hidden and shown
	// for an hour has some twenty.
	maxReportFrames = 50
)

// report is the body of POST /v1/orders/{order_no}/acts: what a client without a socket,
// or one that is about to end, tells in the frames that it would send over the socket.
type report struct {
	Token  string        `json:"token"`
	Frames []reportFrame `json:"frames"`
}

type reportFrame struct {
	Type  string `json:"type"`
	Topic string `json:"topic"`
	Name  string `json:"name"`
	Seq   int64  `json:"seq"`
	Value int64  `json:"value"`
}

// acts takes a report. Its token is in the body and its type may be text/plain, since
// that is all that navigator.sendBeacon can do across origins.
func (a *api) acts(c *fiber.Ctx) error {
	orderNo, err := orderParam(c)
	if err != nil {
		return err
	}
	body := c.Request().Body()
	if len(body) > maxReport {
		return errBodyTooLarge
	}
	var r report
	if err := decodeStrict(body, &r); err != nil {
		return err
	}
	if len(r.Frames) > maxReportFrames {
		return problem(http.StatusUnprocessableEntity, "invalid_field", "has too many entries").field("frames")
	}
	who, err := a.bearerOf(c, orderNo, r.Token)
	if err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	o, err := a.orderOf(ctx, who)
	if err != nil {
		return err
	}
	for i, f := range r.Frames {
		if field := a.wrongIn(f, orderNo, o.Seq); field != "" {
			return problem(http.StatusUnprocessableEntity, "invalid_field", "is not what a client can report").
				field(fmt.Sprintf("frames[%d].%s", i, field))
		}
	}
	a.observe(r.Frames, auth.OrderTopic(orderNo), c.Get("DNT") == "1" || c.Get("Sec-GPC") == "1")
	return c.SendStatus(fiber.StatusNoContent)
}

// wrongIn names the field that makes a frame unacceptable, by the rules of the socket.
func (a *api) wrongIn(f reportFrame, orderNo string, newest int64) string {
	switch {
	case f.Topic != "" && f.Topic != auth.OrderTopic(orderNo):
		return "topic"
	case f.Seq < 0 || f.Seq > newest || f.Type == "seen" && f.Seq == 0:
		return "seq"
	case f.Type == "seen":
		return ""
	case f.Type != "act":
		return "type"
	case !slices.Contains(a.cfg.Acts, f.Name):
		return "name"
	case f.Value < 0:
		return "value"
	}
	return ""
}

// observe hands the frames on. What was seen decides about messages and is told in any
// case; behaviour of who asks not to be tracked is not.
func (a *api) observe(frames []reportFrame, topic string, untracked bool) {
	for _, f := range frames {
		switch {
		case f.Type == "seen":
			a.deps.Observer.Seen(topic, f.Seq)
		case !untracked:
			a.deps.Observer.Acted(topic, hub.Act{Name: f.Name, Seq: f.Seq, Value: f.Value})
		}
	}
}
