package httpapi

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine/order"
)

// issued is a fresh link to an order's page.
type issued struct {
	ViewToken string     `json:"view_token"`
	PageURL   string     `json:"page_url"`
	ExpiresAt order.Time `json:"expires_at"`
}

// issue answers POST /v1/orders/{order_no}/tokens.
func (a *api) issue(c *fiber.Ctx) error {
	ctx, cancel := work()
	defer cancel()
	o, err := a.ownOrder(ctx, c)
	if err != nil {
		return err
	}
	if err := decodeEmpty(c); err != nil {
		return err
	}
	token, err := a.viewToken(o.OrderNo)
	if err != nil {
		return err
	}
	return sendJSON(c, fiber.StatusCreated, issued{
		ViewToken: token, PageURL: a.pageURL(o.OrderNo, token),
		ExpiresAt: order.At(time.Now().Add(a.cfg.ViewLife).Truncate(time.Second)),
	})
}

// claim answers POST /v1/orders/{order_no}/claim: the payer says "I have paid".
func (a *api) claim(c *fiber.Ctx) error {
	return a.act(c, fiber.StatusOK, a.deps.Engine.Claim)
}

// answerTime is what a channel usually needs: the gap before the next check begins with its
// answer.
const answerTime = time.Second

// checkAgainIn is when the check after one that has just been accepted will be.
func (a *api) checkAgainIn() time.Duration { return answerTime + a.cfg.CheckGap }

// checkNow answers POST /v1/orders/{order_no}/query. While there is something to ask it
// tells when to ask again.
func (a *api) checkNow(c *fiber.Ctx) error {
	return a.act(c, fiber.StatusAccepted, func(ctx context.Context, orderNo string) (order.Order, error) {
		o, err := a.deps.Engine.CheckNow(ctx, orderNo)
		if err == nil && !o.Status().Final() {
			c.Set(fiber.HeaderRetryAfter, retryAfter(a.checkAgainIn()))
		}
		return o, err
	})
}

// act does what both payer and backend may ask for.
func (a *api) act(c *fiber.Ctx, status int, do func(context.Context, string) (order.Order, error)) error {
	who, err := a.caller(c)
	if err != nil {
		return err
	}
	if err := decodeEmpty(c); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	if who.backend != "" {
		if _, err := a.orderOf(ctx, who); err != nil {
			return err
		}
	}
	o, err := do(ctx, who.orderNo)
	if err != nil {
		return err
	}
	return sendJSON(c, status, progressView{a.progress(o)})
}
