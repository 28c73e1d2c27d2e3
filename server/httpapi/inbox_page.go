package httpapi

import (
	"bytes"
	"context"
	"errors"
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

// inboxPath is the message centre of a payer, for who has no app.
const inboxPath = "/inbox"

// inboxAddress is the message centre as its payer opens it, coming from an order.
func inboxAddress(token, orderNo string) string {
	return inboxPath + "?k=" + url.QueryEscape(token) + "&order=" + url.QueryEscape(orderNo)
}

// inboxPage answers GET /inbox?k=TOKEN, complete before any script.
func (a *api) inboxPage(c *fiber.Ctx) error {
	who, ok := a.readerOf(c.Query("k"))
	if !ok {
		return a.expired(c)
	}
	ctx, cancel := work()
	defer cancel()
	below := numberOf(c.Query("before"))
	in, err := a.deps.Engine.Inbox(ctx, who.id, below, inboxPage)
	if err != nil {
		return a.unavailable(c, err)
	}
	from, came, err := a.cameFrom(ctx, c, in)
	if err != nil {
		return a.unavailable(c, err)
	}
	v := page.Inbox{
		Lang: languageOf(c, from.Payer.Locale), AskedLang: askedLang(c), Merchant: from.Backend, Token: who.token, Topic: auth.InboxTopic(who.id),
		Now: time.Now(), Seq: in.Seq + 1, Unread: in.Unread, Below: below, More: in.More,
	}
	for _, it := range in.Items {
		v.Items = append(v.Items, page.InboxItem{
			ID: it.ID, N: it.N, OrderNo: it.OrderNo, Notice: string(it.Notice), Language: it.Language, Title: it.Title, Body: it.Body, At: it.At, ReadAt: it.ReadAt,
		})
	}
	if came {
		v.OrderNo = from.OrderNo
		if v.ViewToken, err = a.viewFor(who, from.OrderNo); err != nil {
			return a.unavailable(c, err)
		}
	}
	var b bytes.Buffer
	if err := a.deps.Page.RenderInbox(&b, v); err != nil {
		return a.unavailable(c, err)
	}
	return a.sendPage(c, http.StatusOK, from.Backend, b.Bytes())
}

// readerOf admits an inbox token that came in an address or a form.
func (a *api) readerOf(token string) (reader, bool) {
	token = strings.Clone(token)
	id, until, err := a.deps.Tokens.Open(auth.KindInbox, token, time.Now())
	return reader{id, token, until}, err == nil
}

// numberOf reads a number above 0, 0 for anything else.
func numberOf(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// cameFrom finds the order from which the payer came, which says whose brand and which
// language the page has; else the newest message's. Somebody else's order is none.
func (a *api) cameFrom(ctx context.Context, c *fiber.Ctx, in engine.Inbox) (o order.Order, came bool, err error) {
	asked := strings.Clone(c.Query("order"))
	named := []string{asked}
	if len(in.Items) > 0 {
		named = append(named, in.Items[0].OrderNo)
	}
	for _, orderNo := range named {
		if !order.ValidOrderNo(orderNo) {
			continue
		}
		o, err := a.deps.Engine.Order(ctx, orderNo)
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			return order.Order{}, false, err
		}
		if err == nil && engine.InboxID(o.Backend, o.Payer.ID) == in.ID {
			return o, orderNo == asked, nil
		}
	}
	return order.Order{}, false, nil
}

// readForm takes the forms of the message centre: one message, which may lead to its
// order, or all that were shown.
func (a *api) readForm(c *fiber.Ctx) error {
	who, ok := a.readerOf(c.FormValue("k"))
	if !ok {
		return a.expired(c)
	}
	ctx, cancel := work()
	defer cancel()
	read := engine.InboxRead{InboxID: who.id, UpTo: numberOf(c.FormValue("up_to"))}
	back := a.backToInbox(c, who.token)
	if n := numberOf(c.FormValue("n")); n > 0 {
		in, err := a.deps.Engine.Inbox(ctx, who.id, n+1, 1)
		if err != nil {
			return a.unavailable(c, err)
		}
		if len(in.Items) == 1 && in.Items[0].N == n {
			read.IDs, read.UpTo = []string{in.Items[0].ID}, 0
			if c.FormValue("open") != "" {
				if back, err = a.pathTo(c, who, in.Items[0].OrderNo); err != nil {
					return a.unavailable(c, err)
				}
			}
		}
	}
	if len(read.IDs) > 0 || read.UpTo > 0 {
		if _, err := a.deps.Engine.ReadInbox(ctx, read, 1); err != nil {
			return a.unavailable(c, err)
		}
	}
	c.Set(fiber.HeaderCacheControl, noStore)
	return c.Redirect(back, http.StatusSeeOther)
}

// pathTo leads to an order's page with a fresh link.
func (a *api) pathTo(c *fiber.Ctx, who reader, orderNo string) (string, error) {
	token, err := a.viewFor(who, orderNo)
	if err != nil {
		return "", err
	}
	return pagePath(orderNo, token) + kept(c), nil
}

// backToInbox is where a form of the message centre leads back to.
func (a *api) backToInbox(c *fiber.Ctx, token string) string {
	back := inboxPath + "?k=" + url.QueryEscape(token)
	if orderNo := c.Query("order"); order.ValidOrderNo(orderNo) {
		back += "&order=" + url.QueryEscape(orderNo)
	}
	if below := numberOf(c.Query("before")); below > 0 {
		back += "&before=" + strconv.FormatInt(below, 10)
	}
	return back + kept(c)
}

// inboxLink leads from an order's page to the messages of its payer: for as long as the
// link to the page works, since who has that one has this one. That there is none is no
// reason to withhold the page.
func (a *api) inboxLink(ctx context.Context, o order.Order, viewToken string, now time.Time) *page.InboxLink {
	if !a.cfg.InboxLink {
		return nil
	}
	id := engine.InboxID(o.Backend, o.Payer.ID)
	_, until, err := a.deps.Tokens.Open(auth.KindView, viewToken, now)
	if err != nil {
		return nil // it has expired while the page was made
	}
	token, err := a.deps.Tokens.Issue(auth.KindInbox, id, min(a.cfg.InboxLife, until.Sub(now)))
	if err != nil {
		a.deps.Log.WithError(err).Error("page shown without a link to messages")
		return nil
	}
	in, err := a.deps.Engine.Inbox(ctx, id, 0, 1)
	if err != nil {
		a.deps.Log.WithError(err).Error("page shown without a link to messages")
		return nil
	}
	return &page.InboxLink{Token: token, Unread: in.Unread}
}
