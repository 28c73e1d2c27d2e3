package httpapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine/order"
	"anxin/engine/support"
	"anxin/frontend/page"
)

// Lookup gives payers the way back to their orders.
type Lookup interface {
	// Request asks for a code. It returns at once, whether or not there is such an order.
	Request(orderNo string)
	// Redeem ends the code of a number if it is this one, else it fails with support.ErrCode.
	Redeem(ctx context.Context, orderNo, code string) error
}

var _ Lookup = (*support.Lookup)(nil)

const lookupPath = "/orders"

// found lets a request pass where codes can be sent.
func (a *api) found(c *fiber.Ctx) error {
	if a.deps.Lookup == nil {
		return errNothingHere
	}
	return c.Next()
}

// lookup answers GET /orders.
func (a *api) lookup(c *fiber.Ctx) error {
	return a.sendLookup(c, http.StatusOK, page.Lookup{})
}

// lookupNumber takes the number of an order. Its answer depends on nothing but the form of
// the number and on how often it was asked for.
func (a *api) lookupNumber(c *fiber.Ctx) error {
	orderNo := strings.TrimSpace(strings.Clone(c.FormValue("order_no")))
	if !order.ValidOrderNo(orderNo) {
		return a.sendLookup(c, http.StatusUnprocessableEntity, page.Lookup{OrderNo: clip(strings.ToValidUTF8(orderNo, "")), Problem: page.LookupNumber})
	}
	if wait := a.limits.codes.take(orderNo, time.Now()); wait > 0 {
		c.Set(fiber.HeaderRetryAfter, retryAfter(wait))
		return a.sendLookup(c, http.StatusTooManyRequests, page.Lookup{OrderNo: orderNo, Sent: true, Problem: page.LookupTooSoon})
	}
	a.deps.Lookup.Request(orderNo)
	return a.sendLookup(c, http.StatusOK, page.Lookup{OrderNo: orderNo, Sent: true})
}

// lookupCode takes the code and leads to the order's page with a fresh link.
func (a *api) lookupCode(c *fiber.Ctx) error {
	orderNo := strings.Clone(c.FormValue("order_no"))
	code := strings.NewReplacer(" ", "", "-", "").Replace(c.FormValue("code"))
	if !order.ValidOrderNo(orderNo) || len(code) != support.CodeDigits {
		return a.sendLookup(c, http.StatusUnprocessableEntity, page.Lookup{OrderNo: clip(strings.ToValidUTF8(orderNo, "")), Sent: order.ValidOrderNo(orderNo), Problem: page.LookupWrong})
	}
	ctx, cancel := work()
	defer cancel()
	switch err := a.deps.Lookup.Redeem(ctx, orderNo, code); {
	case errors.Is(err, support.ErrCode):
		return a.sendLookup(c, http.StatusUnprocessableEntity, page.Lookup{OrderNo: orderNo, Sent: true, Problem: page.LookupWrong})
	case err != nil:
		return a.unavailable(c, err)
	}
	token, err := a.viewToken(orderNo)
	if err != nil {
		return a.unavailable(c, err)
	}
	c.Set(fiber.HeaderCacheControl, noStore)
	return c.Redirect(pagePath(orderNo, token)+kept(c), http.StatusSeeOther)
}

func (a *api) sendLookup(c *fiber.Ctx, status int, l page.Lookup) error {
	l.Lang, l.AskedLang = languageOf(c, ""), askedLang(c)
	var b bytes.Buffer
	if err := a.deps.Page.RenderLookup(&b, l); err != nil {
		return a.unavailable(c, err)
	}
	return a.sendPage(c, status, "", b.Bytes())
}
