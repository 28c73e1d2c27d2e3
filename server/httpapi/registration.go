package httpapi

import (
	"net/mail"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/text/language"

	"anxin/engine/order"
)

// registration is the body of POST /v1/orders.
type registration struct {
	OrderNo   string      `json:"order_no"`
	Channel   string      `json:"channel"`
	Mode      string      `json:"mode"`
	Amount    amountInput `json:"amount"`
	Subject   string      `json:"subject"`
	Payer     payerInput  `json:"payer"`
	Links     linksInput  `json:"links"`
	ExpiresAt order.Time  `json:"expires_at"`
}

type amountInput struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

type payerInput struct {
	ID     string   `json:"id"`
	Locale string   `json:"locale"`
	Zone   string   `json:"time_zone"`
	Phone  string   `json:"phone"`
	Email  string   `json:"email"`
	Push   []string `json:"push"`
}

type linksInput struct {
	Detail  string `json:"detail"`
	Repay   string `json:"repay"`
	Support string `json:"support"`
}

// order gives what the engine takes, checked in what only HTTP knows of: links, locale
// and contact as they are written. The order's own rules are the engine's.
func (r registration) order(backend string) (order.Registration, error) {
	out := order.Registration{
		OrderNo: r.OrderNo, Backend: backend, Channel: r.Channel, Mode: order.Mode(r.Mode),
		Amount: order.Money(r.Amount), Subject: r.Subject, Payer: order.Payer(r.Payer), Links: order.Links(r.Links),
		ExpiresAt: r.ExpiresAt,
	}
	if err := out.Validate(); err != nil {
		return order.Registration{}, err
	}
	switch {
	case !channelName.MatchString(r.Channel):
		return order.Registration{}, &order.FieldError{Field: "channel", Reason: "must be 1 to 64 letters, digits, dots, _ and -"}
	case r.Payer.Locale != "" && !isLocale(r.Payer.Locale):
		return order.Registration{}, &order.FieldError{Field: "payer.locale", Reason: "must be a language tag (BCP 47) such as zh-CN"}
	case r.Payer.Phone != "" && !phoneNumber.MatchString(r.Payer.Phone):
		return order.Registration{}, &order.FieldError{Field: "payer.phone", Reason: "must be 5 to 20 digits, with + and separators at most"}
	case r.Payer.Email != "" && !isAddress(r.Payer.Email):
		return order.Registration{}, &order.FieldError{Field: "payer.email", Reason: "must be an e-mail address"}
	}
	return out, r.Links.check()
}

var (
	channelName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	// E.164 has 15 digits at most; national numbers come with trunk digits and separators.
	phoneNumber = regexp.MustCompile(`^\+?\d(?:[ -]?\d){4,19}$`)
)

// maxLocale bounds a language tag: RFC 5646, section 4.4.1, asks for 35.
const maxLocale = 35

func isLocale(s string) bool {
	if len(s) > maxLocale {
		return false
	}
	_, err := language.Parse(s)
	return err == nil
}

func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}

func (l linksInput) check() error {
	for _, link := range []struct{ field, value string }{
		{"links.detail", l.Detail}, {"links.repay", l.Repay}, {"links.support", l.Support},
	} {
		if link.value != "" && !safeLink(link.value) {
			return &order.FieldError{Field: link.field, Reason: "must be an http(s) address, or a path that begins with one slash"}
		}
	}
	return nil
}

// safeLink lets through what leads a browser to a page and nowhere else: no script, no
// other scheme, no password, and no path that a browser reads as another host.
func safeLink(s string) bool {
	if len(s) > order.MaxLink || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
		return false
	}
	u, err := url.Parse(s)
	if err != nil || u.User != nil {
		return false
	}
	if u.Scheme == "" {
		return strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//")
	}
	return (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.Opaque == ""
}
