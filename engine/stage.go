package engine

import (
	"context"

	"anxin/engine/order"
)

// runStages tells that payers have been waiting long, and owes their next stages.
func (e *Engine) runStages(ctx context.Context, list []Task) {
	e.runEach(ctx, list, func(t Task, o order.Order, now order.Time) (decision, error) {
		d := decision{Change: o.EnterStage(now, e.cfg.Stages), with: Commit{Fence: &Fence{t.TaskKey, t.Token}}}
		prolonged := o.ClaimedAt.Add(e.cfg.Stages.Prolonged)
		if o.Status().Final() || now >= prolonged {
			d.with.dropTask(t.TaskKey)
		} else {
			d.with.addTask(t.TaskKey, prolonged)
		}
		return d, nil
	})
}
