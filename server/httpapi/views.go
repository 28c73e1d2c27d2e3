package httpapi

import (
	"cmp"
	"net/url"
	"strings"

	"anxin/engine/notify"
	"anxin/engine/order"
	"anxin/server/auth"
)

// orderView is an order as its backend sees it: the whole state with its diagnosis,
// and the payer's contact masked. The backend knows it, but answers are logged and
// looked at in places where it must not appear.
type orderView struct {
	order.Order
	Status    order.Status    `json:"status"`
	Diagnosis order.Diagnosis `json:"diagnosis"`
	Payer     payerView       `json:"payer"` // hides the one of Order
	Timeline  []order.Event   `json:"timeline,omitempty"`
}

type payerView struct {
	ID     string `json:"id"`
	Locale string `json:"locale,omitempty"`
	Phone  string `json:"phone,omitempty"`
	Email  string `json:"email,omitempty"`
	Push   int    `json:"push_addresses,omitempty"` // how many
}

func viewOf(o order.Order) orderView {
	return orderView{
		Order: o, Status: o.Status(), Diagnosis: o.Diagnosis(),
		Payer: payerView{
			ID: o.Payer.ID, Locale: o.Payer.Locale, Phone: notify.MaskPhone(o.Payer.Phone),
			Email: notify.MaskEmail(o.Payer.Email), Push: len(o.Payer.Push),
		},
	}
}

// mask stands for what is not shown.
const mask = "****"

// progressView wraps what a payer may know.
type progressView struct {
	Progress order.Progress `json:"progress"`
}

// Support is where payers find a person. In each address, {order_no} stands for the
// number of the order, so that nobody has to ask for it.
type Support struct {
	URL       string            // for orders and merchants that name none; empty = none
	Merchants map[string]string // by the name of their backend
}

// Progress is what every payer-facing answer and frame carries: the payer's view, with
// the merchant's or the installation's support link where the order names none.
func (s Support) Progress(o order.Order) order.Progress {
	p := o.Progress()
	link := cmp.Or(o.Links.Support, s.Merchants[o.Backend], s.URL)
	if link != "" {
		link = strings.ReplaceAll(link, "{order_no}", o.OrderNo)
		p.Links.Support = &link
	}
	return p
}

func (a *api) progress(o order.Order) order.Progress { return a.cfg.Support.Progress(o) }

// pageURL is the address of the payer's page.
func (a *api) pageURL(orderNo, token string) string {
	return a.cfg.PublicURL + pagePath(orderNo, token)
}

func pagePath(orderNo, token string) string {
	return "/pay/" + orderNo + "?k=" + url.QueryEscape(token)
}

func (a *api) viewToken(orderNo string) (string, error) {
	return a.deps.Tokens.Issue(auth.KindView, orderNo, a.cfg.ViewLife)
}
