package wechatpay

import (
	"errors"
	"testing"

	"anxin/engine/channel"
	"anxin/engine/channel/wechatpay/wechatpaytest"
	"anxin/engine/order"
)

// FuzzRead feeds what is read once a signature holds, as the body and as the contents of a
// notification. The making of a signature takes a thousand times as long as the reading.
func FuzzRead(f *testing.F) {
	const event, about = "TRANSACTION.SUCCESS", "A1001"
	at := wechatpaytest.NotBefore
	for _, content := range []wechatpaytest.Object{
		wechatpaytest.Payment(about, "SUCCESS", 8800, at), wechatpaytest.Payment(about, "NOTPAY", 8800, at),
		wechatpaytest.RefundNotice(about, "R1", "SUCCESS", 8800, 300, at), wechatpaytest.RefundNotice(about, "R1", "CLOSED", 8800, 300, at),
	} {
		f.Add(wechatpaytest.Marshal(content), true, event)
		f.Add(wechatpaytest.Marshal(content), true, "REFUND.SUCCESS")
		f.Add(wechatpaytest.Marshal(wechatpaytest.NewNotice("EV-1", event, content)), false, "")
	}
	f.Add([]byte(`{"id":"EV-1","event_type":"TRANSACTION.SUCCESS","resource":{"algorithm":"AEAD_AES_256_GCM","nonce":"x"}}`), false, "")
	cfg := platformOf(wechatpaytest.TheKeys().Platform.Cert)
	c, err := New(cfg)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, inside bool, event string) {
		if inside {
			n := wechatpaytest.NewNotice("EV-1", event, nil)
			n.Resource.Ciphertext = wechatpaytest.Encrypt(wechatpaytest.APIv3Key, n.Resource.Nonce, n.Resource.AssociatedData, data)
			data = wechatpaytest.Marshal(n)
		}
		notes, err := c.read(data)
		if err != nil && (!errors.Is(err, channel.ErrMalformed) || notes != nil) {
			t.Fatalf("notes %+v, error %v", notes, err)
		}
		for _, n := range notes {
			ev := n.Evidence
			if !order.ValidOrderNo(n.OrderNo) || n.DedupeKey == "" || ev.Claims == "" || ev.Merchant == "" || ev.Amount == nil || ev.Amount.Validate() != nil {
				t.Fatalf("notification %+v", n)
			}
		}
	})
}
