package httpapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
	"anxin/frontend/page"
)

// tellOf is how the payer of an order may have the result told, and has asked to: nothing
// once it is known.
func (a *api) tellOf(ctx context.Context, o order.Order) (page.Tell, error) {
	var tell page.Tell
	if o.Status().Final() {
		return tell, nil
	}
	offers := a.deps.Engine.OptInOffers(o)
	for _, w := range []page.Way{page.ByPush, page.BySMS, page.ByEmail} {
		if key, ok := offers[notify.Channel(w)]; ok {
			tell.Ways = append(tell.Ways, w)
			if w == page.ByPush {
				tell.Key = key
			}
		}
	}
	asked, err := a.deps.Engine.Asked(ctx, o)
	for _, w := range asked {
		tell.Asked = append(tell.Asked, page.Asked{Way: page.Way(w.Channel), To: w.To})
	}
	return tell, err
}

// optInPage answers GET /pay/{order_no}/optin?k=TOKEN. Where nothing is to be chosen it
// leads to the payer's page.
func (a *api) optInPage(c *fiber.Ctx) error {
	orderNo, token := strings.Clone(c.Params("order_no")), strings.Clone(c.Query("k"))
	if !a.opens(orderNo, token) {
		return a.expired(c)
	}
	return a.sendOptIn(c, http.StatusOK, orderNo, token, page.OptIn{})
}

func (a *api) sendOptIn(c *fiber.Ctx, status int, orderNo, token string, p page.OptIn) error {
	ctx, cancel := work()
	defer cancel()
	o, err := a.deps.Engine.Order(ctx, orderNo)
	switch {
	case errors.Is(err, engine.ErrNotFound):
		return a.expired(c)
	case err != nil:
		return a.unavailable(c, err)
	}
	tell, err := a.tellOf(ctx, o)
	if err != nil {
		return a.unavailable(c, err)
	}
	if len(tell.Ways)+len(tell.Asked) == 0 {
		return a.backToPage(c, orderNo, token, "")
	}
	p.View = page.View{
		Progress: a.progress(o), Now: time.Now(), Lang: languageOf(c, o.Payer.Locale), Token: token, Merchant: o.Backend,
		Embedded: embedded(c), AskedLang: askedLang(c), Tell: tell,
	}
	var b bytes.Buffer
	if err := a.deps.Page.RenderOptIn(&b, p); err != nil {
		return a.unavailable(c, err)
	}
	return a.sendPage(c, status, o.Backend, b.Bytes())
}

func (a *api) backToPage(c *fiber.Ctx, orderNo, token, part string) error {
	c.Set(fiber.HeaderCacheControl, noStore)
	return c.Redirect(pagePath(orderNo, token)+kept(c)+part, http.StatusSeeOther)
}

// optInForm takes the opt-in's forms, for browsers without script. The page that it leads
// to says by what the payer will be told; what was not taken is said beside the forms.
func (a *api) optInForm(c *fiber.Ctx) error {
	wording := strings.Clone(c.FormValue("wording"))
	lang, _, _ := strings.Cut(wording, "/") // in which numbers without a country code are read
	wish := engine.Wish{
		Channel: notify.Channel(strings.Clone(c.FormValue("kind"))), Phone: formText(c, "phone"), Email: formText(c, "email"),
		Locale: lang, Wording: wording,
	}
	from := addressBlock(c.IP())
	return a.consent(c, wish.Phone+wish.Email, func(ctx context.Context, orderNo string) error {
		if a.limits.optIns.take(orderNo, time.Now()) > 0 || a.limits.optInsFrom.take(from, time.Now()) > 0 {
			return errOptInsUsed
		}
		_, err := a.deps.Engine.OptIn(ctx, orderNo, wish)
		return err
	})
}

// optOutForm takes back what was asked.
func (a *api) optOutForm(c *fiber.Ctx) error {
	channel := notify.Channel(strings.Clone(c.FormValue("kind")))
	return a.consent(c, "", func(ctx context.Context, orderNo string) error {
		return a.deps.Engine.TakeBack(ctx, orderNo, channel)
	})
}

var errOptInsUsed = errors.New("too many opt-ins of an order")

// consent does what a form of the opt-in asked for.
func (a *api) consent(c *fiber.Ctx, entered string, do func(ctx context.Context, orderNo string) error) error {
	orderNo, token := strings.Clone(c.Params("order_no")), strings.Clone(c.FormValue("k"))
	if !a.opens(orderNo, token) {
		return a.expired(c)
	}
	ctx, cancel := work()
	defer cancel()
	err := do(ctx, orderNo)
	wrong, refused := errors.AsType[*order.FieldError](err)
	switch {
	case err == nil:
		return a.backToPage(c, orderNo, token, "#tell")
	case errors.Is(err, engine.ErrNotFound):
		return a.expired(c)
	case errors.Is(err, errOptInsUsed), errors.Is(err, engine.ErrAskedTooOften):
		return a.sendOptIn(c, http.StatusTooManyRequests, orderNo, token, page.OptIn{Problem: page.OptInFailed})
	case refused:
		return a.sendOptIn(c, http.StatusUnprocessableEntity, orderNo, token, page.OptIn{Entered: entered, Problem: optInProblem(wrong.Field)})
	case errors.Is(err, engine.ErrBusy), errors.Is(err, engine.ErrNoMessages):
		return a.sendOptIn(c, http.StatusServiceUnavailable, orderNo, token, page.OptIn{Problem: page.OptInFailed})
	}
	return a.unavailable(c, err)
}

func optInProblem(field string) page.OptInProblem {
	switch field {
	case "phone":
		return page.OptInPhone
	case "email":
		return page.OptInEmail
	}
	return page.OptInFailed
}

// formText is what was typed into a field, without what a page could not show again.
func formText(c *fiber.Ctx, name string) string {
	return strings.TrimSpace(strings.ToValidUTF8(strings.Clone(c.FormValue(name)), ""))
}
