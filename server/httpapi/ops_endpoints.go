package httpapi

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/order"
)

// endpointView is how the webhooks of one backend fare. The address is not shown: it may
// carry a secret of the backend's.
type endpointView struct {
	Backend    string              `json:"backend"`
	State      string              `json:"state"`
	GoneAt     order.Time          `json:"gone_at"`
	DisabledAt order.Time          `json:"disabled_at"`
	Breaker    engine.BreakerState `json:"breaker"`
	Failures   int                 `json:"failures"`
	NextProbe  order.Time          `json:"next_probe_at"`
	Deferred   int                 `json:"deferred"`
	Paused     order.Time          `json:"paused_until"`
}

func endpointViewOf(s engine.EndpointState) endpointView {
	v := endpointView{
		Backend: s.Backend, State: "enabled", GoneAt: s.GoneAt, DisabledAt: s.DisabledAt,
		Breaker: s.Breaker, Failures: s.Failures, NextProbe: s.NextProbe, Deferred: s.Deferred, Paused: s.Paused,
	}
	switch {
	case s.DisabledAt != 0:
		v.State = "disabled"
	case s.GoneAt != 0:
		v.State = "endpoint_gone"
	}
	return v
}

// opsEndpoints answers GET /v1/ops/endpoints.
func (a *api) opsEndpoints(c *fiber.Ctx) error {
	if _, err := a.operator(c); err != nil {
		return err
	}
	limit, after, err := cursorOf(c)
	if err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	states, err := a.deps.Engine.Endpoints(ctx, after, limit+1)
	if err != nil {
		return err
	}
	next := ""
	if len(states) > limit {
		states, next = states[:limit], states[limit-1].Backend
	}
	return sendList(c, states, next, endpointViewOf)
}

// maxEnableReason bounds, in bytes, what an operator says about enabling an endpoint.
const maxEnableReason = 500

// opsEnableEndpoint answers POST /v1/ops/endpoints/{backend}/enable.
func (a *api) opsEnableEndpoint(c *fiber.Ctx) error {
	actor, err := a.operator(c)
	if err != nil {
		return err
	}
	var in struct {
		Reason string `json:"reason"`
	}
	if err := decodeJSON(c, &in); err != nil {
		return err
	}
	if in.Reason == "" || len(in.Reason) > maxEnableReason {
		return problem(http.StatusUnprocessableEntity, "invalid_field", "must be 1 to 500 bytes").field("reason")
	}
	ctx, cancel := work()
	defer cancel()
	state, err := a.deps.Engine.EnableEndpoint(ctx, strings.Clone(c.Params("backend")), actor, in.Reason)
	if err != nil {
		return err
	}
	return sendJSON(c, fiber.StatusOK, endpointViewOf(state))
}
