package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"anxin/engine/order"
)

// updateInput is the body of POST /v1/orders/{order_no}/updates.
type updateInput struct {
	Type          string       `json:"type"`
	Attempt       int          `json:"attempt"`
	NextAttemptAt order.Time   `json:"next_attempt_at"`
	Reason        string       `json:"reason"`
	Refund        *refundInput `json:"refund"`
	OccurredAt    order.Time   `json:"occurred_at"`
}

type refundInput struct {
	ID         string       `json:"id"`
	Amount     *order.Money `json:"amount"`
	AcceptedAt order.Time   `json:"accepted_at"`
	CreditedAt order.Time   `json:"credited_at"`
}

func (u updateInput) order() (order.Update, error) {
	out := order.Update{
		Type: order.UpdateType(u.Type), Attempt: u.Attempt, NextAttemptAt: u.NextAttemptAt,
		Reason: u.Reason, OccurredAt: u.OccurredAt,
	}
	if u.Refund != nil {
		refund := order.RefundEvidence(*u.Refund)
		out.Refund = &refund
		if !isRefundID(refund.ID) {
			return order.Update{}, &order.FieldError{Field: "refund.id", Reason: "must be at most 64 visible ASCII characters"}
		}
	}
	return out, out.Validate()
}

// maxRefundID is what the channels allow (WeChat Pay's out_refund_no: 64).
const maxRefundID = 64

func isRefundID(s string) bool { return len(s) <= maxRefundID && visibleASCII(s) }

func visibleASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// update answers POST /v1/orders/{order_no}/updates: the backend of a pushed order
// tells a change, once per Idempotency-Key.
func (a *api) update(c *fiber.Ctx) error {
	ctx, cancel := work()
	defer cancel()
	o, err := a.ownOrder(ctx, c)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	var body updateInput
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	update, err := body.order()
	if err != nil {
		return err
	}
	hash, err := fingerprint(body)
	if err != nil {
		return err
	}
	o, err = a.deps.Engine.Update(ctx, o.OrderNo, key, hash, update)
	if err != nil {
		return err
	}
	return sendJSON(c, fiber.StatusOK, progressView{a.progress(o)})
}

const (
	idempotencyHeader = "Idempotency-Key"
	maxIdempotencyKey = 255 // bytes: what Stripe allows, and so what clients know
)

func idempotencyKey(c *fiber.Ctx) (string, error) {
	key := strings.Clone(c.Get(idempotencyHeader))
	if key == "" || len(key) > maxIdempotencyKey || !visibleASCII(key) {
		return "", problem(http.StatusBadRequest, "idempotency_key_required",
			"send an Idempotency-Key of 1 to 255 visible ASCII characters, the same at each retry").field(idempotencyHeader)
	}
	return key, nil
}

// fingerprint tells requests apart by what they mean: order and spacing of the fields
// do not count.
func fingerprint(body updateInput) (string, error) {
	canonical, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("encode update: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}
