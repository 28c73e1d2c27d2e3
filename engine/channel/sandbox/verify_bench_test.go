package sandbox_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/sandbox"
	"anxin/engine/order"
)

// BenchmarkVerify authenticates and reads one callback of a payment that succeeded.
func BenchmarkVerify(b *testing.B) {
	const secret = "the secret of the benchmarks"
	ch, err := sandbox.New(sandbox.Config{Name: "pay", GatewayURL: "http://gateway.test", Merchant: "acct-1", Secret: secret})
	if err != nil {
		b.Fatal(err)
	}
	at := time.Now()
	body, err := json.Marshal(sandbox.Notice{ID: "evt_1", Payment: sandbox.Payment{
		OutTradeNo: "B0000001", Merchant: "acct-1", TransactionID: "tx_1", State: sandbox.StateSucceeded,
		Amount: &order.Money{Minor: 8800, Currency: "CNY"}, At: order.At(at),
	}})
	if err != nil {
		b.Fatal(err)
	}
	r := channel.Request{Header: http.Header{"Content-Type": {"application/json"}}, Body: body, ReceivedAt: at}
	sandbox.Seal(r.Header, secret, at, "0123456789abcdefghijklmnop", body)
	b.ReportAllocs()
	for b.Loop() {
		if notes, err := ch.Verify(b.Context(), r); err != nil || len(notes) != 1 {
			b.Fatal(notes, err)
		}
	}
}
