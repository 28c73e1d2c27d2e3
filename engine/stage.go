package engine

import (
	"context"

	"anxin/engine/order"
)

// runStage tells that the payer has been waiting long, and owes the next stage.
func (e *Engine) runStage(ctx context.Context, t Task) {
	_, err := e.decide(ctx, t.OrderNo, func(o order.Order, now order.Time) (decision, error) {
		d := decision{Change: o.EnterStage(now, e.cfg.Stages), with: Commit{Fence: &Fence{t.TaskKey, t.Token}}}
		prolonged := o.ClaimedAt.Add(e.cfg.Stages.Prolonged)
		if o.Status().Final() || now >= prolonged {
			d.with.dropTask(t.TaskKey)
		} else {
			d.with.addTask(t.TaskKey, prolonged)
		}
		return d, nil
	})
	e.logTask(ctx, t, err)
}
