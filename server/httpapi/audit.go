package httpapi

import (
	"strconv"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/order"
)

// auditView is one act of a person.
type auditView struct {
	ID     int64      `json:"id"`
	At     order.Time `json:"at"`
	Actor  string     `json:"actor"`
	Action string     `json:"action"`
	Target string     `json:"target"`
	Reason string     `json:"reason"`
}

// audit answers GET /v1/ops/audit with what operators did, newest first.
func (a *api) audit(c *fiber.Ctx) error {
	if _, err := a.operator(c); err != nil {
		return err
	}
	limit, before, err := pageOf(c)
	if err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	entries, err := a.deps.Engine.Audits(ctx, before, limit)
	if err != nil {
		return err
	}
	next := ""
	if len(entries) == limit {
		next = strconv.FormatInt(entries[limit-1].ID, 10)
	}
	return sendList(c, entries, next, func(e engine.Audit) auditView { return auditView(e) })
}

// pageOf reads limit and cursor of a list whose cursor is the last id shown.
func pageOf(c *fiber.Ctx) (limit int, before int64, err error) {
	limit = defaultPage
	for k, v := range c.Context().QueryArgs().All() {
		n, err := strconv.ParseInt(string(v), 10, 64)
		switch name := string(k); {
		case name == "limit" && err == nil && n >= 1 && n <= maxPage:
			limit = int(n)
		case name == "cursor" && err == nil && n >= 1:
			before = n
		default:
			return 0, 0, badParameter(clip(name), "is not valid here")
		}
	}
	return limit, before, nil
}
