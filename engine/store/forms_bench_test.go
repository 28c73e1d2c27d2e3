package store

import (
	"reflect"
	"testing"

	"anxin/engine/order"
)

// BenchmarkForms writes and reads what is stored of an order that waits.
func BenchmarkForms(b *testing.B) {
	c, err := order.Register(order.Registration{
		OrderNo: "BENCH-0000001", Backend: "shop", Channel: "sandbox", Mode: order.Managed, Merchant: "acct-1",
		Amount: order.Money{Minor: 8800, Currency: "CNY"}, Subject: "Green tea, 250 g", Payer: order.Payer{ID: "u-1001", Locale: "zh-CN"},
	}, 1_795_000_000_000)
	if err != nil {
		b.Fatal(err)
	}
	o := c.Order.Claim(1_795_000_003_000, order.Wait{Typical: 30_000_000_000, Late: 300_000_000_000, Basis: order.BasisDefault}).Order
	v := reflect.ValueOf(&o).Elem()
	text, err := orderForm.text(v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := orderForm.text(v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v.SetZero()
			if err := orderForm.read(text, v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("unmarshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v.SetZero()
			if err := decode(text, &o); err != nil {
				b.Fatal(err)
			}
		}
	})
}
