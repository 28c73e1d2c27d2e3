package settlement_test

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"anxin/engine/order"
	"anxin/engine/settlement"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const header = "order_no,channel_txn,amount,currency,status,at\n"

var at = order.At(time.Date(2026, 11, 22, 15, 59, 58, 0, time.UTC))

// read returns the rows of a file, and what its other lines are refused for.
func read(tb testing.TB, text, currency string) (rows []settlement.Row, bad []settlement.RowError) {
	tb.Helper()
	r, err := settlement.NewReader(strings.NewReader(text), currency)
	if err != nil {
		tb.Fatal(err)
	}
	for {
		row, err := r.Next()
		var refused *settlement.RowError
		switch {
		case errors.Is(err, io.EOF):
			return rows, bad
		case errors.As(err, &refused):
			bad = append(bad, *refused)
		case err != nil:
			tb.Fatal(err)
		default:
			rows = append(rows, row)
		}
	}
}

func TestAFileIsReadInEachOfItsForms(t *testing.T) {
	t.Parallel()
	want := []settlement.Row{{Line: 2, OrderNo: "A1", ChannelTxn: "t-1", Amount: order.Money{Minor: 8800, Currency: "CNY"}, Claims: order.ClaimsSucceeded, At: at}}
	for name, c := range map[string]struct{ text, currency string }{
		"decimal":         {header + "A1,t-1,88.00,CNY,succeeded,2026-11-22T15:59:58Z\n", ""},
		"no last newline": {header + "A1,t-1,88,CNY,succeeded,2026-11-22T15:59:58Z", ""},
		"CRLF and a mark": {"\ufeff" + strings.ReplaceAll(header, "\n", "\r\n") + "A1,t-1,88.0,CNY,succeeded,2026-11-22T23:59:58+08:00\r\n", ""},
		"minor unit":      {"at,order_no,status,amount_minor,channel_txn,currency\n2026-11-22T15:59:58Z,A1,succeeded,8800,t-1,CNY\n", ""},
		"one currency":    {"order_no,channel_txn,amount,status,at\nA1,t-1,88.00,succeeded,2026-11-22T15:59:58Z\n", "CNY"},
		"quotes, spaces":  {header + `"A1", t-1 ,"88.00",CNY,succeeded,2026-11-22T15:59:58Z`, ""},
	} {
		rows, bad := read(t, c.text, c.currency)
		if !reflect.DeepEqual(rows, want) || len(bad) != 0 {
			t.Errorf("%s: %+v, %v", name, rows, bad)
		}
	}
}

func TestALineThatCannotBeReadIsNamedAndTheOthersAreRead(t *testing.T) {
	t.Parallel()
	const good = "A1,t,1.00,CNY,succeeded,2026-11-22T15:59:58Z\n"
	for line, code := range map[string]string{
		"A 1,t,1.00,CNY,succeeded,2026-11-22T15:59:58Z":  settlement.BadOrderNo,
		",t,1.00,CNY,succeeded,2026-11-22T15:59:58Z":     settlement.BadOrderNo,
		"A1,号,1.00,CNY,succeeded,2026-11-22T15:59:58Z":   settlement.BadChannelTxn,
		"A1,t,1.001,CNY,succeeded,2026-11-22T15:59:58Z":  settlement.BadAmount,
		"A1,t,-1,CNY,succeeded,2026-11-22T15:59:58Z":     settlement.BadAmount,
		"A1,t,0,CNY,succeeded,2026-11-22T15:59:58Z":      settlement.BadAmount,
		"A1,t,1e2,CNY,succeeded,2026-11-22T15:59:58Z":    settlement.BadAmount,
		"A1,t,1.00,RMB,succeeded,2026-11-22T15:59:58Z":   settlement.BadCurrency,
		"A1,t,1.00,CNY,paid,2026-11-22T15:59:58Z":        settlement.BadStatus,
		"A1,t,1.00,CNY,succeeded,2026-11-22 15:59:58":    settlement.BadTime,
		"A1,t,1.00,CNY,succeeded":                        settlement.BadFields,
		"A1,t,1.00,CNY,succeeded,2026-11-22T15:59:58Z,x": settlement.BadFields,
		`A1,t"t,1.00,CNY,succeeded,2026-11-22T15:59:58Z`: settlement.BadCSV,
	} {
		rows, bad := read(t, header+good+line+"\n"+good, "")
		if len(rows) != 2 || len(bad) != 1 || bad[0] != (settlement.RowError{Line: 3, Code: code}) {
			t.Errorf("%q: %d rows, %v, want line 3: %s", line, len(rows), bad, code)
		}
	}
}

func TestAFileWithoutAUsableHeaderIsRefused(t *testing.T) {
	t.Parallel()
	for text, currency := range map[string]string{
		"": "", "A1,t-1,88.00,CNY,succeeded,2026-11-22T15:59:58Z\n": "",
		"order_no,channel_txn,amount,status,at\n":                       "", // no currency
		"order_no,channel_txn,amount,status,at,\n":                      "CNY",
		"order_no,channel_txn,amount,amount_minor,currency,status,at\n": "",
		"order_no,channel_txn,currency,status,at\n":                     "",
		"order_no,order_no,channel_txn,amount,currency,status,at\n":     "",
		"order_no,channel_txn,amount,currency,status\n":                 "",
		header: "CNY", "order_no,channel_txn,amount,status,at\r\n": "RMB",
	} {
		var refused *settlement.HeaderError
		if _, err := settlement.NewReader(strings.NewReader(text), currency); !errors.As(err, &refused) {
			t.Errorf("%q in %q: %v", text, currency, err)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(header+"A1,t-1,88.00,CNY,succeeded,2026-11-22T15:59:58Z\n", "")
	f.Add("order_no,channel_txn,amount_minor,status,at,refund_id\n\"A1\",t,8800,refunded,2026-11-22T15:59:58Z,r\n", "JPY")
	f.Fuzz(func(t *testing.T, text, currency string) {
		r, err := settlement.NewReader(strings.NewReader(text), currency)
		if err != nil {
			return
		}
		for last := 1; ; {
			row, err := r.Next()
			var refused *settlement.RowError
			switch {
			case errors.Is(err, io.EOF):
				return
			case errors.As(err, &refused):
				if row.Line = refused.Line; refused.Code == "" {
					t.Fatal("refused without a code")
				}
			case err != nil:
				t.Fatal(err)
			case !order.ValidOrderNo(row.OrderNo) || row.Amount.Validate() != nil || row.At == 0:
				t.Fatalf("accepted %+v", row)
			}
			if row.Line <= last {
				t.Fatalf("line %d after line %d", row.Line, last)
			}
			last = row.Line
		}
	})
}
