package httpapi

import (
	"context"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/order"
)

// webhookView is one webhook with the log of its deliveries. Its body is left out: the
// order tells the same, as it is now.
type webhookView struct {
	ID         string     `json:"webhook_id"`
	Seq        int64      `json:"seq"`
	Type       string     `json:"type"`
	State      string     `json:"state"`
	CreatedAt  order.Time `json:"created_at"`
	AcceptedAt order.Time `json:"accepted_at"`
	Tries      []tryView  `json:"tries"`
}

type tryView struct {
	At         order.Time `json:"at"`
	Code       string     `json:"code"`
	Status     int        `json:"status"`
	DurationMS int64      `json:"duration_ms"`
	Answer     string     `json:"answer"`
}

func webhookViewOf(r engine.WebhookRecord) webhookView {
	v := webhookView{
		ID: r.ID, Seq: r.Seq, Type: r.Type, State: "pending", CreatedAt: r.CreatedAt, AcceptedAt: r.AcceptedAt,
		Tries: make([]tryView, 0, len(r.Tries)),
	}
	if r.AcceptedAt != 0 {
		v.State = "accepted"
	}
	for _, d := range r.Tries {
		v.Tries = append(v.Tries, tryView{d.At, d.Code, d.Reply.Status, d.Took.Milliseconds(), d.Reply.Body})
	}
	return v
}

// deliveries answers GET /v1/orders/{order_no}/deliveries to the order's backend.
func (a *api) deliveries(c *fiber.Ctx) error {
	ctx, cancel := work()
	defer cancel()
	o, err := a.ownOrder(ctx, c)
	if err != nil {
		return err
	}
	return a.sendDeliveries(ctx, c, o.OrderNo)
}

// opsDeliveries answers GET /v1/ops/orders/{order_no}/deliveries.
func (a *api) opsDeliveries(c *fiber.Ctx) error {
	if _, err := a.operator(c); err != nil {
		return err
	}
	orderNo, err := orderParam(c)
	if err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	if _, err := a.deps.Engine.Order(ctx, orderNo); err != nil {
		return err
	}
	return a.sendDeliveries(ctx, c, orderNo)
}

func (a *api) sendDeliveries(ctx context.Context, c *fiber.Ctx, orderNo string) error {
	limit, cursor, err := cursorOf(c)
	if err != nil {
		return err
	}
	webhooks, next, err := a.deps.Engine.Webhooks(ctx, orderNo, cursor, limit)
	if err != nil {
		return err
	}
	return sendList(c, webhooks, next, webhookViewOf)
}

// cursorOf reads limit and cursor of a list whose cursor is a name.
func cursorOf(c *fiber.Ctx) (limit int, cursor string, err error) {
	limit = defaultPage
	for k, v := range c.Context().QueryArgs().All() {
		n, err := strconv.Atoi(string(v))
		switch name := string(k); {
		case name == "limit" && err == nil && n >= 1 && n <= maxPage:
			limit = n
		case name == "cursor" && len(v) > 0:
			cursor = string(v)
		default:
			return 0, "", badParameter(clip(strings.ToValidUTF8(name, "?")), "is not valid here")
		}
	}
	return limit, cursor, nil
}
