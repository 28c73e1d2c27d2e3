package sandbox

import (
	"errors"
	"fmt"
	"strings"

	"anxin/engine/order"

	"github.com/gofiber/fiber/v2"

	"anxin/engine/channel/strictjson"
)

// Limits of what comes in. A form or a plan is a few hundred bytes; a webhook carries
// one event of an order.
const (
	maxForm    = 8 << 10
	maxJSON    = 16 << 10
	maxWebhook = 256 << 10
)

// problem is an RFC 9457 answer, and the error that asks for it.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`
	Field  string `json:"field,omitempty"`
}

func (p *problem) Error() string { return p.Title }

func newProblem(status int, code, title string) *problem {
	return &problem{Type: "about:blank", Status: status, Code: code, Title: title}
}

func (p problem) about(field, detail string) *problem {
	p.Field, p.Detail = field, detail
	return &p
}

// The problems of the sandbox. They are templates: about copies.
var (
	errJSON          = newProblem(fiber.StatusBadRequest, "invalid_json", "the body is not the JSON object asked for")
	errUnknownField  = newProblem(fiber.StatusBadRequest, "unknown_field", "the body has a field that is not known")
	errField         = newProblem(fiber.StatusUnprocessableEntity, "invalid_field", "a field is out of its bounds")
	errPaymentExists = newProblem(fiber.StatusConflict, "payment_exists", "a payment of this order exists")
	errNoPayment     = newProblem(fiber.StatusNotFound, "payment_not_found", "there is no payment of this order")
	errTooLarge      = newProblem(fiber.StatusRequestEntityTooLarge, "body_too_large", "the body is larger than anything asked for here")
	errSignature     = newProblem(fiber.StatusUnauthorized, "bad_signature", "the signature does not verify")
	errBackend       = newProblem(fiber.StatusInternalServerError, "simulated_failure", "the shop's backend fails on purpose")
	errAnxin         = newProblem(fiber.StatusBadGateway, "anxin_refused", "Anxin did not take the order")
	errInternal      = newProblem(fiber.StatusInternalServerError, "internal", "the sandbox failed")
)

// api answers errors of a handler as problem+json.
func (s *Sandbox) api(handle fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		err := handle(c)
		if err == nil {
			return nil
		}
		p := s.problemOf(err)
		c.Set(fiber.HeaderCacheControl, "no-store")
		if err := c.Status(p.Status).JSON(p); err != nil {
			return fmt.Errorf("write problem: %w", err)
		}
		c.Set(fiber.HeaderContentType, "application/problem+json")
		return nil
	}
}

// problemOf maps each error once. What it does not know is logged, and told to nobody.
func (s *Sandbox) problemOf(err error) *problem {
	var known *problem
	var field *fieldError
	var syntax *strictjson.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &field):
		return errField.about(field.field, field.reason)
	case errors.As(err, &syntax) && syntax.Reason == strictjson.ReasonUnknownField:
		return errUnknownField.about(syntax.Field, syntax.Reason)
	case errors.As(err, &syntax):
		return errJSON.about(syntax.Field, syntax.Reason)
	case errors.Is(err, errExists):
		return errPaymentExists
	case errors.Is(err, errNotFound):
		return errNoPayment
	}
	s.log.WithError(err).Error("sandbox request failed")
	return errInternal
}

// body copies a request's body out of Fiber's memory. It is taken as it came: nothing
// here accepts a Content-Encoding, whose unpacked size nobody bounds.
func body(c *fiber.Ctx, limit int) ([]byte, error) {
	raw := c.Request().Body()
	if len(raw) > limit {
		return nil, errTooLarge
	}
	return append([]byte(nil), raw...), nil
}

// orderNo copies the order number out of the path; what cannot be one is not found.
func orderNo(c *fiber.Ctx) (string, error) {
	no := strings.Clone(c.Params("order_no"))
	if !order.ValidOrderNo(no) {
		return "", errNotFound
	}
	return no, nil
}
