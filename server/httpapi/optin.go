package httpapi

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
)

// offerView is a way in which a payer may ask to be told.
type offerView struct {
	Kind notify.Channel `json:"kind"`
	// ApplicationServerKey is what a browser subscribes with.
	ApplicationServerKey string `json:"application_server_key,omitempty"`
}

// subscriptionInput is how a browser serialises a PushSubscription.
type subscriptionInput struct {
	Endpoint       string   `json:"endpoint"`
	ExpirationTime *float64 `json:"expirationTime"`
	Keys           struct {
		P256DH string `json:"p256dh"`
		Auth   string `json:"auth"`
	} `json:"keys"`
}

func (s subscriptionInput) subscription() notify.Subscription {
	return notify.Subscription{Endpoint: s.Endpoint, P256DH: s.Keys.P256DH, Auth: s.Keys.Auth}
}

// askedView is a way in which the payer has asked to be told.
type askedView struct {
	Kind notify.Channel `json:"kind"`
	To   []string       `json:"to"` // masked
}

// optInOffers answers GET /v1/orders/{order_no}/optin.
func (a *api) optInOffers(c *fiber.Ctx) error {
	who, err := a.caller(c)
	if err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	o, err := a.orderOf(ctx, who)
	if err != nil {
		return err
	}
	offers := a.deps.Engine.OptInOffers(o)
	asked, err := a.deps.Engine.Asked(ctx, o)
	if err != nil {
		return err
	}
	answer := struct {
		Items []offerView `json:"items"`
		Asked []askedView `json:"asked"`
	}{Items: []offerView{}, Asked: []askedView{}}
	for _, kind := range slices.Sorted(maps.Keys(offers)) {
		answer.Items = append(answer.Items, offerView{kind, offers[kind]})
	}
	for _, w := range asked {
		answer.Asked = append(answer.Asked, askedView{w.Channel, w.To})
	}
	return sendJSON(c, http.StatusOK, answer)
}

// optIn answers POST /v1/orders/{order_no}/optin: the payer wants to be told, and says
// where. Sending it is the consent, which is kept with its time and order.
func (a *api) optIn(c *fiber.Ctx) error {
	who, err := a.caller(c)
	if err != nil {
		return err
	}
	var body struct {
		Kind         string            `json:"kind"`
		Phone        string            `json:"phone"`
		Email        string            `json:"email"`
		Subscription subscriptionInput `json:"subscription"`
		Locale       string            `json:"locale"`
		Wording      string            `json:"wording"`
	}
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	if body.Locale != "" && !isLocale(body.Locale) {
		return &order.FieldError{Field: "locale", Reason: "must be a language tag (BCP 47) such as zh-CN"}
	}
	if wait := a.limits.optIns.take(who.orderNo, time.Now()); wait > 0 {
		return tooOften(wait)
	}
	if who.backend == "" { // a backend's own calls come from one place
		if wait := a.limits.optInsFrom.take(addressBlock(c.IP()), time.Now()); wait > 0 {
			return tooMany(wait)
		}
	}
	ctx, cancel := work()
	defer cancel()
	if _, err := a.orderOf(ctx, who); err != nil {
		return err
	}
	to, err := a.deps.Engine.OptIn(ctx, who.orderNo, engine.Wish{
		Channel: notify.Channel(body.Kind), Phone: body.Phone, Email: body.Email, WebPush: body.Subscription.subscription(),
		Locale: body.Locale, Wording: body.Wording,
	})
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusOK, struct {
		Kind string `json:"kind"`
		To   string `json:"to"`
	}{body.Kind, to})
}

// optOut answers POST /v1/orders/{order_no}/optout: the payer takes back what was asked.
func (a *api) optOut(c *fiber.Ctx) error {
	who, err := a.caller(c)
	if err != nil {
		return err
	}
	var body struct {
		Kind string `json:"kind"`
	}
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	if _, err := a.orderOf(ctx, who); err != nil {
		return err
	}
	if err := a.deps.Engine.TakeBack(ctx, who.orderNo, notify.Channel(body.Kind)); err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}

// renewPush answers POST /v1/push/renewals, which browsers' workers send: they have no view
// token. The answer does not tell whether the old subscription was known.
func (a *api) renewPush(c *fiber.Ctx) error {
	var body struct {
		Old          subscriptionInput `json:"old"`
		Subscription subscriptionInput `json:"subscription"`
	}
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	if err := a.deps.Engine.RenewPush(ctx, body.Old.subscription(), body.Subscription.subscription()); err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}
