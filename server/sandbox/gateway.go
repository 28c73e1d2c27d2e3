package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	wire "anxin/engine/channel/sandbox"
)

// hangFor is how long a simulated timeout holds an answer back: longer than the
// adapter waits (3 s), and bounded, because the server cannot see that the client has
// gone and a graceful stop waits for its requests.
const hangFor = 4 * time.Second

// question is a request to the gateway whose signature holds.
type question struct {
	orderNo string
	nonce   string
}

// gateway lets signed requests through and signs what is answered, refusals included.
func (s *Sandbox) gateway(answer func(*fiber.Ctx, question) (any, error)) fiber.Handler {
	return func(c *fiber.Ctx) error {
		q, err := s.question(c)
		if err != nil {
			return s.seal(c, q, fiber.StatusUnauthorized, wire.Problem{Code: wire.CodeSignature, Message: "request is not signed"})
		}
		content, err := answer(c, q)
		switch {
		case err == nil:
			return s.seal(c, q, fiber.StatusOK, content)
		case errors.Is(err, errNotFound):
			return s.seal(c, q, fiber.StatusNotFound, wire.Problem{Code: wire.CodeNotFound, Message: "order does not exist"})
		case errors.Is(err, errPaid):
			return s.seal(c, q, fiber.StatusConflict, wire.Problem{Code: wire.CodeAlreadyPaid, Message: "order is paid"})
		default:
			s.log.WithError(err).WithField("order_no", q.orderNo).Error("sandbox gateway failed")
			return s.seal(c, q, fiber.StatusInternalServerError, wire.Problem{Code: wire.CodeInternal, Message: "try again"})
		}
	}
}

// errPaid refuses to close what is paid.
var errPaid = errors.New("the order is paid")

func (s *Sandbox) question(c *fiber.Ctx) (question, error) {
	no, err := orderNo(c)
	if err != nil {
		return question{}, err
	}
	raw, err := body(c, maxJSON)
	if err != nil {
		return question{}, err
	}
	header := http.Header{}
	for _, name := range []string{wire.HeaderTimestamp, wire.HeaderNonce, wire.HeaderSignature} {
		header.Set(name, strings.Clone(c.Get(name)))
	}
	path := strings.TrimPrefix(strings.Clone(c.Path()), "/sandbox/gateway")
	message := wire.RequestMessage(strings.Clone(c.Method()), path, raw)
	if err := wire.Check(header, s.cfg.Secret, s.clock(), message); err != nil {
		return question{}, fmt.Errorf("check question: %w", err)
	}
	return question{orderNo: no, nonce: header.Get(wire.HeaderNonce)}, nil
}

// seal writes a signed answer. It repeats the nonce of its question.
func (s *Sandbox) seal(c *fiber.Ctx, q question, status int, content any) error {
	raw, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	header := http.Header{}
	wire.Seal(header, s.cfg.Secret, s.clock(), q.nonce, raw)
	for name := range header {
		c.Set(name, header.Get(name))
	}
	c.Set(fiber.HeaderContentType, "application/json")
	return c.Status(status).Send(raw)
}

// answerQuery tells a payment, or the fault that is next in its plan.
func (s *Sandbox) answerQuery(c *fiber.Ctx, q question) (any, error) {
	kind := replyTruth
	p, err := s.store.update(c.UserContext(), q.orderNo, func(p *payment) ([]job, error) {
		kind = p.asked()
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	told := p.told()
	switch kind {
	case replyTruth:
	case replyTimeout:
		s.hang()
	case replyNotFound:
		return nil, errNotFound
	case replyProcessing:
		told.State, told.TransactionID, told.Reason, told.Refunds = wire.StateProcessing, "", "", nil
	}
	return told, nil
}

// hang holds an answer back until the asker has given up or the sandbox stops.
func (s *Sandbox) hang() {
	timer := time.NewTimer(hangFor)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.stopping:
	}
}

// answerClose takes no more payment. An order that was never heard of is closed too, so
// that it cannot be paid later.
func (s *Sandbox) answerClose(c *fiber.Ctx, q question) (any, error) {
	ctx := c.UserContext()
	err := s.store.create(ctx, s.newPayment(q.orderNo, nil, Plan{Outcome: Unpaid}), nil)
	if err != nil && !errors.Is(err, errExists) {
		return nil, err
	}
	closed := false
	p, err := s.store.update(ctx, q.orderNo, func(p *payment) (jobs []job, err error) {
		jobs, closed = p.close(s.now())
		return jobs, nil
	})
	if err != nil {
		return nil, err
	}
	s.owe()
	if !closed {
		return nil, errPaid
	}
	return p.told(), nil
}
