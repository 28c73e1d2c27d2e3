package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine/order"
	"anxin/engine/support"
	"anxin/frontend/page"
)

// Feedback takes what payers say of their pages.
type Feedback interface {
	Give(ctx context.Context, f support.Feedback) error
	// FeedbackBefore returns at most limit entries with an id below before (0 = the
	// newest), newest first, of one order or of all ("").
	FeedbackBefore(ctx context.Context, orderNo string, before int64, limit int) ([]support.Feedback, error)
}

var _ Feedback = (*support.Ear)(nil)

// feedbackView is one entry for who reads it.
type feedbackView struct {
	ID      int64        `json:"id"`
	OrderNo string       `json:"order_no"`
	At      order.Time   `json:"at"`
	Seq     int64        `json:"seq"`
	Status  order.Status `json:"status"`
	Wording string       `json:"wording"`
	Helped  *bool        `json:"helped"`
	Text    string       `json:"text"`
}

// giveFeedback answers POST /v1/orders/{order_no}/feedback: the payer's own words, which
// no backend can put in.
func (a *api) giveFeedback(c *fiber.Ctx) error {
	who, err := a.caller(c)
	if err != nil {
		return err
	}
	if who.backend != "" {
		return errForbidden
	}
	var body struct {
		Helped  *bool  `json:"helped"`
		Text    string `json:"text"`
		Seq     int64  `json:"seq"`
		Wording string `json:"wording"`
	}
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	if wait := a.limits.feedback.take(who.orderNo, time.Now()); wait > 0 {
		return tooOften(wait)
	}
	ctx, cancel := work()
	defer cancel()
	err = a.deps.Feedback.Give(ctx, support.Feedback{
		OrderNo: who.orderNo, Seq: body.Seq, Wording: body.Wording, Helped: body.Helped, Text: body.Text,
	})
	if err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusCreated)
}

func tooOften(wait time.Duration) *Problem {
	return problem(http.StatusTooManyRequests, "rate_limited", "too often for this order").retry(wait)
}

// feedbackForm takes the page's form, for browsers without script.
func (a *api) feedbackForm(c *fiber.Ctx) error {
	orderNo, token := strings.Clone(c.Params("order_no")), strings.Clone(c.FormValue("k"))
	if !a.opens(orderNo, token) {
		return a.expired(c)
	}
	ctx, cancel := work()
	defer cancel()
	seq, _ := strconv.ParseInt(c.FormValue("seq"), 10, 64) // 0 is refused below
	given := support.Feedback{
		OrderNo: orderNo, Seq: seq, Wording: strings.Clone(c.FormValue("wording")), Text: strings.Clone(c.FormValue("text")),
	}
	if said := c.FormValue("helped"); said == "yes" || said == "no" {
		helped := said == "yes"
		given.Helped = &helped
	}
	if wait := a.limits.feedback.take(orderNo, time.Now()); wait > 0 {
		return a.renderAgain(ctx, c, http.StatusTooManyRequests, orderNo, token, page.NoticeFailed, 0)
	}
	err := a.deps.Feedback.Give(ctx, given)
	if _, refused := errors.AsType[*order.FieldError](err); refused {
		return a.renderAgain(ctx, c, http.StatusUnprocessableEntity, orderNo, token, page.NoticeFailed, 0)
	}
	if err != nil {
		return a.unavailable(c, err)
	}
	c.Set(fiber.HeaderCacheControl, noStore)
	return c.Redirect(pagePath(orderNo, token)+kept(c)+"&thanks=1#feedback", http.StatusSeeOther)
}

// feedbackQuery selects feedback.
type feedbackQuery struct {
	orderNo string
	before  int64
	limit   int
}

var feedbackFilters = map[string]func(q *feedbackQuery, v string) bool{
	"order_no": func(q *feedbackQuery, v string) bool { q.orderNo = v; return order.ValidOrderNo(v) },
	"limit":    func(q *feedbackQuery, v string) bool { return readLimit(&q.limit, v) },
	"cursor": func(q *feedbackQuery, v string) bool {
		n, err := strconv.ParseInt(v, 10, 64)
		q.before = n
		return err == nil && n >= 1
	},
}

// opsFeedback answers GET /v1/ops/feedback, newest first.
func (a *api) opsFeedback(c *fiber.Ctx) error {
	if _, err := a.operator(c); err != nil {
		return err
	}
	q := feedbackQuery{limit: defaultPage}
	if err := readQuery(c, &q, feedbackFilters); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	list, err := a.deps.Feedback.FeedbackBefore(ctx, q.orderNo, q.before, q.limit)
	if err != nil {
		return err
	}
	next := ""
	if len(list) == q.limit {
		next = strconv.FormatInt(list[q.limit-1].ID, 10)
	}
	return sendList(c, list, next, func(f support.Feedback) feedbackView { return feedbackView(f) })
}
