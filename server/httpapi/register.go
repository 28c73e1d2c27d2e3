package httpapi

import (
	"errors"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/order"
	"anxin/server/auth"
)

// registered is the answer to a registration.
type registered struct {
	Order      orderView      `json:"order"`
	Progress   order.Progress `json:"progress"`
	PageURL    string         `json:"page_url"`
	ViewToken  string         `json:"view_token"`
	InboxToken string         `json:"inbox_token"`
	InboxURL   string         `json:"inbox_url"`
}

// register answers POST /v1/orders: 201 for a new order, 200 for the same one again.
func (a *api) register(c *fiber.Ctx) error {
	backend, err := a.backend(c)
	if err != nil {
		return err
	}
	var body registration
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	reg, err := body.order(backend)
	if err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	if reg.ExpiresAt != 0 && reg.ExpiresAt <= order.At(time.Now()) {
		// Registered in time, it may be registered again at any time.
		if _, err := a.deps.Engine.Order(ctx, reg.OrderNo); errors.Is(err, engine.ErrNotFound) {
			return &order.FieldError{Field: "expires_at", Reason: "must be in the future"}
		}
	}
	o, created, err := a.deps.Engine.Register(ctx, reg)
	if err != nil {
		return err
	}
	answer, err := a.registered(o)
	if err != nil {
		return err
	}
	status := fiber.StatusOK
	if created {
		status = fiber.StatusCreated
		c.Set(fiber.HeaderLocation, "/v1/orders/"+o.OrderNo)
	}
	return sendJSON(c, status, answer)
}

func (a *api) registered(o order.Order) (registered, error) {
	view, err := a.viewToken(o.OrderNo)
	if err != nil {
		return registered{}, fmt.Errorf("issue view token: %w", err)
	}
	inbox, err := a.deps.Tokens.Issue(auth.KindInbox, engine.InboxID(o.Backend, o.Payer.ID), a.cfg.InboxLife)
	if err != nil {
		return registered{}, fmt.Errorf("issue inbox token: %w", err)
	}
	return registered{
		Order: viewOf(o), Progress: a.progress(o), PageURL: a.pageURL(o.OrderNo, view),
		ViewToken: view, InboxToken: inbox, InboxURL: a.cfg.PublicURL + inboxAddress(inbox, o.OrderNo),
	}, nil
}

// sendJSON answers with a value that holds tokens or states, which no cache may keep.
func sendJSON(c *fiber.Ctx, status int, v any) error {
	c.Set(fiber.HeaderCacheControl, noStore)
	return c.Status(status).JSON(v)
}
