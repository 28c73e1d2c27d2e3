package engine

import (
	"context"

	"anxin/engine/order"
)

// onlyTold reports whether the payment is unknown and its channel can only tell, not be
// asked.
func (e *Engine) onlyTold(o order.Order) bool {
	return o.Mode == order.Managed && o.Payment == order.Pending && e.HasChannel(o.Channel) && !e.queries(o)
}

// runStages tells that payers have been waiting long, and owes their next stages.
func (e *Engine) runStages(ctx context.Context, list []Task) {
	e.runEach(ctx, list, func(t Task, o order.Order, now order.Time) (decision, error) {
		d := decision{Change: o.EnterStage(now, e.cfg.Stages), with: Commit{Fence: &Fence{t.TaskKey, t.Token}}}
		if d.Changed() && d.Order.Stage == order.Prolonged && e.onlyTold(o) {
			// Nobody can be asked: a person has to look where the money is.
			d.Change = d.Change.Then(d.Order.OpenCase(order.CaseQueryExhausted, now, order.Detail{}))
		}
		prolonged := o.ClaimedAt.Add(e.cfg.Stages.Prolonged)
		if o.Status().Final() || now >= prolonged {
			d.with.dropTask(t.TaskKey)
		} else {
			d.with.addTask(t.TaskKey, prolonged)
		}
		return d, nil
	})
}
