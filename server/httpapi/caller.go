package httpapi

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/order"
	"anxin/server/auth"
)

// bearer returns the credential of the Authorization header, "" without one. The string
// is only valid within the handler.
func bearer(c *fiber.Ctx) string { return credentialOf(c.Get(fiber.HeaderAuthorization)) }

// credentialOf reads the value of an Authorization header.
func credentialOf(header string) string {
	const scheme = "Bearer "
	if len(header) < len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return ""
	}
	return strings.TrimSpace(header[len(scheme):])
}

// backend admits api keys and returns the name of the caller's.
func (a *api) backend(c *fiber.Ctx) (string, error) {
	credential := bearer(c)
	if name, ok := a.deps.Keys.Name(credential); ok {
		return name, nil
	}
	if _, err := a.deps.Tokens.Subject(auth.KindView, credential, time.Now()); err == nil {
		return "", errForbidden // a genuine token, in the wrong place
	}
	return "", a.limits.failed(c, errUnauthorized)
}

// operator admits operator keys and returns the name of the caller's, for the audit.
func (a *api) operator(c *fiber.Ctx) (string, error) {
	credential := bearer(c)
	if name, ok := a.deps.Operators.Name(credential); ok {
		return name, nil
	}
	if _, ok := a.deps.Keys.Name(credential); ok {
		return "", errForbidden // a backend's key, in the wrong place
	}
	return "", a.limits.failed(c, errUnauthorized)
}

// caller is who asks about one order.
type caller struct {
	backend string // "" = the bearer of a view token
	orderNo string
	token   string    // the view token
	until   time.Time // its end
}

// caller admits api keys and the view token of the order in the path. Nothing has been
// looked up by then: a foreign token gets the same answer whether the order exists.
func (a *api) caller(c *fiber.Ctx) (caller, error) {
	orderNo, err := orderParam(c)
	if err != nil {
		return caller{}, err
	}
	credential := bearer(c)
	if name, ok := a.deps.Keys.Name(credential); ok {
		return caller{backend: name, orderNo: orderNo}, nil
	}
	return a.bearerOf(c, orderNo, credential)
}

// bearerOf admits the view token of an order.
func (a *api) bearerOf(c *fiber.Ctx, orderNo, token string) (caller, error) {
	subject, until, err := a.deps.Tokens.Open(auth.KindView, token, time.Now())
	switch {
	case errors.Is(err, auth.ErrForbidden):
		return caller{}, a.limits.failed(c, errUnauthorized)
	case subject != orderNo:
		return caller{}, a.limits.failed(c, errForbidden)
	case err != nil:
		return caller{}, errTokenExpired
	}
	return caller{orderNo: orderNo, token: strings.Clone(token), until: until}, nil
}

// ownOrder admits api keys only, with the order of the path if it is the caller's.
func (a *api) ownOrder(ctx context.Context, c *fiber.Ctx) (order.Order, error) {
	backend, err := a.backend(c)
	if err != nil {
		return order.Order{}, err
	}
	orderNo, err := orderParam(c)
	if err != nil {
		return order.Order{}, err
	}
	return a.orderOf(ctx, caller{backend: backend, orderNo: orderNo})
}

// orderOf loads the order that the caller may see. Somebody else's is not found.
func (a *api) orderOf(ctx context.Context, who caller) (order.Order, error) {
	o, err := a.deps.Engine.Order(ctx, who.orderNo)
	if err != nil {
		return order.Order{}, err
	}
	if who.backend != "" && o.Backend != who.backend {
		return order.Order{}, engine.ErrNotFound
	}
	return o, nil
}

// orderParam copies the order number of the path. What cannot be one is not found.
func orderParam(c *fiber.Ctx) (string, error) {
	orderNo := strings.Clone(c.Params("order_no"))
	if !order.ValidOrderNo(orderNo) {
		return "", engine.ErrNotFound
	}
	return orderNo, nil
}
