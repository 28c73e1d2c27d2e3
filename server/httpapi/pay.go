package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/order"
	"anxin/frontend/page"
	"anxin/server/auth"
)

// pageEvents is how far back the page's history is read; it shows far fewer lines.
const pageEvents = 200

// page answers GET /pay/{order_no}?k=TOKEN with the true state, before any script. A
// link that does not work, for whatever reason, shows the same page.
func (a *api) page(c *fiber.Ctx) error {
	orderNo, token := strings.Clone(c.Params("order_no")), strings.Clone(c.Query("k"))
	if !a.opens(orderNo, token) {
		return a.expired(c)
	}
	ctx, cancel := work()
	defer cancel()
	o, err := a.deps.Engine.Order(ctx, orderNo)
	switch {
	case errors.Is(err, engine.ErrNotFound):
		return a.expired(c)
	case err != nil:
		return a.unavailable(c, err)
	}
	if wait := a.askedAgo(c); wait > 0 && !o.Status().Final() {
		return a.render(ctx, c, http.StatusOK, o, token, page.NoticeChecking, wait)
	}
	return a.render(ctx, c, http.StatusOK, o, token, page.NoticeNone, 0)
}

// asked is when the check was accepted that led to this address, in Unix seconds.
const asked = "asked"

// askedAgo is how long the payer who has come by a check had better wait before the next
// one. Longer than it ever is, nobody's own address makes it.
func (a *api) askedAgo(c *fiber.Ctx) time.Duration {
	at, err := strconv.ParseInt(c.Query(asked), 10, 64)
	if err != nil {
		return 0
	}
	wait := time.Until(time.Unix(at, 0).Add(a.checkAgainIn()))
	return min(wait, a.checkAgainIn())
}

func (a *api) opens(orderNo, token string) bool {
	return order.ValidOrderNo(orderNo) && a.deps.Tokens.Verify(auth.KindView, orderNo, token, time.Now()) == nil
}

// claimForm and checkForm take the page's forms, for browsers without script.
func (a *api) claimForm(c *fiber.Ctx) error { return a.form(c, a.deps.Engine.Claim, "") }

func (a *api) checkForm(c *fiber.Ctx) error {
	return a.form(c, a.deps.Engine.CheckNow, fmt.Sprintf("&%s=%d", asked, time.Now().Unix()))
}

// form does what the payer asked for and leads back to the page, which is told of it by
// its address, so that reloading does not ask again. What cannot be done is said on the page
// itself.
func (a *api) form(c *fiber.Ctx, do func(context.Context, string) (order.Order, error), done string) error {
	orderNo, token := strings.Clone(c.Params("order_no")), strings.Clone(c.FormValue("k"))
	if !a.opens(orderNo, token) {
		return a.expired(c)
	}
	ctx, cancel := work()
	defer cancel()
	_, err := do(ctx, orderNo)
	soon, tooSoon := errors.AsType[*engine.TooSoonError](err)
	switch {
	case err == nil:
		c.Set(fiber.HeaderCacheControl, noStore)
		return c.Redirect(pagePath(orderNo, token)+kept(c)+done, http.StatusSeeOther)
	case errors.Is(err, engine.ErrNotFound):
		return a.expired(c)
	case tooSoon:
		return a.renderAgain(ctx, c, http.StatusTooManyRequests, orderNo, token, page.NoticeTooSoon, soon.RetryAfter)
	case errors.Is(err, engine.ErrBusy):
		return a.renderAgain(ctx, c, http.StatusServiceUnavailable, orderNo, token, page.NoticeFailed, 0)
	}
	return a.unavailable(c, err)
}

// renderAgain shows the page with what became of a form that was not taken.
func (a *api) renderAgain(ctx context.Context, c *fiber.Ctx, status int, orderNo, token string, notice page.Notice, checkIn time.Duration) error {
	o, err := a.deps.Engine.Order(ctx, orderNo)
	if err != nil {
		return a.unavailable(c, err)
	}
	return a.render(ctx, c, status, o, token, notice, checkIn)
}

// render answers with the page. checkIn overrides what the order says about when the
// next check is accepted.
func (a *api) render(ctx context.Context, c *fiber.Ctx, status int, o order.Order, token string, notice page.Notice, checkIn time.Duration) error {
	events, err := a.timeline(ctx, o, pageEvents)
	if err != nil {
		return a.unavailable(c, err)
	}
	now := time.Now()
	view := page.View{
		Progress: a.progress(o), Now: now, Lang: languageOf(c, o.Payer.Locale), Token: token,
		Moments: page.Moments(events), Notice: notice, CheckAgainAt: a.checkAgainAt(o), Merchant: o.Backend,
		Embedded: embedded(c), AskedLang: askedLang(c), Thanked: c.Query("thanks") == "1",
		Announcements: a.announced(ctx), Scope: scopeOf(o.Channel), Inbox: a.inboxLink(ctx, o, token, now),
	}
	if view.Tell, err = a.tellOf(ctx, o); err != nil {
		return a.unavailable(c, err)
	}
	if checkIn > 0 {
		view.CheckAgainAt = now.Add(checkIn)
	}
	if status == http.StatusTooManyRequests {
		c.Set(fiber.HeaderRetryAfter, retryAfter(checkIn))
	}
	var b bytes.Buffer
	if err := a.deps.Page.Render(&b, view); err != nil {
		return a.unavailable(c, err)
	}
	return a.sendPage(c, status, o.Backend, b.Bytes())
}

func (a *api) checkAgainAt(o order.Order) time.Time {
	if o.Facts.QueryAt == 0 {
		return time.Time{}
	}
	return o.Facts.QueryAt.Std().Add(a.cfg.CheckGap)
}

// languageOf is what the payer asked for by ?lang=, else what the merchant registered,
// else what the browser prefers.
func languageOf(c *fiber.Ctx, registered string) string {
	return cmp.Or(askedLang(c), registered, strings.Clone(c.Get(fiber.HeaderAcceptLanguage)))
}

// askedLang is the language that the page's address asks for.
func askedLang(c *fiber.Ctx) string {
	if lang := c.Query("lang"); isLocale(lang) {
		return strings.Clone(lang)
	}
	return ""
}

// embedded reports that the page is for a frame of the merchant's.
func embedded(c *fiber.Ctx) bool { return c.Query("embed") == "1" }

// kept is what a page's address keeps when a form leads back to it.
func kept(c *fiber.Ctx) string {
	var more string
	if embedded(c) {
		more = "&embed=1"
	}
	if lang := askedLang(c); lang != "" {
		more += "&lang=" + url.QueryEscape(lang)
	}
	return more
}

// expired answers with one page for unknown orders and for forged, foreign and expired
// links alike, so that nobody learns which orders exist.
func (a *api) expired(c *fiber.Ctx) error {
	var b bytes.Buffer
	if err := a.deps.Page.RenderExpired(&b, languageOf(c, "")); err != nil {
		return a.unavailable(c, err)
	}
	return a.sendPage(c, http.StatusNotFound, "", b.Bytes())
}

// sendPage keeps pages out of shared caches and in the browser's back-forward cache,
// which no-store would forbid. Only the frames of a merchant's own origins may show his
// pages; X-Frame-Options could name none of them.
func (a *api) sendPage(c *fiber.Ctx, status int, merchant string, html []byte) error {
	csp, framed := a.deps.Page.Policy(merchant, embedded(c))
	if framed {
		c.Response().Header.Del(fiber.HeaderXFrameOptions)
	}
	c.Set(fiber.HeaderContentSecurityPolicy, csp)
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	c.Vary(fiber.HeaderAcceptLanguage)
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Status(status)
	return sendText(c, html)
}

// apology is for a payer whose page cannot be made: it must not say anything about the
// payment, and it tries again by itself.
const apology = `<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex"><meta http-equiv="refresh" content="5"><title>请稍候 · One moment</title>
<h1>页面暂时打不开</h1><p>这不影响您的付款。页面几秒后会自动重试，请不要重复支付。</p>
<h1 lang="en">One moment, please</h1><p lang="en">We can't show this page right now. Your payment isn't affected. The page tries again in a few seconds; please don't pay again.</p>
</html>
`

// unavailable answers a payer in words instead of a problem, and logs what is behind it.
func (a *api) unavailable(c *fiber.Ctx, err error) error {
	if p, expected := asProblem(err); !expected || p.Status >= http.StatusInternalServerError {
		a.deps.Log.WithError(err).WithField("route", c.Route().Path).WithField("request_id", requestID(c)).Error("payer page not shown")
	}
	c.Set(fiber.HeaderRetryAfter, "5")
	return a.sendPage(c, http.StatusServiceUnavailable, "", []byte(apology))
}
