package httpapi

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/order"
	"anxin/hub"
	"anxin/server/auth"
)

// verdictPatience is how long a checkout is kept waiting while the channel is asked: what
// a payer bears after a tap, and longer than most channels take.
const verdictPatience = 3 * time.Second

// verdictView says whether charging again for an order's purchase is safe.
type verdictView struct {
	OrderNo    string       `json:"order_no"`
	Verdict    order.Advice `json:"verdict"`
	Reason     order.Why    `json:"reason"`
	RetryAfter *int64       `json:"retry_after"` // seconds; null unless the verdict is to wait
}

func verdictOf(o order.Order, v order.Verdict) verdictView {
	return verdictView{OrderNo: o.OrderNo, Verdict: v.Advice, Reason: v.Why, RetryAfter: secondsOf(v.RetryAfter)}
}

func secondsOf(d time.Duration) *int64 {
	if d == 0 {
		return nil
	}
	seconds := wholeSeconds(d)
	return &seconds
}

// verdict answers GET /v1/orders/{order_no}/verdict.
func (a *api) verdict(c *fiber.Ctx) error {
	ctx, cancel := work()
	defer cancel()
	o, err := a.ownOrder(ctx, c)
	if err != nil {
		return err
	}
	waiting, stop := context.WithTimeout(ctx, verdictPatience)
	defer stop()
	o, v, err := a.judge(ctx, waiting, o)
	if err != nil {
		return err
	}
	return sendJSON(c, fiber.StatusOK, verdictOf(o, v))
}

// judge gives the verdict on an order. Where it is not known whether money was taken the
// channel is asked first, and its answer waited for until waiting ends.
func (a *api) judge(ctx, waiting context.Context, o order.Order) (order.Order, order.Verdict, error) {
	v := o.Verdict(order.At(time.Now()))
	if v.Advice != order.AdviceWait || o.Mode == order.Pushed {
		return o, v, nil
	}
	before := o.Facts.QueryAt
	o, err := a.deps.Engine.CheckNow(ctx, o.OrderNo)
	var soon *engine.TooSoonError
	switch {
	case errors.As(err, &soon):
		v.RetryAfter = soon.RetryAfter
		return o, v, nil
	case err != nil:
		return o, v, fmt.Errorf("ask the channel: %w", err)
	}
	for v = o.Verdict(order.At(time.Now())); v.Advice == order.AdviceWait && o.Facts.QueryAt == before; v = o.Verdict(order.At(time.Now())) {
		_, err := a.deps.Hub.Wait(waiting, hub.Visit{Topic: auth.OrderTopic(o.OrderNo), Audience: auth.AudienceBackend, After: o.Seq})
		switch {
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, hub.ErrDraining), isRefusal(err):
			return o, v, nil // what is known now is the answer
		case err != nil:
			return o, v, fmt.Errorf("wait for the channel's answer: %w", err)
		}
		if o, err = a.deps.Engine.Order(ctx, o.OrderNo); err != nil {
			return o, v, fmt.Errorf("load order: %w", err)
		}
	}
	return o, v, nil
}

// purchaseInput is the body of POST /v1/verdicts: what a checkout is about to charge for.
type purchaseInput struct {
	PayerID string       `json:"payer_id"`
	Subject string       `json:"subject"`
	Amount  *order.Money `json:"amount"`
}

func (p purchaseInput) validate() error {
	switch {
	case p.PayerID == "" || len(p.PayerID) > order.MaxPayerID:
		return &order.FieldError{Field: "payer_id", Reason: "must be 1 to 128 bytes"}
	case p.Subject == "" && p.Amount == nil:
		return &order.FieldError{Field: "subject", Reason: "say what is bought: subject, amount or both"}
	case p.Amount == nil:
		return nil
	}
	if err := p.Amount.Validate(); err != nil {
		return &order.FieldError{Field: "amount", Reason: err.Error()}
	}
	return nil
}

// whyNoOrder is the reason where none of the payer's orders is for the purchase.
const whyNoOrder = order.Why("no_order")

// purchaseVerdict is the verdict over all orders for a purchase.
type purchaseVerdict struct {
	Verdict    order.Advice  `json:"verdict"`
	Reason     order.Why     `json:"reason"`
	RetryAfter *int64        `json:"retry_after"`
	Orders     []verdictView `json:"orders"` // newest first
}

// add takes in the verdict of one order: the most careful one counts, of equals that of
// the newest order.
func (p *purchaseVerdict) add(v verdictView) {
	care := map[order.Advice]int{order.AdviceSafe: 1, order.AdviceWait: 2, order.AdviceUnsafe: 3}
	if len(p.Orders) == 0 || care[v.Verdict] > care[p.Verdict] {
		p.Verdict, p.Reason, p.RetryAfter = v.Verdict, v.Reason, v.RetryAfter
	}
	p.Orders = append(p.Orders, v)
}

// verdicts answers POST /v1/verdicts.
func (a *api) verdicts(c *fiber.Ctx) error {
	backend, err := a.backend(c)
	if err != nil {
		return err
	}
	var body purchaseInput
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	if err := body.validate(); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	orders, err := a.deps.Engine.SamePurchase(ctx, backend, body.PayerID, body.Subject, body.Amount)
	if err != nil {
		return err
	}
	waiting, stop := context.WithTimeout(ctx, verdictPatience) // for all of them together
	defer stop()
	answer := purchaseVerdict{Verdict: order.AdviceSafe, Reason: whyNoOrder, Orders: []verdictView{}}
	for _, o := range orders {
		o, v, err := a.judge(ctx, waiting, o)
		if err != nil {
			return err
		}
		answer.add(verdictOf(o, v))
	}
	return sendJSON(c, fiber.StatusOK, answer)
}
