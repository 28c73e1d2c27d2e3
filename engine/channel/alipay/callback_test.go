package alipay

import (
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/alipay/alipaytest"
	"anxin/engine/order"
)

// modes are the two ways in which an account may be set up.
func modes() map[string]vendor {
	return map[string]vendor{"keys": keyVendor(), "certificates": certVendor()}
}

func verify(tb testing.TB, c *Channel, r channel.Request) channel.Notification {
	tb.Helper()
	notes, err := c.Verify(tb.Context(), r)
	if err != nil || len(notes) != 1 {
		tb.Fatalf("notes %+v, error %v", notes, err)
	}
	return notes[0]
}

func refused(tb testing.TB, c *Channel, r channel.Request, want error) {
	tb.Helper()
	if notes, err := c.Verify(tb.Context(), r); !errors.Is(err, want) || notes != nil {
		tb.Errorf("notes %+v, error %v, want %v", notes, err, want)
	}
}

func TestNotificationTellsPayment(t *testing.T) {
	t.Parallel()
	for mode, v := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			n := verify(t, deaf(t, v), v.notify(alipaytest.PaidNotice()))
			ev := n.Evidence
			if n.OrderNo != "A1001" || n.DedupeKey != "2026112300222160003004670000000001" {
				t.Errorf("notification names %s, %s", n.OrderNo, n.DedupeKey)
			}
			if ev.Source != order.FromCallback || ev.Claims != order.ClaimsSucceeded || ev.Merchant != alipaytest.SellerID || *ev.Amount != cny(8800) ||
				ev.ChannelTxn != "2026112322001403000000000001" || ev.Refund != nil || ev.RefundedSum != nil {
				t.Errorf("evidence is %+v", ev)
			}
			if want := time.Date(2026, 11, 23, 8, 0, 2, 0, time.UTC); !ev.OccurredAt.Std().Equal(want) {
				t.Errorf("paid at %v, want %v: the time is Shanghai's", ev.OccurredAt.Std(), want)
			}
		})
	}
}

// OpenSSL signs here, so that neither side of the signature is Go's.
func TestNotificationSignedByOpenSSLVerifies(t *testing.T) {
	t.Parallel()
	dir, v := t.TempDir(), keyVendor()
	key, text := filepath.Join(dir, "key.pem"), filepath.Join(dir, "content")
	openssl := func(args ...string) []byte {
		out, err := exec.Command("openssl", args...).Output()
		if err != nil {
			t.Fatalf("openssl %v: %v", args, err)
		}
		return out
	}
	openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
	if err := os.WriteFile(text, []byte(alipaytest.Content(alipaytest.PaidNotice())), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := v.config("")
	cfg.AlipayPublicKey = string(openssl("pkey", "-in", key, "-pubout"))
	signed := alipaytest.PaidNotice().With("sign_type", "RSA2", "sign", base64.StdEncoding.EncodeToString(openssl("dgst", "-sha256", "-sign", key, text)))
	verify(t, open(t, cfg), requestOf(signed.Encode()))
}

func TestEveryTradeStatus(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	c := deaf(t, v)
	refund := func(status, fee string) fields {
		return alipaytest.PaidNotice().With("trade_status", status, "refund_fee", fee, "gmt_refund", "2026-11-23 16:05:00.123", "out_biz_no", "R1001")
	}
	for name, test := range map[string]struct {
		notice fields
		claims order.Claimed
		at     string // UTC
		refund string // the sum, "" = no refund
	}{
		"pending":             {alipaytest.PaidNotice().With("trade_status", "WAIT_BUYER_PAY", "gmt_payment", ""), order.ClaimsPending, "07:59:50", ""},
		"paid":                {alipaytest.PaidNotice(), order.ClaimsSucceeded, "08:00:02", ""},
		"finished":            {alipaytest.PaidNotice().With("trade_status", "TRADE_FINISHED"), order.ClaimsSucceeded, "08:00:02", ""},
		"closed":              {alipaytest.PaidNotice().With("trade_status", "TRADE_CLOSED", "gmt_payment", "", "gmt_close", "2026-11-23 16:30:00"), order.ClaimsClosed, "08:30:00", ""},
		"closed, no time":     {alipaytest.PaidNotice().With("trade_status", "TRADE_CLOSED", "gmt_payment", ""), order.ClaimsClosed, "08:00:03", ""},
		"refunded in part":    {refund("TRADE_SUCCESS", "20.00"), order.ClaimsRefunded, "08:05:00", "20.00"},
		"refunded":            {refund("TRADE_CLOSED", "88.00"), order.ClaimsRefunded, "08:05:00", "88.00"},
		"finished after part": {refund("TRADE_FINISHED", "20"), order.ClaimsRefunded, "08:05:00", "20.00"},
		"no time of refund":   {refund("TRADE_SUCCESS", "20.00").With("gmt_refund", ""), order.ClaimsRefunded, "08:00:03", "20.00"},
		"nothing refunded":    {alipaytest.PaidNotice().With("refund_fee", "0.00"), order.ClaimsSucceeded, "08:00:02", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ev := verify(t, c, v.notify(test.notice)).Evidence
			if ev.Claims != test.claims || ev.OccurredAt.Std().UTC().Format(time.TimeOnly) != test.at || *ev.Amount != cny(8800) {
				t.Errorf("evidence is %+v at %v", ev, ev.OccurredAt.Std())
			}
			if test.refund == "" {
				if ev.Refund != nil || ev.RefundedSum != nil {
					t.Errorf("refund %+v, sum %+v", ev.Refund, ev.RefundedSum)
				}
				return
			}
			if ev.Refund.ID != "R1001" || ev.Refund.Amount != nil || ev.RefundedSum.Decimal() != test.refund || ev.Refund.CreditedAt != ev.OccurredAt {
				t.Errorf("refund %+v, sum %+v", ev.Refund, ev.RefundedSum)
			}
		})
	}
}

// A closed trade with the time of a refund and no sum was refunded as a whole.
func TestClosedByARefundWithoutSum(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	ev := verify(t, deaf(t, v), v.notify(alipaytest.PaidNotice().With("trade_status", "TRADE_CLOSED", "gmt_refund", "2026-11-23 16:05:00"))).Evidence
	if ev.Claims != order.ClaimsRefunded || ev.Refund == nil || ev.Refund.Amount != nil || ev.RefundedSum != nil {
		t.Errorf("evidence is %+v", ev)
	}
}

// refund_fee is the sum: two notifications about two refunds book each its part, in
// whatever order they come.
func TestRefundFeeIsTheSumOfAllRefunds(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	c := deaf(t, v)
	first := alipaytest.PaidNotice().With("refund_fee", "20.00", "gmt_refund", "2026-11-23 16:05:00", "out_biz_no", "R1")
	second := alipaytest.PaidNotice().With("refund_fee", "50.00", "gmt_refund", "2026-11-23 16:06:00", "out_biz_no", "R2")
	last := alipaytest.PaidNotice().With("refund_fee", "88.00", "gmt_refund", "2026-11-23 16:07:00", "out_biz_no", "R3", "trade_status", "TRADE_CLOSED")
	for name, notices := range map[string][]fields{
		"in order": {alipaytest.PaidNotice(), first, second, first, last}, "overtaken": {second, first, alipaytest.PaidNotice(), last, second}, "only the last": {last},
	} {
		o := registered(t)
		for i, f := range notices {
			o = o.Apply(verify(t, c, v.notify(f)).Evidence, order.At(time.Now())).Order
			if i == 2 && o.Payment != order.Succeeded {
				t.Errorf("%s: after %d notices the order is %s", name, i+1, o.Payment)
			}
		}
		sum := int64(0)
		for _, r := range o.Refunds {
			sum += r.Minor
		}
		if o.Payment != order.Refunded || sum != 8800 || len(o.Cases) != 0 {
			t.Errorf("%s: %s, refunds %+v, cases %+v", name, o.Payment, o.Refunds, o.Cases)
		}
	}
}

func registered(tb testing.TB) order.Order {
	tb.Helper()
	c, err := order.Register(order.Registration{
		OrderNo: "A1001", Backend: "shop", Channel: "alipay", Merchant: alipaytest.SellerID, Mode: order.Managed,
		Amount: cny(8800), Subject: "tea", Payer: order.Payer{ID: "u-1", Locale: "zh-CN"},
	}, order.At(time.Now()))
	if err != nil {
		tb.Fatal(err)
	}
	return c.Order
}

// An amount of another currency is not the price, whatever its digits; an amount in more
// digits than a fen has is none.
func TestAmountsAreExact(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	c := deaf(t, v)
	for decimal, fen := range map[string]int64{"88": 8800, "88.0": 8800, "88.00": 8800, "0.01": 1, "0.07": 7, "1.10": 110, "100000000.00": 10_000_000_000, "9007199254740.93": 900719925474093} {
		if n := verify(t, c, v.notify(alipaytest.PaidNotice().With("total_amount", decimal))); *n.Evidence.Amount != cny(fen) {
			t.Errorf("%s is read as %+v", decimal, n.Evidence.Amount)
		}
	}
	for _, decimal := range []string{"88.001", "8.8e1", "+88", "-88.00", "88,00", "", "0", "NaN", "８８", "88.", ".5", "10000000000000.01"} {
		refused(t, c, v.notify(alipaytest.PaidNotice().With("total_amount", decimal)), channel.ErrMalformed)
	}
	if ev := verify(t, c, v.notify(alipaytest.PaidNotice().With("trans_currency", "USD"))).Evidence; ev.Amount.Currency != "USD" {
		t.Errorf("dollars are read as %+v", ev.Amount)
	}
	refused(t, c, v.notify(alipaytest.PaidNotice().With("trans_currency", "XXX")), channel.ErrMalformed)
}

// The library would verify all of these.
func TestWhatTheLibraryLetsThrough(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	c := deaf(t, v)
	for what, test := range map[string]struct {
		r    channel.Request
		want error
	}{
		"no application":              {v.notify(alipaytest.PaidNotice().With("app_id", "")), channel.ErrMalformed},
		"sign_type of the old kind":   {requestOf(v.Sign(alipaytest.PaidNotice()).With("sign_type", "RSA").Encode()), channel.ErrSignature},
		"sign_type in small letters":  {requestOf(v.Sign(alipaytest.PaidNotice()).With("sign_type", "rsa2").Encode()), channel.ErrSignature},
		"no sign_type":                {requestOf(v.Sign(alipaytest.PaidNotice()).With("sign_type", "").Encode()), channel.ErrSignature},
		"a certificate in key mode":   {requestOf(v.Sign(alipaytest.PaidNotice()).With("alipay_cert_sn", "0011").Encode()), channel.ErrSignature},
		"the library's own name":      {requestOf(v.Sign(alipaytest.PaidNotice()).With("alipay_cert_sn", "alipay-public-key").Encode()), channel.ErrSignature},
		"a signature in other base64": {requestOf(twist(v.Sign(alipaytest.PaidNotice())).Encode()), channel.ErrSignature},
		"a signature with line ends":  {requestOf(v.Sign(alipaytest.PaidNotice()).With("sign", v.Sign(alipaytest.PaidNotice())["sign"]+"\n").Encode()), channel.ErrSignature},
		"a field that is there twice": {requestOf(append(v.Sign(alipaytest.PaidNotice()).Encode(), "&out_trade_no=A1001"...)), channel.ErrMalformed},
		"a sign that is there twice":  {requestOf(append(v.Sign(alipaytest.PaidNotice()).Encode(), "&sign=x"...)), channel.ErrMalformed},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			refused(t, c, test.r, test.want)
		})
	}
}

// twist writes the same signature in another way: the last digit has four bits that no
// byte needs.
func twist(f fields) fields {
	sign := []byte(f["sign"])
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	at := len(sign) - 3
	sign[at] = digits[strings.IndexByte(digits, sign[at])+1]
	return f.With("sign", string(sign))
}

// Fields of the URL count for nothing: neither do they complete a notification nor does
// one that contradicts the body matter.
func TestOnlyTheBodyIsRead(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	c := deaf(t, v)
	empty := requestOf(nil)
	empty.Query = string(v.Sign(alipaytest.PaidNotice()).Encode())
	refused(t, c, empty, channel.ErrSignature)
	both := v.notify(alipaytest.PaidNotice())
	both.Query = "out_trade_no=A9999&total_amount=0.01&sign=x&sign_type=RSA"
	if n := verify(t, c, both); n.OrderNo != "A1001" || *n.Evidence.Amount != cny(8800) {
		t.Errorf("the URL's query made it %+v", n)
	}
}

// A production client of the library would ask Alipay for the certificate, on the word of
// whoever sent the notification. The adapter of this test fails it if it dials.
func TestUnknownCertificateIsABadSignatureAndNotFetched(t *testing.T) {
	t.Parallel()
	v := certVendor()
	c := deaf(t, v)
	refused(t, c, requestOf(v.Sign(alipaytest.PaidNotice()).With("alipay_cert_sn", strings.Repeat("0", 32)).Encode()), channel.ErrSignature)
	// The serial of a certificate that is known, with the signature of another.
	refused(t, c, requestOf(v.Sign(alipaytest.PaidNotice()).With("alipay_cert_sn", v.Certs.NextSerial).Encode()), channel.ErrSignature)
	// The other certificate has its turn when Alipay changes over.
	next := v
	next.Alipay = v.Certs.NextKey
	verify(t, c, requestOf(next.Sign(alipaytest.PaidNotice()).With("alipay_cert_sn", v.Certs.NextSerial).Encode()))
	for _, from := range []vendor{v, next} { // an older notification names none
		verify(t, c, requestOf(from.Sign(alipaytest.PaidNotice()).With("alipay_cert_sn", "").Encode()))
	}
	// The certificate of the issuer lies beside, and signs no notification.
	issuer := v
	issuer.Alipay = v.Certs.IssuerKey
	refused(t, c, requestOf(issuer.Sign(alipaytest.PaidNotice()).With("alipay_cert_sn", v.Certs.IssuerSerial).Encode()), channel.ErrSignature)
}

func TestNotificationsVerifyAtAnyAge(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	old := alipaytest.PaidNotice().With("notify_time", "2016-01-02 03:04:05", "gmt_create", "2016-01-02 03:04:00", "gmt_payment", "2016-01-02 03:04:03")
	if n := verify(t, deaf(t, v), v.notify(old)); n.Evidence.OccurredAt.Std().Year() != 2016 {
		t.Errorf("evidence is %+v", n.Evidence)
	}
}

// The library verifies both, and says nothing.
func TestAnotherSellerOrApplicationIsEvidenceThatOpensACase(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	for name, f := range map[string]fields{
		"2088000000000099":                        alipaytest.PaidNotice().With("seller_id", "2088000000000099"),
		alipaytest.SellerID + "/2021000000000009": alipaytest.PaidNotice().With("app_id", "2021000000000009"),
	} {
		n := verify(t, deaf(t, v), v.notify(f))
		if n.Evidence.Merchant != name {
			t.Errorf("evidence names %s, want %s", n.Evidence.Merchant, name)
		}
		o := registered(t).Apply(n.Evidence, order.At(time.Now())).Order
		if o.Payment != order.Pending || len(o.Cases) != 1 || o.Cases[0].Kind != order.CaseMerchantMismatch {
			t.Errorf("%s: the order is %s with cases %+v", name, o.Payment, o.Cases)
		}
	}
	refused(t, deaf(t, v), v.notify(alipaytest.PaidNotice().With("seller_id", "")), channel.ErrMalformed)
}

// Agreements and the like come to the same address.
func TestNotificationAboutNoTradeTellsNothing(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	c := deaf(t, v)
	agreement := fields{"notify_type": "dut_user_sign", "notify_id": "n1", "app_id": alipaytest.AppID, "agreement_no": "20260000000000000001", "status": "NORMAL"}
	if notes, err := c.Verify(t.Context(), v.notify(agreement)); err != nil || notes != nil {
		t.Errorf("notes %+v, error %v", notes, err)
	}
	refused(t, c, requestOf(agreement.With("sign", alipaytest.Signature(alipaytest.OtherKey(), alipaytest.Content(agreement)), "sign_type", "RSA2").Encode()), channel.ErrSignature)
}

func TestSignedNonsenseIsMalformed(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	c := deaf(t, v)
	for what, f := range map[string]fields{
		"no type":                   alipaytest.PaidNotice().With("notify_type", ""),
		"an application of no kind": alipaytest.PaidNotice().With("app_id", "wx1"),
		"no id":                     alipaytest.PaidNotice().With("notify_id", ""),
		"an id with blanks":         alipaytest.PaidNotice().With("notify_id", "a b"),
		"no order":                  alipaytest.PaidNotice().With("out_trade_no", ""),
		"an order of no kind":       alipaytest.PaidNotice().With("out_trade_no", "../etc"),
		"no number of the trade":    alipaytest.PaidNotice().With("trade_no", ""),
		"no status":                 alipaytest.PaidNotice().With("trade_status", ""),
		"an unknown status":         alipaytest.PaidNotice().With("trade_status", "TRADE_PENDING"),
		"a time of no day":          alipaytest.PaidNotice().With("gmt_payment", "2026-13-01 00:00:00"),
		"a time with a zone":        alipaytest.PaidNotice().With("gmt_payment", "2026-11-23T16:00:02+08:00"),
		"a sum that is no sum":      alipaytest.PaidNotice().With("refund_fee", "1.005"),
		"a refund without sum":      alipaytest.PaidNotice().With("gmt_refund", "2026-11-23 16:05:00"),
		"a refund of nothing":       alipaytest.PaidNotice().With("refund_fee", "0.00", "gmt_refund", "2026-11-23 16:05:00"),
		"a refund of no time":       alipaytest.PaidNotice().With("refund_fee", "1.00", "gmt_refund", "soon"),
		"a refund of odd name":      alipaytest.PaidNotice().With("refund_fee", "1.00", "out_biz_no", "R 1"),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			refused(t, c, v.notify(f), channel.ErrMalformed)
		})
	}
	for _, body := range []string{"%zz=1", "a=%", "a=1;b=2", strings.Repeat("a", maxNotice+1)} {
		refused(t, c, requestOf([]byte(body)), channel.ErrMalformed)
	}
}

func TestRefusedNotificationNamesItsOrderOnlyWhenItReads(t *testing.T) {
	t.Parallel()
	v := keyVendor()
	c := deaf(t, v)
	for name, f := range map[string]fields{
		"A1001": v.Sign(alipaytest.PaidNotice()).With("total_amount", "0.01"),
		"":      v.Sign(alipaytest.PaidNotice()).With("out_trade_no", "<script>"),
	} {
		_, err := c.Verify(t.Context(), requestOf(f.Encode()))
		got := ""
		if named, ok := errors.AsType[*channel.CallbackError](err); ok {
			got = named.OrderNo
		}
		if !errors.Is(err, channel.ErrSignature) || got != name {
			t.Errorf("error %v names %q, want %q", err, got, name)
		}
		if strings.Contains(err.Error(), "example") || strings.Contains(err.Error(), "script") {
			t.Errorf("error tells the notification: %v", err)
		}
	}
}

func TestAcknowledge(t *testing.T) {
	t.Parallel()
	c := deaf(t, keyVendor())
	for _, test := range []struct {
		err    error
		status int
		body   string
	}{
		{nil, 200, "success"},
		{channel.ErrSignature, 401, "failure"},
		{&channel.CallbackError{OrderNo: "A1001", Err: channel.ErrSignature}, 401, "failure"},
		{channel.ErrStale, 401, "failure"},
		{channel.ErrMerchant, 401, "failure"},
		{channel.ErrMalformed, 400, "failure"},
		{channel.ErrStore, 500, "failure"},
	} {
		a := c.Acknowledge(test.err)
		if a.Status != test.status || string(a.Body) != test.body || a.ContentType != "text/plain" {
			t.Errorf("%v is answered %d %q as %q", test.err, a.Status, a.Body, a.ContentType)
		}
	}
}
