package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"anxin/engine/channel"
	"anxin/engine/crash"
	"anxin/engine/order"
)

// maxRaces bounds how often a decision is taken anew because another commit of the
// same order came first. A burst of callbacks for one order stays far below it.
const maxRaces = 50

// decision is what one reading of an order leads to: the change and what is to be
// written with it. What the change itself causes is added by owed.
type decision struct {
	order.Change
	with Commit
}

// decide reads an order, lets f decide, and commits the outcome with all that it
// causes, again from the start while others win the race. f may run several times. It
// returns the order as it is then.
func (e *Engine) decide(ctx context.Context, orderNo string, f func(o order.Order, now order.Time) (decision, error)) (order.Order, error) {
	twin := "" // order that has been paid for the same purchase, once the store told
	for range maxRaces {
		before, err := e.deps.Store.Order(ctx, orderNo)
		if err != nil {
			return order.Order{}, fmt.Errorf("load order: %w", err)
		}
		d, err := f(before, now())
		if err != nil {
			return before, err
		}
		e.conclude(&d, before, twin)
		err = e.commit(ctx, d.with)
		if paid, ok := errors.AsType[*PaidTwiceError](err); ok {
			twin = paid.OrderNo
			continue
		}
		switch {
		case err == nil && d.Changed():
			return d.Order, nil
		case err == nil:
			return before, nil
		case !errors.Is(err, ErrConflict):
			return before, err
		}
	}
	return order.Order{}, ErrBusy
}

// conclude adds to what a decision writes the change and all that it causes.
func (e *Engine) conclude(d *decision, before order.Order, twin string) {
	if !d.Changed() {
		return
	}
	e.owePurchase(d, before, twin)
	d.with.Order, d.with.Expect, d.with.Events = &d.Order, before.Seq, d.Events
	e.owed(&d.with, before, d.Change)
}

// commit leases the tasks that are near, writes, and tells whoever listens.
func (e *Engine) commit(ctx context.Context, c Commit) error {
	if c.Order == nil && len(c.Tasks) == 0 && len(c.Callbacks) == 0 && len(c.Processed) == 0 && c.Accepted == nil && c.Key == nil && c.Audit == nil && c.Pause == nil &&
		c.Settlement == nil && len(c.SettlementRows) == 0 && c.Endpoint == nil && c.Messages == nil {
		return nil
	}
	at, begun := now(), e.runner.begin()
	for i := range c.Tasks {
		e.runner.lease(&c.Tasks[i].Task, at)
	}
	crash.At(crash.BeforeCommit)
	if err := e.deps.Store.Commit(ctx, c); err != nil {
		return err
	}
	crash.At(crash.AfterCommit)
	e.gates.written(c.Tasks)
	e.runner.committed(c.Tasks, begun)
	e.alerts.committed(c)
	if c.Order != nil {
		e.deps.Listener.Committed(*c.Order, c.Events)
	}
	return nil
}

// owed adds the work that a change causes. It is the one place that knows: whoever
// changes an order need not think of what follows. A task that the caller writes
// itself is left as the caller has it.
func (e *Engine) owed(c *Commit, before order.Order, change order.Change) {
	after := change.Order
	e.oweWebhooks(c, change)
	oweCases(c, before, after)
	oweLedger(c, before, change)
	e.messages.oweMessages(c, before, after)
	switch waited, waits := waiting(before), waiting(after); {
	case waits && !waited: // a claim, or a late success that is yet to be delivered
		c.addTask(stageTask(after), after.ClaimedAt.Add(e.cfg.Stages.Delayed))
	case waited && !waits:
		c.dropTask(stageTask(after))
	}
	if !e.queries(after) {
		return
	}
	switch query := queryTask(after); {
	case len(after.OpenRefunds()) > len(before.OpenRefunds()) && e.policyOf(after).Can(channel.CanQueryRefund):
		c.addTask(query, nextByAge(refundSchedule, after.UpdatedAt, after.UpdatedAt))
	case settled(after) && !settled(before):
		c.dropTask(query)
	case before.Seq == 0:
		c.addTask(query, e.nextQuery(after, after.CreatedAt))
	}
}

// settled reports whether the channel has nothing more to be asked about the order.
func settled(o order.Order) bool {
	return o.Payment != order.Pending && len(o.OpenRefunds()) == 0
}

// waiting reports whether a payer who claimed the order has no result yet.
func waiting(o order.Order) bool { return o.ClaimedAt != 0 && !o.Status().Final() }

func queryTask(o order.Order) TaskKey   { return TaskKey{o.OrderNo, TaskQuery, o.Channel} }
func deliverTask(o order.Order) TaskKey { return TaskKey{o.OrderNo, TaskDeliver, o.Backend} }
func stageTask(o order.Order) TaskKey   { return TaskKey{o.OrderNo, TaskStage, ""} }

// addTask and dropTask write a task unless the commit writes it already.
func (c *Commit) addTask(key TaskKey, due order.Time) {
	if !c.writesTask(key) {
		c.Tasks = append(c.Tasks, TaskWrite{Task: Task{TaskKey: key, DueAt: due}})
	}
}

func (c *Commit) dropTask(key TaskKey) {
	if !c.writesTask(key) {
		c.Tasks = append(c.Tasks, TaskWrite{Task: Task{TaskKey: key}, Delete: true})
	}
}

func (c *Commit) writesTask(key TaskKey) bool {
	for _, w := range c.Tasks {
		if w.TaskKey == key {
			return true
		}
	}
	return false
}

// oweWebhooks writes one webhook for each result and case that the change tells.
func (e *Engine) oweWebhooks(c *Commit, change order.Change) {
	o := change.Order
	// An order that was registered to be delivered stays so when its backend is taken out
	// of the configuration: what cannot be sent becomes a case, and not a wait without end.
	if !e.deps.Backends[o.Backend] && o.Fulfilment != order.FulfilmentPending {
		return
	}
	for _, ev := range change.Events {
		kind := webhookType(ev)
		if kind == "" {
			continue
		}
		c.Webhooks = append(c.Webhooks, Webhook{
			ID: webhookID(o.OrderNo, ev.Seq), OrderNo: o.OrderNo, Seq: ev.Seq, Type: kind,
			Body: webhookBody(o, ev, kind), CreatedAt: ev.At,
		})
	}
	if len(c.Webhooks) > 0 && !promisesDelivery(o) {
		c.addTask(deliverTask(o), o.UpdatedAt)
	}
}

// promisesDelivery reports whether the payer is shown that a delivery is being tried
// again, now or at a time. It keeps that time, and then takes newer webhooks along; all
// other news is sent at once.
func promisesDelivery(o order.Order) bool {
	return o.Status() == order.StatusConfirming && o.Payment != order.Pending && (o.Attempting || o.NextAttemptAt != 0)
}

// webhookType names what a backend is told of an event, "" for nothing. In pushed mode
// the backend said it itself, and is told nothing but cases.
func webhookType(ev order.Event) string {
	switch {
	case ev.Type == order.EventCaseOpened:
		return "order.case_opened"
	case ev.Type == order.EventCaseClosed:
		return decidedType(ev)
	case ev.Type != order.EventStatus || ev.Detail.Work == order.WorkDeliver || ev.Detail.Source == order.FromBackend:
		return ""
	case ev.Detail.Code == order.CodeLateRefund:
		return lateSuccess
	case ev.Detail.Code == order.CodeRefundFailed, ev.Detail.Code == order.CodeLateAsk:
		return "" // the case that it opens is told
	case ev.Detail.Code == order.CodeRefund && ev.Detail.Payment == order.Succeeded:
		return "order.refunding" // a part of the amount; the body tells how much
	case ev.Detail.Payment == order.Pending:
		return ""
	}
	return "order." + string(ev.Detail.Payment)
}

const lateSuccess = "order.late_success"

// decidedType names what a backend is told of a case that a person closed.
func decidedType(ev order.Event) string {
	switch order.Resolution(ev.Detail.Code) {
	case order.ResolveAccept:
		return "order.succeeded" // withheld until now
	case order.ResolveRefund:
		if ev.Detail.Case == order.CaseLateSuccess {
			return lateSuccess
		}
		return "order.refund_requested"
	case order.ResolveDismiss, order.ResolveRetry, order.ResolveAnswered:
	}
	return ""
}

// webhookID is the same for the same event whoever commits it, so that a backend can
// drop repeats.
func webhookID(orderNo string, seq int64) string {
	return fmt.Sprintf("msg_%s_%d", orderNo, seq)
}

// webhookData is what a backend is told: enough to act on without asking back.
type webhookData struct {
	OrderNo    string              `json:"order_no"`
	Seq        int64               `json:"seq"`
	Payment    order.Payment       `json:"payment"`
	Amount     order.Money         `json:"amount"`
	Reason     string              `json:"reason,omitempty"`
	ChannelTxn string              `json:"channel_txn,omitempty"`
	Case       order.CaseKind      `json:"case,omitempty"`
	Other      string              `json:"other_order_no,omitempty"` // the other order that the case is about
	Refund     *order.ResultRefund `json:"refund,omitempty"`
	Policy     order.LatePolicy    `json:"policy,omitempty"` // of a late success that must not be fulfilled
}

func webhookBody(o order.Order, ev order.Event, kind string) json.RawMessage {
	body, err := json.Marshal(struct {
		Type      string      `json:"type"`
		Timestamp string      `json:"timestamp"`
		Data      webhookData `json:"data"`
	}{kind, ev.At.Std().Format(time.RFC3339Nano), webhookData{
		OrderNo: o.OrderNo, Seq: ev.Seq, Payment: ev.Detail.Payment, Amount: o.Amount, Reason: o.Reason,
		ChannelTxn: o.ChannelTxn, Case: ev.Detail.Case, Other: ev.Detail.Other, Refund: o.RefundTotal(), Policy: policyTold(o, kind),
	}})
	if err != nil {
		panic(fmt.Sprintf("marshal webhook: %v", err)) // fixed types of this package: cannot fail
	}
	return body
}

// policyTold says what a backend is to do with a late success.
func policyTold(o order.Order, kind string) order.LatePolicy {
	if kind == lateSuccess {
		return order.LateRefund
	}
	return o.Withheld
}
