package httpapi

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/order"
	"anxin/engine/settlement"
)

const settlementsPath = "/v1/ops/settlements"

var errNoSettlement = problem(http.StatusNotFound, "settlement_not_found", "there is no such settlement")

// settlementView is an imported file with what became of its rows.
type settlementView struct {
	ID         string                 `json:"id"`
	Channel    string                 `json:"channel"`
	ImportedBy string                 `json:"imported_by"`
	State      engine.SettlementState `json:"state"`
	CreatedAt  order.Time             `json:"created_at"`
	FinishedAt order.Time             `json:"finished_at"`
	From       order.Time             `json:"from"`
	Until      order.Time             `json:"until"`
}

// settlementResult adds what became of the rows.
type settlementResult struct {
	settlementView
	Rows      int64     `json:"rows"`
	Waiting   int64     `json:"waiting"`
	Moved     int64     `json:"moved"`
	Unchanged int64     `json:"unchanged"`
	Cases     int64     `json:"cases"`
	NoOrder   int64     `json:"no_order"`
	BadCount  int64     `json:"bad_count"`
	Bad       []badLine `json:"bad"` // the first maxBadShown
}

type badLine struct {
	Line int    `json:"line"`
	Code string `json:"code"`
}

// maxBadShown is how many bad lines come with the result; the list of rows has them all.
const maxBadShown = 100

func settlementOf(s engine.Settlement) settlementView {
	return settlementView{
		ID: s.ID, Channel: s.Channel, ImportedBy: s.Actor, State: s.State,
		CreatedAt: s.CreatedAt, FinishedAt: s.FinishedAt, From: s.From, Until: s.Until,
	}
}

// importSettlement answers POST /v1/ops/settlements: 202 for a file whose rows are
// durable now and being weighed, 200 for one that was imported before.
func (a *api) importSettlement(c *fiber.Ctx) error {
	actor, err := a.operator(c)
	if err != nil {
		return err
	}
	file, err := settlementFile(c)
	if err != nil {
		return err
	}
	file.Actor = actor
	ctx, cancel := context.WithTimeout(context.Background(), fileTimeout)
	defer cancel()
	s, created, err := a.deps.Engine.ImportSettlement(ctx, file)
	if refused, ok := errors.AsType[*settlement.HeaderError](err); ok {
		return problem(http.StatusUnprocessableEntity, "settlement_unreadable", refused.Reason)
	}
	if err != nil {
		return err
	}
	status := fiber.StatusOK
	if created {
		status = fiber.StatusAccepted
	}
	return a.sendSettlement(ctx, c, status, s.ID)
}

var fileParameters = map[string]func(f *engine.SettlementFile, value string) bool{
	"channel":  func(f *engine.SettlementFile, v string) bool { f.Channel = v; return channelName.MatchString(v) },
	"currency": func(f *engine.SettlementFile, v string) bool { f.Currency = v; return v != "" },
}

func settlementFile(c *fiber.Ctx) (engine.SettlementFile, error) {
	var file engine.SettlementFile
	mediaType, params, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || mediaType != "text/csv" || (params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8")) ||
		c.Get(fiber.HeaderContentEncoding) != "" {
		return file, problem(http.StatusUnsupportedMediaType, "unsupported_media_type", "the body must be text/csv in UTF-8, not compressed")
	}
	if err := readQuery(c, &file, fileParameters); err != nil {
		return file, err
	}
	if file.Channel == "" {
		return file, badParameter("channel", "must name the channel whose file it is")
	}
	if len(c.Request().Body()) > engine.MaxSettlement {
		return file, errBodyTooLarge
	}
	file.Content = c.Request().Body() // read while the request lasts, and not kept
	return file, nil
}

// sendSettlement answers with the import as it is now.
func (a *api) sendSettlement(ctx context.Context, c *fiber.Ctx, status int, id string) error {
	s, counts, err := a.deps.Engine.Settlement(ctx, id)
	if err != nil {
		return settlementError(err)
	}
	bad, _, err := a.deps.Engine.SettlementRows(ctx, engine.SettlementFilter{ID: id, Outcome: engine.RowBad, Limit: maxBadShown})
	if err != nil {
		return err
	}
	view := settlementResult{
		settlementView: settlementOf(s), Waiting: counts[engine.RowWaiting], Moved: counts[engine.RowMoved],
		Unchanged: counts[engine.RowUnchanged], Cases: counts[engine.RowCase], NoOrder: counts[engine.RowNoOrder],
		BadCount: counts[engine.RowBad], Bad: make([]badLine, 0, len(bad)),
	}
	for _, n := range counts {
		view.Rows += n
	}
	for _, row := range bad {
		view.Bad = append(view.Bad, badLine{row.Line, row.Code})
	}
	return sendJSON(c, status, view)
}

func settlementError(err error) error {
	if errors.Is(err, engine.ErrNotFound) {
		return errNoSettlement
	}
	return err
}

// settlements answers GET /v1/ops/settlements, newest first.
func (a *api) settlements(c *fiber.Ctx) error {
	if _, err := a.operator(c); err != nil {
		return err
	}
	filter := engine.SettlementFilter{Limit: defaultPage}
	if err := readQuery(c, &filter, pageParameters); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	list, next, err := a.deps.Engine.Settlements(ctx, filter.Limit, filter.Cursor)
	if err != nil {
		return err
	}
	return sendList(c, list, next, settlementOf)
}

// showSettlement answers GET /v1/ops/settlements/{id}.
func (a *api) showSettlement(c *fiber.Ctx) error {
	if _, err := a.operator(c); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	return a.sendSettlement(ctx, c, fiber.StatusOK, strings.Clone(c.Params("id")))
}

type filterReaders = map[string]func(f *engine.SettlementFilter, value string) bool

var pageParameters = filterReaders{
	"cursor": func(f *engine.SettlementFilter, v string) bool { f.Cursor = v; return true },
	"limit":  func(f *engine.SettlementFilter, v string) bool { return readLimit(&f.Limit, v) },
}

var rowParameters = filterReaders{
	"cursor": pageParameters["cursor"], "limit": pageParameters["limit"],
	"outcome": func(f *engine.SettlementFilter, v string) bool {
		f.Outcome = engine.RowOutcome(v)
		return slices.Contains([]engine.RowOutcome{
			engine.RowWaiting, engine.RowMoved, engine.RowUnchanged, engine.RowCase, engine.RowNoOrder, engine.RowBad,
		}, f.Outcome)
	},
}

// rowView is one row. A bad one has its line and code only.
type rowView struct {
	Line       int               `json:"line"`
	OrderNo    string            `json:"order_no,omitempty"`
	ChannelTxn string            `json:"channel_txn,omitempty"`
	RefundID   string            `json:"refund_id,omitempty"`
	Amount     *order.Money      `json:"amount,omitempty"`
	Status     order.Claimed     `json:"status,omitempty"`
	At         order.Time        `json:"at"`
	Outcome    engine.RowOutcome `json:"outcome"`
	Code       string            `json:"code,omitempty"`
}

func rowOf(r engine.SettlementRow) rowView {
	view := rowView{
		Line: r.Line, OrderNo: r.OrderNo, ChannelTxn: r.ChannelTxn, RefundID: r.RefundID,
		Status: r.Claims, At: r.At, Outcome: r.Outcome, Code: r.Code,
	}
	if r.Outcome != engine.RowBad {
		view.Amount = &r.Amount
	}
	return view
}

// settlementRows answers GET /v1/ops/settlements/{id}/rows, in the order of the file.
func (a *api) settlementRows(c *fiber.Ctx) error {
	if _, err := a.operator(c); err != nil {
		return err
	}
	filter := engine.SettlementFilter{ID: strings.Clone(c.Params("id")), Limit: defaultPage}
	if err := readQuery(c, &filter, rowParameters); err != nil {
		return err
	}
	return a.sendRows(c, filter)
}

func (a *api) sendRows(c *fiber.Ctx, f engine.SettlementFilter) error {
	ctx, cancel := work()
	defer cancel()
	list, next, err := a.deps.Engine.SettlementRows(ctx, f)
	if err != nil {
		return settlementError(err)
	}
	return sendList(c, list, next, rowOf)
}

// oneSided answers GET /v1/ops/settlements/{id}/one-sided: with side=file the rows whose
// order is unknown, with side=orders the paid orders that no file names.
func (a *api) oneSided(c *fiber.Ctx) error {
	if _, err := a.operator(c); err != nil {
		return err
	}
	ask := struct {
		engine.SettlementFilter
		side string
	}{SettlementFilter: engine.SettlementFilter{ID: strings.Clone(c.Params("id")), Limit: defaultPage}}
	err := readQuery(c, &ask.SettlementFilter, filterReaders{
		"cursor": pageParameters["cursor"], "limit": pageParameters["limit"],
		"side": func(_ *engine.SettlementFilter, v string) bool { ask.side = v; return v == "file" || v == "orders" },
	})
	switch {
	case err != nil:
		return err
	case ask.side == "":
		return badParameter("side", "must be file or orders")
	case ask.side == "file":
		ask.Outcome = engine.RowNoOrder
		return a.sendRows(c, ask.SettlementFilter)
	}
	ctx, cancel := work()
	defer cancel()
	list, next, err := a.deps.Engine.UnsettledOrders(ctx, ask.SettlementFilter)
	if err != nil {
		return settlementError(err)
	}
	return sendList(c, list, next, func(o engine.PaidOrder) paidView { return paidView(o) })
}

type paidView struct {
	OrderNo   string     `json:"order_no"`
	SettledAt order.Time `json:"settled_at"`
}
