package sandbox

import (
	"fmt"

	"anxin/engine/order"

	"github.com/gofiber/fiber/v2"

	"anxin/engine/channel/strictjson"
)

// paymentRequest is the body of POST /sandbox/v1/payments.
type paymentRequest struct {
	OrderNo string      `json:"order_no"`
	Amount  order.Money `json:"amount"`
	Plan
}

func (r paymentRequest) validate() error {
	if !order.ValidOrderNo(r.OrderNo) {
		return &fieldError{"order_no", "must match [A-Za-z0-9_-]{1,64}"}
	}
	if err := r.Amount.Validate(); err != nil {
		return &fieldError{"amount", err.Error()}
	}
	return r.Plan.validate(r.Amount)
}

// createPayment lets a script pay: the plan's outcome happens at once, and its faults
// are in force.
func (s *Sandbox) createPayment(c *fiber.Ctx) error {
	raw, err := body(c, maxJSON)
	if err != nil {
		return err
	}
	var request paymentRequest
	if err := strictjson.Decode(raw, &request); err != nil {
		return err
	}
	if err := request.validate(); err != nil {
		return err
	}
	p := s.newPayment(request.OrderNo, &request.Amount, request.Plan)
	jobs, err := p.decide(p.CreatedAt)
	if err != nil {
		return err
	}
	if err := s.store.create(c.UserContext(), p, jobs); err != nil {
		return fmt.Errorf("create payment: %w", err)
	}
	s.owe()
	return c.Status(fiber.StatusCreated).JSON(showPayment(p, nil))
}

// getPayment shows what the simulated world knows of a payment.
func (s *Sandbox) getPayment(c *fiber.Ctx) error {
	no, err := orderNo(c)
	if err != nil {
		return err
	}
	p, err := s.store.load(c.UserContext(), no)
	if err != nil {
		return err
	}
	hooks, err := s.store.webhooks(c.UserContext(), no)
	if err != nil {
		return err
	}
	return c.JSON(showPayment(p, hooks))
}

// paymentView is a payment as scripts see it.
type paymentView struct {
	payment
	Purchase *purchase        `json:"purchase,omitempty"` // hides the payer's link
	Webhooks []webhookReceipt `json:"webhooks"`
}

func showPayment(p payment, hooks []webhookReceipt) paymentView {
	if hooks == nil {
		hooks = []webhookReceipt{}
	}
	return paymentView{payment: p, Webhooks: hooks}
}
