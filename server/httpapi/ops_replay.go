package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/order"
)

const (
	// replayTimeout bounds one replay: at most maxPage commits, a few milliseconds each
	// on a slow disk. What was not reached by then is replayed by the same call again.
	replayTimeout = 30 * time.Second
	// maxReason bounds what an operator says about an act.
	maxReason = 500
)

// replayInput asks for callbacks by id, or for one page of what a selection finds.
type replayInput struct {
	IDs         []string   `json:"ids"`
	Channel     string     `json:"channel"`
	State       string     `json:"state"`
	OrderNo     string     `json:"order_no"`
	Since       order.Time `json:"since"`
	Until       order.Time `json:"until"`
	Limit       int        `json:"limit"`
	Cursor      string     `json:"cursor"`
	AcceptStale bool       `json:"accept_stale"`
	Reason      string     `json:"reason"`
}

type replayAnswer struct {
	Accepted   int           `json:"accepted"`
	Skipped    []skippedView `json:"skipped"`
	NextCursor *string       `json:"next_cursor"` // null = the end
}

type skippedView struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// opsReplay answers POST /v1/ops/callbacks/replay.
func (a *api) opsReplay(c *fiber.Ctx) error {
	actor, err := a.operator(c)
	if err != nil {
		return err
	}
	var in replayInput
	if err := decodeJSON(c, &in); err != nil {
		return err
	}
	r, err := in.replay(actor)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), replayTimeout)
	defer cancel()
	done, err := a.deps.Engine.ReplayCallbacks(ctx, r)
	if err != nil {
		return err
	}
	answer := replayAnswer{Accepted: done.Accepted, Skipped: make([]skippedView, 0, len(done.Skipped)), NextCursor: nullable(done.NextCursor)}
	for _, s := range done.Skipped {
		answer.Skipped = append(answer.Skipped, skippedView(s))
	}
	return sendJSON(c, fiber.StatusAccepted, answer)
}

// replay checks what was asked for. A state must be named with a selection: nobody should replay
// everything by leaving something out.
func (in replayInput) replay(actor string) (engine.Replay, error) {
	selects := in.Channel != "" || in.State != "" || in.OrderNo != "" || in.Since != 0 || in.Until != 0 || in.Limit != 0 || in.Cursor != ""
	invalid := func(field, why string) error {
		return problem(http.StatusUnprocessableEntity, "invalid_field", why).field(field)
	}
	state := engine.CallbackState(in.State)
	switch {
	case len(in.IDs) > 0 && selects:
		return engine.Replay{}, invalid("ids", "cannot be combined with a selection")
	case len(in.IDs) > 0:
	case !slices.Contains(callbackStates, state):
		return engine.Replay{}, invalid("state", "must be processed, pending, quarantined or rejected, or there must be ids")
	case !channelName.MatchString(in.Channel):
		return engine.Replay{}, invalid("channel", "must name a channel")
	case in.OrderNo != "" && !order.ValidOrderNo(in.OrderNo):
		return engine.Replay{}, invalid("order_no", "is not an order number")
	case in.Limit < 0 || in.Limit > maxPage:
		return engine.Replay{}, invalid("limit", "must be 1 to "+strconv.Itoa(maxPage))
	}
	if len(in.Reason) > maxReason {
		return engine.Replay{}, invalid("reason", "must have at most "+strconv.Itoa(maxReason)+" bytes")
	}
	if in.Limit == 0 {
		in.Limit = defaultPage
	}
	return engine.Replay{
		IDs: in.IDs, AcceptStale: in.AcceptStale, Actor: actor, Reason: in.Reason,
		Select: engine.CallbackFilter{
			State: state, Channel: in.Channel, OrderNo: in.OrderNo, Since: in.Since, Until: in.Until, Limit: in.Limit, Cursor: in.Cursor,
		},
	}, nil
}
