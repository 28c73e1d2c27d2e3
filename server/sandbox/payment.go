package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"anxin/engine/order"

	wire "anxin/engine/channel/sandbox"
)

// payment is all that the simulated world knows of one order. It is changed by the
// functions of this file only, which decide and do nothing: what is owed to the outside
// they return as jobs.
type payment struct {
	OrderNo       string        `json:"order_no"`
	Merchant      string        `json:"merchant"`
	Amount        *order.Money  `json:"amount"` // nil: closed before it was ever heard of
	Subject       string        `json:"subject,omitempty"`
	State         wire.State    `json:"state"`
	Reason        string        `json:"reason,omitempty"`
	TransactionID string        `json:"transaction_id,omitempty"`
	CreatedAt     order.Time    `json:"created_at"`
	At            order.Time    `json:"at"` // when the state was reached
	Refunds       []wire.Refund `json:"refunds,omitempty"`
	Plan          Plan          `json:"plan"`
	InForce       bool          `json:"in_force"` // the plan's faults apply: the payer has been at the cashier
	Used          usage         `json:"used"`
	Callbacks     []delivery    `json:"callbacks"` // the newest maxDeliveries
	Sent          int           `json:"callbacks_sent"`
	Purchase      *purchase     `json:"purchase,omitempty"` // nil for payments made by scripts
}

// usage counts what was asked of the channel and the backend, and the faults used up.
type usage struct {
	Queries    int `json:"queries"`
	Closes     int `json:"closes"`
	Processing int `json:"processing"`
	NotFound   int `json:"not_found"`
	Timeout    int `json:"timeout"`
	Backend    int `json:"backend"`
}

// purchase is what the shop keeps of an order.
type purchase struct {
	Item    string `json:"item"`
	Preset  string `json:"preset"`
	PageURL string `json:"page_url"` // with the view token: goes to the payer only
}

// delivery is one callback sent.
type delivery struct {
	NoticeID string     `json:"notice_id"`
	At       order.Time `json:"at"`
	Try      int        `json:"try"`
	Forged   bool       `json:"forged"`
	Status   int        `json:"status"`          // 0 = no answer
	Answer   string     `json:"answer"`          // code in the body
	Error    string     `json:"error,omitempty"` // "timeout", "connection"
	Accepted bool       `json:"accepted"`
}

// maxDeliveries bounds the history of one payment: the redeliveries of several notices.
const maxDeliveries = 50

// jobKind names what is owed at a time.
type jobKind string

const (
	jobCallback jobKind = "callback"
	jobRefund   jobKind = "refund" // the refund is accepted
	jobCredit   jobKind = "credit" // the refund is credited
	jobPay      jobKind = "pay"    // the payment wins against the close
)

// job is one thing owed. Body, NoticeID, Forged and Try are for callbacks.
type job struct {
	ID      int64      `json:"-"`
	OrderNo string     `json:"-"`
	Kind    jobKind    `json:"-"`
	DueAt   order.Time `json:"-"`

	NoticeID string          `json:"notice_id,omitempty"`
	Body     json.RawMessage `json:"body,omitempty"`
	Forged   bool            `json:"forged,omitempty"`
	Try      int             `json:"try,omitempty"` // deliveries so far
}

// decide lets the plan's outcome happen. Nothing happens to a payment that is decided
// already.
func (p *payment) decide(now order.Time) ([]job, error) {
	p.InForce = true
	if p.State != wire.StatePending {
		return nil, nil
	}
	switch p.Plan.Outcome {
	case Succeeds:
		return p.succeed(now)
	case Declines:
		p.State, p.Reason, p.At = wire.StateFailed, "declined", now
		return p.announce(now)
	case Unpaid:
	}
	return nil, nil
}

// succeed makes it paid, also after a close, and plans its refund.
func (p *payment) succeed(now order.Time) ([]job, error) {
	p.State, p.At, p.TransactionID = wire.StateSucceeded, now, "sbtx_"+wire.NewNonce()
	jobs, err := p.announce(now)
	if err == nil && p.Plan.Refund != nil {
		due := now.Add(time.Duration(p.Plan.Refund.After))
		jobs = append(jobs, job{OrderNo: p.OrderNo, Kind: jobRefund, DueAt: due})
	}
	return jobs, err
}

// announce owes the callback of the result, with the plan's faults.
func (p *payment) announce(now order.Time) ([]job, error) {
	plan := p.Plan.Callback
	if plan.Lost {
		return nil, nil
	}
	told := p.told()
	if plan.WrongAmount {
		other := *told.Amount
		other.Minor = max(1, (other.Minor+1)%order.MaxMinor)
		told.Amount = &other
	}
	j, err := notify(told, now.Add(time.Duration(plan.Delay)))
	if err != nil {
		return nil, err
	}
	j.Forged = plan.BadSignature
	return slices.Repeat([]job{j}, max(1, plan.Times)), nil
}

func notify(told wire.Payment, due order.Time) (job, error) {
	notice := wire.Notice{ID: "ntf_" + wire.NewNonce(), Payment: told}
	body, err := json.Marshal(notice)
	if err != nil {
		return job{}, fmt.Errorf("write notice: %w", err)
	}
	return job{OrderNo: told.OutTradeNo, Kind: jobCallback, DueAt: due, NoticeID: notice.ID, Body: body}, nil
}

// acceptRefund begins the planned refund and owes its callback and its credit.
func (p *payment) acceptRefund(now order.Time) ([]job, error) {
	if p.State != wire.StateSucceeded || p.Plan.Refund == nil || len(p.Refunds) > 0 {
		return nil, nil
	}
	amount := *p.Amount
	if p.Plan.Refund.Minor != 0 {
		amount.Minor = p.Plan.Refund.Minor
	}
	p.Refunds = []wire.Refund{{
		RefundID: "sbrf_" + wire.NewNonce(), State: wire.RefundAccepted, Amount: amount, AcceptedAt: now,
	}}
	callback, err := notify(p.told(), now)
	credit := job{OrderNo: p.OrderNo, Kind: jobCredit, DueAt: now.Add(time.Duration(p.Plan.Refund.CreditedAfter))}
	return []job{callback, credit}, err
}

// creditRefund ends the refund and owes its callback.
func (p *payment) creditRefund(now order.Time) ([]job, error) {
	if len(p.Refunds) == 0 || p.Refunds[0].State != wire.RefundAccepted {
		return nil, nil
	}
	p.Refunds = slices.Clone(p.Refunds)
	p.Refunds[0].State, p.Refunds[0].CreditedAt = wire.RefundCredited, now
	callback, err := notify(p.told(), now)
	return []job{callback}, err
}

// close takes no more payment, unless the plan lets the payment win later. It reports
// false when the payment was made already.
func (p *payment) close(now order.Time) (jobs []job, closed bool) {
	p.Used.Closes++
	switch p.State {
	case wire.StateSucceeded, wire.StateProcessing:
		return nil, false
	case wire.StateFailed, wire.StateClosed:
		return nil, true
	case wire.StatePending:
	}
	p.State, p.At = wire.StateClosed, now
	if after := time.Duration(p.Plan.Close.PaidAfter); after > 0 {
		jobs = append(jobs, job{OrderNo: p.OrderNo, Kind: jobPay, DueAt: now.Add(after)})
	}
	return jobs, true
}

// winAgainstClose pays what was closed.
func (p *payment) winAgainstClose(now order.Time) ([]job, error) {
	if p.State != wire.StateClosed || p.Amount == nil {
		return nil, nil
	}
	return p.succeed(now)
}

// reply is how the gateway answers a query.
type reply int

const (
	replyTruth reply = iota
	replyTimeout
	replyNotFound
	replyProcessing
)

// asked counts a query and uses up one fault.
func (p *payment) asked() reply {
	p.Used.Queries++
	if !p.InForce {
		return replyTruth
	}
	plan, used := p.Plan.Query, &p.Used
	switch {
	case used.Timeout < plan.Timeout:
		used.Timeout++
		return replyTimeout
	case used.NotFound < plan.NotFound:
		used.NotFound++
		return replyNotFound
	case used.Processing < plan.Processing:
		used.Processing++
		return replyProcessing
	default:
		return replyTruth
	}
}

// backendFails counts a webhook and reports whether the backend fails on it.
func (p *payment) backendFails() bool {
	if !p.InForce || p.Used.Backend >= p.Plan.Backend.Fail {
		return false
	}
	p.Used.Backend++
	return true
}

// told is the payment as the channel tells it.
func (p *payment) told() wire.Payment {
	return wire.Payment{
		OutTradeNo: p.OrderNo, Merchant: p.Merchant, TransactionID: p.TransactionID, State: p.State,
		Amount: p.Amount, Reason: p.Reason, At: p.At, Refunds: p.Refunds,
	}
}

// noteDelivery keeps the newest deliveries.
func (p *payment) noteDelivery(d delivery) {
	p.Sent++
	p.Callbacks = append(p.Callbacks, d)
	if extra := len(p.Callbacks) - maxDeliveries; extra > 0 {
		p.Callbacks = slices.Delete(p.Callbacks, 0, extra)
	}
}
