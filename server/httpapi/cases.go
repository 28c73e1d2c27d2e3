package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/order"
)

// caseView is a case as operators see it.
type caseView struct {
	ID         string           `json:"id"`
	OrderNo    string           `json:"order_no"`
	Kind       order.CaseKind   `json:"kind"`
	Channel    string           `json:"channel"`
	Backend    string           `json:"backend"`
	OpenedAt   order.Time       `json:"opened_at"`
	AnswerBy   order.Time       `json:"answer_by"`
	ClosedAt   order.Time       `json:"closed_at"`
	ClosedBy   string           `json:"closed_by,omitempty"`
	Resolution order.Resolution `json:"resolution,omitempty"`
	Note       string           `json:"note,omitempty"`
}

// caseDetail is a case with what a person needs to answer it.
type caseDetail struct {
	Case        caseView           `json:"case"`
	Resolutions []order.Resolution `json:"resolutions"` // that the case allows now
	Order       orderView          `json:"order"`
}

var errNoCase = problem(http.StatusNotFound, "case_not_found", "there is no such case")

var caseFilters = map[string]func(f *engine.CaseFilter, value string) bool{
	"kind": func(f *engine.CaseFilter, v string) bool {
		f.Kind = order.CaseKind(v)
		return slices.Contains(order.CaseKinds, f.Kind)
	},
	"channel":  func(f *engine.CaseFilter, v string) bool { f.Channel = v; return channelName.MatchString(v) },
	"backend":  func(f *engine.CaseFilter, v string) bool { f.Backend = v; return v != "" },
	"order_no": func(f *engine.CaseFilter, v string) bool { f.OrderNo = v; return order.ValidOrderNo(v) },
	"state": func(f *engine.CaseFilter, v string) bool {
		f.State = engine.CaseState(v)
		return f.State == engine.CaseOpen || f.State == engine.CaseClosed
	},
	"cursor": func(f *engine.CaseFilter, v string) bool { f.Cursor = v; return true },
	"limit":  func(f *engine.CaseFilter, v string) bool { return readLimit(&f.Limit, v) },
}

// cases answers GET /v1/ops/cases, last opened first.
func (a *api) cases(c *fiber.Ctx) error {
	if _, err := a.operator(c); err != nil {
		return err
	}
	filter := engine.CaseFilter{Limit: defaultPage}
	if err := readQuery(c, &filter, caseFilters); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	list, next, err := a.deps.Engine.Cases(ctx, filter)
	if err != nil {
		return err
	}
	return sendList(c, list, next, func(k engine.Case) caseView { return caseView(k) })
}

// showCase answers GET /v1/ops/cases/{id}.
func (a *api) showCase(c *fiber.Ctx) error {
	if _, err := a.operator(c); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	k, err := a.deps.Engine.Case(ctx, strings.Clone(c.Params("id")))
	if err != nil {
		return caseError(err)
	}
	return a.sendCase(ctx, c, k)
}

func (a *api) sendCase(ctx context.Context, c *fiber.Ctx, k engine.Case) error {
	o, err := a.deps.Engine.Order(ctx, k.OrderNo)
	if err != nil {
		return err
	}
	detail := caseDetail{Case: caseView(k), Resolutions: []order.Resolution{}, Order: viewOf(o)}
	if k.ClosedAt == 0 {
		detail.Resolutions = o.Resolutions(k.Kind)
	}
	if detail.Order.Timeline, err = a.timeline(ctx, o, maxTimeline); err != nil {
		return err
	}
	return sendJSON(c, fiber.StatusOK, detail)
}

func caseError(err error) error {
	if errors.Is(err, engine.ErrNotFound) {
		return errNoCase
	}
	return err
}

// maxNote is what a person may write about a case, in characters.
const maxNote = 1000

func checkNote(note string) error {
	if utf8.RuneCountInString(note) > maxNote || strings.ContainsFunc(note, func(r rune) bool { return r < ' ' && r != '\n' }) {
		return &order.FieldError{Field: "note", Reason: "must be at most 1000 characters without control characters"}
	}
	return nil
}

// resolveCase answers POST /v1/ops/cases/{id}/resolve.
func (a *api) resolveCase(c *fiber.Ctx) error {
	actor, err := a.operator(c)
	if err != nil {
		return err
	}
	var body struct {
		Resolution string `json:"resolution"`
		Note       string `json:"note"`
	}
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	by := engine.Decision{Actor: actor, Resolution: order.Resolution(body.Resolution), Note: body.Note}
	if !slices.Contains([]order.Resolution{order.ResolveDismiss, order.ResolveAccept, order.ResolveRefund, order.ResolveRetry}, by.Resolution) {
		return &order.FieldError{Field: "resolution", Reason: "must be dismiss, accept, refund or retry"}
	}
	if err := checkNote(body.Note); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	k, err := a.deps.Engine.ResolveCase(ctx, strings.Clone(c.Params("id")), by)
	if err != nil {
		return caseError(err)
	}
	return a.sendCase(ctx, c, k)
}

// retryInput is the body of POST /v1/ops/cases/retry.
type retryInput struct {
	Kind    string `json:"kind"`
	Channel string `json:"channel"`
	Backend string `json:"backend"`
	Limit   int    `json:"limit"`
	Note    string `json:"note"`
}

// defaultRetry is how many cases are retried when the request names no limit.
const defaultRetry = 100

func (r retryInput) retry(actor string) (engine.Retry, error) {
	out := engine.Retry{
		Actor: actor, Note: r.Note, Kind: order.CaseKind(r.Kind), Channel: r.Channel, Backend: r.Backend, Limit: r.Limit,
	}
	if out.Limit == 0 {
		out.Limit = defaultRetry
	}
	if out.Limit < 1 || out.Limit > engine.MaxRetry {
		return out, &order.FieldError{Field: "limit", Reason: "must be 1 to 500"}
	}
	return out, checkNote(r.Note)
}

// retryCases answers POST /v1/ops/cases/retry: what had run out begins anew.
func (a *api) retryCases(c *fiber.Ctx) error {
	actor, err := a.operator(c)
	if err != nil {
		return err
	}
	var body retryInput
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	ask, err := body.retry(actor)
	if err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	done, err := a.deps.Engine.RetryCases(ctx, ask)
	if errors.Is(err, engine.ErrNotRetried) {
		return &order.FieldError{Field: "kind", Reason: "must be query_exhausted, query_refused or delivery_failed"}
	}
	if err != nil {
		return err
	}
	return sendJSON(c, fiber.StatusOK, retriedView(done))
}

type retriedView struct {
	Retried int  `json:"retried"`
	Skipped int  `json:"skipped"`
	More    bool `json:"more"`
}
