package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine/order"
	"anxin/hub"
)

const (
	// maxWait is how long a long poll is held: below the 60 s after which common
	// proxies give up on an answer.
	maxWait = 30 * time.Second
	// maxTimeline is how many events are shown with an order. The longest schedule
	// leaves some three hundred; an order beyond that is shown with its newest ones.
	maxTimeline = 1000
)

// poll is what the query of a long poll asks for.
type poll struct {
	visit hub.Visit
	wait  time.Duration
}

// frameType is the media type of one live frame as an answer.
const frameType = "application/vnd.anxin.frame+json"

// show answers GET /v1/orders/{order_no}: to its backend everything, to a view token
// the Progress, or the frame of the live connections that carries it. With `after` it
// holds the request `wait` long while that is the state.
func (a *api) show(c *fiber.Ctx) error {
	who, err := a.caller(c)
	if err != nil {
		return err
	}
	p, err := a.pollOf(c, who)
	if err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	o, err := a.orderOf(ctx, who)
	if err != nil {
		return err
	}
	m := hub.Message{Topic: p.visit.Topic, Seq: o.Seq}
	if o.Seq == p.visit.After && p.wait > 0 {
		if m, err = a.await(p, m); err != nil {
			return err
		}
	}
	if who.backend == "" {
		return a.sendState(c, p, m, a.progress(o))
	}
	if m.Seq == p.visit.After {
		return c.SendStatus(fiber.StatusNoContent)
	}
	return a.sendOrder(c, who, m, o)
}

// await holds the request until the state has changed, the time is over or the node
// goes away; it returns the state as it is then.
func (a *api) await(p poll, known hub.Message) (hub.Message, error) {
	waiting, cancel := context.WithTimeout(context.Background(), p.wait)
	defer cancel()
	m, err := a.deps.Hub.Wait(waiting, p.visit)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, hub.ErrDraining):
		return known, nil // the client asks again, and meets another node
	case err != nil:
		return hub.Message{}, fmt.Errorf("wait for a state: %w", err)
	}
	return m, nil
}

// sendState answers a payer. state is what was read before the wait.
func (a *api) sendState(c *fiber.Ctx, p poll, m hub.Message, state any) error {
	c.Vary(fiber.HeaderAccept)
	framed := acceptsFrame(c)
	if m.Seq == p.visit.After && !framed {
		return c.SendStatus(fiber.StatusNoContent)
	}
	if m.Data == nil {
		var err error
		if m.Data, err = json.Marshal(state); err != nil {
			return fmt.Errorf("encode state: %w", err)
		}
	}
	c.Set(fiber.HeaderCacheControl, noStore)
	if framed {
		c.Set(fiber.HeaderContentType, frameType)
		after := p.visit.After
		if m.Topic == p.visit.Also {
			after = p.visit.AlsoAfter
		}
		return c.Send(hub.Frame(m, after, time.Now()))
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(m.Data)
}

// acceptsFrame reports that the caller takes live frames.
func acceptsFrame(c *fiber.Ctx) bool { return strings.Contains(c.Get(fiber.HeaderAccept), frameType) }

// sendOrder answers a backend with the order as of m, which may be newer than o.
func (a *api) sendOrder(c *fiber.Ctx, who caller, m hub.Message, o order.Order) error {
	ctx, cancel := work()
	defer cancel()
	if m.Seq != o.Seq {
		var err error
		if o, err = a.orderOf(ctx, who); err != nil {
			return err
		}
	}
	view := viewOf(o)
	var err error
	if view.Timeline, err = a.timeline(ctx, o, maxTimeline); err != nil {
		return err
	}
	return sendJSON(c, fiber.StatusOK, view)
}

// timeline returns the newest events up to the state that is shown. seq has no gaps, so
// the count back from it is exact.
func (a *api) timeline(ctx context.Context, o order.Order, limit int) ([]order.Event, error) {
	events, err := a.deps.Engine.Timeline(ctx, o.OrderNo, max(o.Seq-int64(limit), 0), limit)
	if err != nil {
		return nil, fmt.Errorf("load timeline: %w", err)
	}
	for len(events) > 0 && events[len(events)-1].Seq > o.Seq {
		events = events[:len(events)-1]
	}
	return events, nil
}

func (a *api) pollOf(c *fiber.Ctx, who caller) (poll, error) {
	visit, err := a.visit(c, who)
	if err != nil {
		return poll{}, err
	}
	p := poll{visit: visit}
	if visit.Also != "" && (who.backend != "" || !acceptsFrame(c)) {
		return poll{}, badParameter(alsoBoard, "announcements come to who watches with a view token, in frames")
	}
	if wait := c.Query("wait"); wait != "" {
		d, err := time.ParseDuration(wait)
		if err != nil || d < 0 || d > maxWait {
			return poll{}, badParameter("wait", "must be a duration of at most 30s, such as 25s")
		}
		p.wait = d
	}
	return p, nil
}

func seqOf(name, value string) (int64, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 {
		return 0, badParameter(name, "must be a seq")
	}
	return n, nil
}

func badParameter(name, detail string) *Problem {
	return problem(http.StatusBadRequest, "invalid_parameter", detail).field(name)
}
