package sandbox

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	wire "anxin/engine/channel/sandbox"
)

type cashierData struct {
	payment
	Presets []preset
	Preset  string
	Open    bool // nothing is decided yet
}

// showCashier asks for the payment.
func (s *Sandbox) showCashier(c *fiber.Ctx) error {
	no, err := orderNo(c)
	if err != nil {
		return err
	}
	p, err := s.store.load(c.UserContext(), no)
	if err != nil {
		return err
	}
	if p.Purchase == nil {
		return errNotFound // made by a script, which has no shop to come back to
	}
	return s.render(c, fiber.StatusOK, "cashier", cashierData{
		payment: p, Presets: presets, Preset: p.Purchase.Preset, Open: p.State == wire.StatePending,
	})
}

// What a payer can do at the cashier.
const (
	actPay     = "pay"
	actDecline = "decline"
	actLeave   = "leave"
)

var errNoAction = errField.about("action", "must be pay, decline or leave")

// atCashier does what the payer chose. Paying and declining lead back through the shop,
// which claims the order; who leaves comes to the page without a claim.
func (s *Sandbox) atCashier(c *fiber.Ctx) error {
	no, err := orderNo(c)
	if err != nil {
		return err
	}
	form, err := readForm(c)
	if err != nil {
		return err
	}
	action := form.Get("action")
	if action != actPay && action != actDecline && action != actLeave {
		return errNoAction
	}
	p, err := s.store.update(c.UserContext(), no, func(p *payment) ([]job, error) {
		if p.Purchase == nil {
			return nil, errNotFound
		}
		if action == actLeave || p.State != wire.StatePending {
			return nil, nil
		}
		p.choose(presetByID(form.Get("preset")), action == actDecline)
		return p.decide(s.now())
	})
	if err != nil {
		return err
	}
	s.owe()
	if action == actLeave {
		return c.Redirect(p.Purchase.PageURL, fiber.StatusSeeOther)
	}
	return c.Redirect("/sandbox/return/"+no, fiber.StatusSeeOther)
}

// choose takes the preset chosen last. The button decides over it: who taps "decline"
// does not pay, whatever the preset says.
func (p *payment) choose(chosen preset, declined bool) {
	p.Purchase.Preset, p.Plan = chosen.ID, chosen.Plan
	if declined {
		p.Plan.Outcome, p.Plan.Refund = Declines, nil
	}
}

// comeBack is the shop's return address: it claims the order and shows Anxin's page. A
// claim that cannot be made stops nobody, the page has a button for it.
func (s *Sandbox) comeBack(c *fiber.Ctx) error {
	no, err := orderNo(c)
	if err != nil {
		return err
	}
	p, err := s.store.load(c.UserContext(), no)
	if err != nil {
		return err
	}
	if p.Purchase == nil {
		return errNotFound
	}
	if err := s.claim(c.UserContext(), no); err != nil {
		if !errors.Is(err, errAnxin) {
			return err
		}
		s.log.WithError(err).WithField("order_no", no).Warn("shop could not claim the order")
	}
	return c.Redirect(p.Purchase.PageURL, fiber.StatusSeeOther)
}
