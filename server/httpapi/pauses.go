package httpapi

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/order"
)

// channelView is what this node knows of one channel.
type channelView struct {
	Name        string              `json:"name"`
	Breaker     engine.BreakerState `json:"breaker"`
	Failures    int                 `json:"failures"`
	NextProbeAt order.Time          `json:"next_probe_at"`
	QPS         *int                `json:"qps"` // null = no budget
	Deferred    int                 `json:"deferred"`
	PausedUntil order.Time          `json:"paused_until"`
}

func viewOfChannel(s engine.ChannelState) channelView {
	v := channelView{s.Name, s.Breaker, s.Failures, s.NextProbe, nil, s.Deferred, s.Paused}
	if s.QPS > 0 {
		v.QPS = &s.QPS
	}
	return v
}

// pauseView is one pause that is not over.
type pauseView struct {
	Kind   engine.TaskKind `json:"kind"`
	Target string          `json:"target"`
	Until  order.Time      `json:"until"`
	Since  order.Time      `json:"since"`
	Actor  string          `json:"actor"`
	Reason string          `json:"reason"`
}

// wholeList admits operators to a list without parameters.
func (a *api) wholeList(c *fiber.Ctx) error {
	if _, err := a.operator(c); err != nil {
		return err
	}
	for name := range c.Context().QueryArgs().All() {
		return badParameter(clip(strings.ToValidUTF8(string(name), "?")), "there is no such parameter")
	}
	return nil
}

// channels answers GET /v1/ops/channels.
func (a *api) channels(c *fiber.Ctx) error {
	if err := a.wholeList(c); err != nil {
		return err
	}
	return sendList(c, a.deps.Engine.Channels(), "", viewOfChannel)
}

// pauses answers GET /v1/ops/pauses.
func (a *api) pauses(c *fiber.Ctx) error {
	if err := a.wholeList(c); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	active, err := a.deps.Engine.Pauses(ctx)
	if err != nil {
		return err
	}
	return sendList(c, active, "", func(p engine.Pause) pauseView { return pauseView(p) })
}

// pause answers POST /v1/ops/pauses.
func (a *api) pause(c *fiber.Ctx) error {
	actor, err := a.operator(c)
	if err != nil {
		return err
	}
	var body struct {
		Kind   string     `json:"kind"`
		Target string     `json:"target"`
		Until  order.Time `json:"until"`
		Reason string     `json:"reason"`
	}
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	p, err := a.deps.Engine.PauseFor(ctx, engine.Pause{
		Kind: engine.TaskKind(body.Kind), Target: body.Target, Until: body.Until, Actor: actor, Reason: body.Reason,
	})
	if err != nil {
		return err
	}
	return sendJSON(c, fiber.StatusOK, pauseView(p))
}

// resume answers DELETE /v1/ops/pauses/{kind}/{target}.
func (a *api) resume(c *fiber.Ctx) error {
	actor, err := a.operator(c)
	if err != nil {
		return err
	}
	if err := decodeEmpty(c); err != nil {
		return err
	}
	name, err := url.PathUnescape(strings.Clone(c.Params("target")))
	if err != nil {
		return engine.ErrNotPaused
	}
	ctx, cancel := work()
	defer cancel()
	if err := a.deps.Engine.Resume(ctx, engine.TaskKind(strings.Clone(c.Params("kind"))), name, actor); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}
