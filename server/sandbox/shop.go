package sandbox

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"anxin/engine/order"

	"github.com/gofiber/fiber/v2"

	wire "anxin/engine/channel/sandbox"
)

// item is something to buy. Its texts are item.ID.name and item.ID.note.
type item struct {
	ID    string
	Price order.Money
}

var items = []item{
	{"tea", order.Money{Minor: 8800, Currency: "CNY"}},
	{"cup", order.Money{Minor: 3600, Currency: "CNY"}},
	{"notebook", order.Money{Minor: 1990, Currency: "CNY"}},
}

// itemByID returns the item of that name, else the first one.
func itemByID(id string) item {
	for _, it := range items {
		if it.ID == id {
			return it
		}
	}
	return items[0]
}

// payTime is how long the shop keeps an unpaid order.
const payTime = 30 * time.Minute

type shopData struct {
	Items   []item
	Item    string
	Presets []preset
	Preset  string
	Again   bool
}

// showShop offers the items; after an order that came to nothing, its item again.
func (s *Sandbox) showShop(c *fiber.Ctx) error {
	data := shopData{Items: items, Item: items[0].ID, Presets: presets, Preset: presets[0].ID}
	if again := strings.Clone(c.Query("again")); order.ValidOrderNo(again) {
		p, err := s.store.load(c.UserContext(), again)
		if err != nil && !errors.Is(err, errNotFound) {
			return err
		}
		if p.Purchase != nil {
			data.Item, data.Preset, data.Again = p.Purchase.Item, p.Purchase.Preset, true
		}
	}
	return s.render(c, fiber.StatusOK, "shop", data)
}

// buy registers an order at Anxin and sends the payer to the cashier.
func (s *Sandbox) buy(c *fiber.Ctx) error {
	form, err := readForm(c)
	if err != nil {
		return err
	}
	it, chosen := itemByID(form.Get("item")), presetByID(form.Get("preset"))
	lang := s.pages.language(form.Get("lang"), c.Get(fiber.HeaderAcceptLanguage))
	p := s.newPayment(newOrderNo(s.clock()), &it.Price, chosen.Plan)
	p.Subject = s.pages.texts[lang]["item."+it.ID+".name"]
	page, err := s.register(c.UserContext(), s.registrationOf(p, s.payer(c), lang))
	if err != nil {
		return err
	}
	p.Purchase = &purchase{Item: it.ID, Preset: chosen.ID, PageURL: page}
	if err := s.store.create(c.UserContext(), p, nil); err != nil {
		return err
	}
	return c.Redirect("/sandbox/cashier/"+p.OrderNo+"?lang="+lang, fiber.StatusSeeOther)
}

// How guests of the shop are reached: a number and an address that nobody has (the first
// is one of those that are kept for fiction, the second RFC 2606).
const (
	guestPhone = "+12025550143"
	guestEmail = "guest@example.com"
)

func (s *Sandbox) registrationOf(p payment, payer, lang string) registration {
	shop, suffix := s.cfg.BaseURL+"/sandbox", "?lang="+lang
	return registration{
		OrderNo: p.OrderNo, Channel: s.cfg.Name, Mode: order.Managed, Amount: *p.Amount, Subject: p.Subject,
		Payer: order.Payer{ID: payer, Locale: lang, Phone: guestPhone, Email: guestEmail},
		Links: order.Links{
			Detail:  shop + "/orders/" + p.OrderNo + suffix,
			Repay:   shop + suffix + "&again=" + p.OrderNo,
			Support: shop + "/support" + suffix,
		},
		ExpiresAt: order.At(s.clock().Add(payTime)),
	}
}

// orderPrefix begins the numbers of the shop's orders.
const orderPrefix = "SHOP"

// newOrderNo is unguessable: at the cashier the number alone opens the payer's page.
func newOrderNo(now time.Time) string {
	return orderPrefix + now.UTC().Format("060102") + "-" + wire.NewNonce()[:16]
}

const payerCookie = "sandbox_payer"

var payerPattern = regexp.MustCompile(`^guest-[A-Z2-7]{26}$`)

// payer names the browser: who comes back is the same payer to Anxin.
func (s *Sandbox) payer(c *fiber.Ctx) string {
	if id := strings.Clone(c.Cookies(payerCookie)); payerPattern.MatchString(id) {
		return id
	}
	id := "guest-" + wire.NewNonce()
	c.Cookie(&fiber.Cookie{
		Name: payerCookie, Value: id, Path: "/sandbox", HTTPOnly: true, SameSite: fiber.CookieSameSiteLaxMode,
		Secure: strings.HasPrefix(s.cfg.BaseURL, "https:"),
	})
	return id
}

type orderData struct {
	payment
	Known    string // what the backend knows: the type of the newest webhook, "" for nothing
	Webhooks []webhookReceipt
}

// showOrder is the shop's own page of an order: what its backend was told.
func (s *Sandbox) showOrder(c *fiber.Ctx) error {
	no, err := orderNo(c)
	if err != nil {
		return err
	}
	p, err := s.store.load(c.UserContext(), no)
	if err != nil {
		return err
	}
	hooks, err := s.store.webhooks(c.UserContext(), no)
	if err != nil {
		return err
	}
	return s.render(c, fiber.StatusOK, "order", orderData{payment: p, Known: newestResult(hooks), Webhooks: hooks})
}

// newestResult is the result with the highest seq: webhooks may arrive in any order.
func newestResult(hooks []webhookReceipt) string {
	known, seq := "", int64(-1)
	for _, h := range hooks {
		switch h.Type {
		case "order.succeeded", "order.failed", "order.closed", "order.refunding", "order.refunded":
			if h.Seq > seq {
				known, seq = h.Type, h.Seq
			}
		}
	}
	return known
}

func (s *Sandbox) showSupport(c *fiber.Ctx) error { return s.render(c, fiber.StatusOK, "support", nil) }
