package httpapi

import (
	"maps"
	"net/http"
	"slices"

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

// optInOffers answers GET /v1/orders/{order_no}/optin.
func (a *api) optInOffers(c *fiber.Ctx) error {
	if _, err := a.caller(c); err != nil {
		return err
	}
	offers := a.deps.Engine.OptInOffers()
	answer := struct {
		Items []offerView `json:"items"`
	}{Items: []offerView{}}
	for _, kind := range slices.Sorted(maps.Keys(offers)) {
		answer.Items = append(answer.Items, offerView{kind, offers[kind]})
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
	}
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	if body.Locale != "" && !isLocale(body.Locale) {
		return &order.FieldError{Field: "locale", Reason: "must be a language tag (BCP 47) such as zh-CN"}
	}
	ctx, cancel := work()
	defer cancel()
	if _, err := a.orderOf(ctx, who); err != nil {
		return err
	}
	to, err := a.deps.Engine.OptIn(ctx, who.orderNo, engine.Wish{
		Channel: notify.Channel(body.Kind), Phone: body.Phone, Email: body.Email, WebPush: notify.Subscription{
			Endpoint: body.Subscription.Endpoint, P256DH: body.Subscription.Keys.P256DH, Auth: body.Subscription.Keys.Auth,
		}, Locale: body.Locale,
	})
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusOK, struct {
		Kind string `json:"kind"`
		To   string `json:"to"`
	}{body.Kind, to})
}
