package alipaytest

import (
	"maps"
	"net/url"
	"slices"
	"time"
)

// Fields are those of a notification.
type Fields map[string]string

// PaidNotice is a notification about a trade that was paid, with what Alipay sends besides.
func PaidNotice() Fields {
	return Fields{
		"notify_time": "2026-11-23 16:00:03", "notify_type": "trade_status_sync", "notify_id": "2026112300222160003004670000000001",
		"charset": "utf-8", "version": "1.0", "app_id": AppID, "auth_app_id": AppID, "seller_id": SellerID,
		"seller_email": "shop@example.test", "buyer_id": "2088000000000003", "buyer_logon_id": "buyer***@example.test",
		"trade_no": "2026112322001403000000000001", "out_trade_no": "A1001", "trade_status": "TRADE_SUCCESS",
		"total_amount": "88.00", "receipt_amount": "88.00", "invoice_amount": "88.00", "buyer_pay_amount": "88.00", "point_amount": "0.00",
		"subject": "绿茶 250g + gift & more", "body": "a=b&c=d%20", "gmt_create": "2026-11-23 15:59:50", "gmt_payment": "2026-11-23 16:00:02",
		"fund_bill_list": `[{"amount":"88.00","fundChannel":"ALIPAYACCOUNT"}]`,
	}
}

// With returns a copy with some fields changed, "" removes one.
func (f Fields) With(changes ...string) Fields {
	c := maps.Clone(f)
	for pair := range slices.Chunk(changes, 2) {
		c[pair[0]] = pair[1]
		if pair[1] == "" {
			delete(c, pair[0])
		}
	}
	return c
}

// Encode writes the fields as the body of a notification.
func (f Fields) Encode() []byte {
	values := url.Values{}
	for name, value := range f {
		values.Set(name, value)
	}
	return []byte(values.Encode())
}

// Sign adds what Alipay adds to a notification.
func (v Vendor) Sign(f Fields) Fields {
	signed := f.With("sign", Signature(v.Alipay, Content(f)), "sign_type", "RSA2")
	if v.Certs != nil {
		signed["alipay_cert_sn"] = v.Certs.AlipaySerial
	}
	return signed
}

var shanghai = time.FixedZone("", 8*60*60)

// At is a time as Alipay writes it.
func At(t time.Time) string { return t.In(shanghai).Format(time.DateTime) }
