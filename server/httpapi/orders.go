package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine/order"
	"anxin/hub"
	"anxin/server/auth"
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
	after int64 // -1 = answer at once
	wait  time.Duration
}

// show answers GET /v1/orders/{order_no}: to its backend everything, to a view token
// the Progress. With `after` it answers 204 while nothing is newer, `wait` long.
func (a *api) show(c *fiber.Ctx) error {
	who, err := a.caller(c)
	if err != nil {
		return err
	}
	p, err := pollOf(c)
	if err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	o, err := a.orderOf(ctx, who)
	if err != nil {
		return err
	}
	if o.Seq <= p.after && p.wait > 0 {
		if o, err = a.await(who, o, p); err != nil {
			return err
		}
	}
	if o.Seq <= p.after {
		return c.SendStatus(fiber.StatusNoContent)
	}
	return a.sendOrder(c, who, o)
}

// await holds the request until the order has changed, the time is over or the node
// goes away; it returns the order as it is then.
func (a *api) await(who caller, o order.Order, p poll) (order.Order, error) {
	waiting, cancel := context.WithTimeout(context.Background(), p.wait)
	defer cancel()
	_, err := a.deps.Hub.Wait(waiting, auth.OrderTopic(who.orderNo), p.after)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, hub.ErrDraining):
		return o, nil // the client asks again, and meets another node
	case err != nil:
		return order.Order{}, fmt.Errorf("wait for order: %w", err)
	}
	ctx, cancel := work()
	defer cancel()
	return a.orderOf(ctx, who)
}

func (a *api) sendOrder(c *fiber.Ctx, who caller, o order.Order) error {
	if who.backend == "" {
		return sendJSON(c, fiber.StatusOK, a.progress(o))
	}
	ctx, cancel := work()
	defer cancel()
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

func pollOf(c *fiber.Ctx) (poll, error) {
	p := poll{after: -1}
	if after := c.Query("after"); after != "" {
		n, err := strconv.ParseInt(after, 10, 64)
		if err != nil || n < 0 {
			return poll{}, badParameter("after", "must be a seq")
		}
		p.after = n
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

func badParameter(name, detail string) *Problem {
	return problem(http.StatusBadRequest, "invalid_parameter", detail).field(name)
}
