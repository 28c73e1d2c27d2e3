package notify

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"anxin/engine/order"
)

// partLife is how long the refund of a part is news: what nobody could be told by then is
// found in the order.
const partLife = 3 * 24 * time.Hour

// Parts returns the refunds that are told for themselves now, in the order in which they
// came: those of an order that stays paid. When they add up to all of it the order's own
// result is told in their place, and nothing while people look into what went wrong.
func Parts(o order.Order, now order.Time) []order.Refund {
	if len(o.Refunds) == 0 || held(o) {
		return nil
	}
	var list []order.Refund
	for _, r := range o.PartRefunds() {
		if r.Seq != 0 && now < r.At.Add(partLife) {
			list = append(list, r)
		}
	}
	return list
}

// PartNotice is what is to be told of a refund.
func PartNotice(r order.Refund) Notice {
	if r.CreditedAt != 0 {
		return NoticePartRefunded
	}
	return NoticePartRefunding
}

// About returns the facts of one refund, which the payer has seen or not.
func (f Facts) About(r order.Refund, seen bool) Facts {
	f.Notice, f.Since, f.Refund, f.Seen = PartNotice(r), r.At, &r, seen
	return f
}

// PartMessageID names the message that tells an address one notice about one refund.
func PartMessageID(orderNo, refundID string, n Notice, c Channel, fingerprint string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{"refund", orderNo, refundID, string(n), string(c), fingerprint}, "\x00")))
	return "nt_" + base64.RawURLEncoding.EncodeToString(sum[:18])
}

// MessageID names the message about these facts that an address gets.
func (f Facts) MessageID(c Channel, fingerprint string) string {
	if f.Refund != nil {
		return PartMessageID(f.Order.OrderNo, f.Refund.ID, f.Notice, c, fingerprint)
	}
	return MessageID(f.Order.OrderNo, f.Notice, c, fingerprint)
}

// CollapseKey is that of the messages about these facts: a refund takes the place of no
// result.
func (f Facts) CollapseKey() string {
	if f.Refund != nil {
		return CollapseKey(f.Order.OrderNo + "\x00" + f.Refund.ID)
	}
	return CollapseKey(f.Order.OrderNo)
}

// amount is what the facts are about.
func (f Facts) amount() order.Money {
	if f.Refund != nil {
		return order.Money{Minor: f.Refund.Minor, Currency: f.Order.Amount.Currency}
	}
	return f.Order.Amount
}
