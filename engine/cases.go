package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"anxin/engine/order"
)

// Case is something that a person must look at, as a list of them shows it. It is
// written in the commit that opens or closes it in its order.
type Case struct {
	ID         string // see caseID
	OrderNo    string
	Kind       order.CaseKind
	Channel    string
	Backend    string
	OpenedAt   order.Time
	AnswerBy   order.Time // what the payer is promised
	ClosedAt   order.Time // 0 = open
	ClosedBy   string     // the operator, "" when evidence answered it
	Resolution order.Resolution
	Note       string // in the operator's words
}

// CaseState selects cases by whether they are closed.
type CaseState string

// The states of cases.
const (
	CaseOpen   CaseState = "open"
	CaseClosed CaseState = "closed"
)

// CaseFilter selects cases. Zero fields select all.
type CaseFilter struct {
	Kind    order.CaseKind
	Channel string
	Backend string
	OrderNo string
	State   CaseState
	Limit   int
	Cursor  string
}

// CaseReader reads cases.
type CaseReader interface {
	// Case returns a case, or ErrNotFound.
	Case(ctx context.Context, id string) (Case, error)
	// Cases lists cases, last opened first, at most f.Limit of them, with the cursor of
	// the next page ("" = the end). A cursor it did not give is ErrBadCursor.
	Cases(ctx context.Context, f CaseFilter) ([]Case, string, error)
}

// caseID names the n-th case (from 1) of an order. No order number holds a dot.
func caseID(orderNo string, n int) string { return orderNo + "." + strconv.Itoa(n) }

// placeOf reads the id of a case. There is one spelling of each.
func placeOf(id string) (orderNo string, n int, ok bool) {
	orderNo, digits, _ := strings.Cut(id, ".")
	n, err := strconv.Atoi(digits)
	return orderNo, n, err == nil && n > 0 && caseID(orderNo, n) == id && order.ValidOrderNo(orderNo)
}

// oweCases writes the cases that a change opened or closed. Resolved tells of the one that a
// person closes; what else closes was answered by evidence.
func oweCases(c *Commit, before, after order.Order) {
	for i, k := range after.Cases {
		if i < len(before.Cases) && before.Cases[i] == k {
			continue
		}
		entry := Case{
			ID: caseID(after.OrderNo, i+1), OrderNo: after.OrderNo, Kind: k.Kind, Channel: after.Channel, Backend: after.Backend,
			OpenedAt: k.OpenedAt, AnswerBy: k.AnswerBy, ClosedAt: k.ClosedAt,
		}
		if k.ClosedAt != 0 {
			entry.Resolution = order.ResolveAnswered
		}
		if by := c.Resolved; by != nil && by.ID == entry.ID {
			entry.ClosedBy, entry.Resolution, entry.Note = by.ClosedBy, by.Resolution, by.Note
		}
		c.Cases = append(c.Cases, entry)
	}
}

// Case returns a case, or ErrNotFound.
func (e *Engine) Case(ctx context.Context, id string) (Case, error) {
	return e.deps.Store.Case(ctx, id)
}

// Cases lists cases, last opened first, with the cursor of the next page.
func (e *Engine) Cases(ctx context.Context, f CaseFilter) ([]Case, string, error) {
	return e.deps.Store.Cases(ctx, f)
}

// Decision is how an operator answers a case.
type Decision struct {
	Actor      string
	Resolution order.Resolution
	Note       string
}

// ResolveCase closes a case as an operator decided and begins what follows from it. It
// fails with ErrNotFound, order.ErrCaseClosed, or order.ErrResolution when the case does
// not allow the resolution as the order is.
func (e *Engine) ResolveCase(ctx context.Context, id string, by Decision) (Case, error) {
	return e.resolve(ctx, id, by, 0)
}

// resolve closes a case; a retry begins so long after now.
func (e *Engine) resolve(ctx context.Context, id string, by Decision, in time.Duration) (Case, error) {
	orderNo, n, ok := placeOf(id)
	if !ok {
		return Case{}, ErrNotFound
	}
	_, err := e.decide(ctx, orderNo, func(o order.Order, now order.Time) (decision, error) {
		if n > len(o.Cases) {
			return decision{}, ErrNotFound
		}
		k := o.Cases[n-1]
		if k.ClosedAt != 0 {
			return decision{}, order.ErrCaseClosed
		}
		change, err := o.Resolve(k.Kind, by.Resolution, by.Actor, now)
		if err != nil {
			return decision{}, err
		}
		d := decision{Change: change, with: Commit{
			Resolved: &Case{ID: id, ClosedBy: by.Actor, Resolution: by.Resolution, Note: by.Note},
			Audit:    &Audit{At: now, Actor: by.Actor, Action: "case." + string(by.Resolution), Target: id, Reason: by.Note},
		}}
		if by.Resolution == order.ResolveRetry {
			e.retry(&d, k.Kind, now.Add(in), now)
		}
		return d, nil
	})
	if err != nil {
		return Case{}, fmt.Errorf("resolve case: %w", err)
	}
	return e.deps.Store.Case(ctx, id)
}

// retry owes the work that had run out, from the beginning of its schedule.
func (e *Engine) retry(d *decision, kind order.CaseKind, at, now order.Time) {
	o := d.Order
	if kind == order.CaseDeliveryFailed {
		// As a second try, so that the payer is shown that a numbered attempt is promised.
		d.Change = d.Change.Then(o.ScheduleAttempt(order.WorkDeliver, at, now))
		d.with.Tasks = append(d.with.Tasks, TaskWrite{Task: Task{TaskKey: deliverTask(o), DueAt: at, Tries: 1}})
		return
	}
	if settled(o) || !e.queries(o) {
		return
	}
	d.Change = d.Change.Then(o.ScheduleAttempt(order.WorkQuery, at, now))
	d.with.Tasks = append(d.with.Tasks, TaskWrite{Task: Task{TaskKey: queryTask(o), DueAt: at}})
}

// Retry asks for the recovery of many orders to begin anew.
type Retry struct {
	Actor   string
	Note    string
	Kind    order.CaseKind
	Channel string // "" = of all
	Backend string // "" = of all
	Limit   int    // at most MaxRetry
}

// Retried is what became of a Retry.
type Retried struct {
	Retried int  // cases closed, whose work is owed again
	Skipped int  // closed by somebody else, or answered, meanwhile
	More    bool // there are open cases left
}

const (
	// MaxRetry bounds one call: what a request can do in its time.
	MaxRetry = 500
	// retrySpacing spreads the work of many cases, so that a channel or a backend that has
	// just recovered is not run over and each attempt can begin when it was promised.
	retrySpacing = 50 * time.Millisecond
)

// ErrNotRetried says that cases of a kind have no work that could begin anew.
var ErrNotRetried = errors.New("cases of this kind are not retried")

// RetryCases closes the cases that were opened last, up to a limit, and owes their work
// again, 20 a second.
func (e *Engine) RetryCases(ctx context.Context, r Retry) (Retried, error) {
	if !slices.Contains([]order.CaseKind{order.CaseQueryExhausted, order.CaseQueryRefused, order.CaseDeliveryFailed}, r.Kind) {
		return Retried{}, ErrNotRetried
	}
	list, next, err := e.deps.Store.Cases(ctx, CaseFilter{
		Kind: r.Kind, Channel: r.Channel, Backend: r.Backend, State: CaseOpen, Limit: min(r.Limit, MaxRetry),
	})
	if err != nil {
		return Retried{}, fmt.Errorf("list cases: %w", err)
	}
	done := Retried{More: next != ""}
	by := Decision{Actor: r.Actor, Resolution: order.ResolveRetry, Note: r.Note}
	for _, k := range list {
		switch _, err := e.resolve(ctx, k.ID, by, time.Duration(done.Retried)*retrySpacing); {
		case err == nil:
			done.Retried++
		case errors.Is(err, order.ErrCaseClosed), errors.Is(err, order.ErrResolution):
			done.Skipped++
		default:
			return done, err
		}
	}
	return done, nil
}
