package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/order"
)

const testSecret = "the secret of the tests"

var testNow = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func setup(tb testing.TB, gateway string) *Channel {
	tb.Helper()
	c, err := New(Config{
		Name: "sandbox", GatewayURL: gateway, Merchant: "shop-1", Secret: testSecret,
		Client: &http.Client{Transport: transport(tb)}, Clock: func() time.Time { return testNow },
	})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func transport(tb testing.TB) *http.Transport {
	tb.Helper()
	tr := &http.Transport{}
	tb.Cleanup(tr.CloseIdleConnections)
	return tr
}

func paid() Payment {
	return Payment{
		OutTradeNo: "A1001", Merchant: "shop-1", TransactionID: "sbtx_1", State: StateSucceeded,
		Amount: &order.Money{Minor: 8800, Currency: "CNY"}, At: order.At(testNow),
	}
}

func bodyOf(tb testing.TB, p Payment) []byte {
	tb.Helper()
	raw, err := json.Marshal(Notice{ID: "ntf_1", Payment: p})
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func sealed(body []byte, at time.Time) channel.Request {
	r := channel.Request{Header: http.Header{}, Body: body, ReceivedAt: testNow}
	Seal(r.Header, testSecret, at, "nonce-1", body)
	return r
}

func TestCallbackTellsPayment(t *testing.T) {
	t.Parallel()
	notes, err := setup(t, "http://gateway.test").Verify(t.Context(), sealed(bodyOf(t, paid()), testNow))
	if err != nil || len(notes) != 1 {
		t.Fatalf("notes %v, error %v", notes, err)
	}
	n := notes[0]
	if n.OrderNo != "A1001" || n.DedupeKey != "ntf_1" {
		t.Errorf("notification names %s, %s", n.OrderNo, n.DedupeKey)
	}
	ev := n.Evidence
	if ev.Source != order.FromCallback || ev.Claims != order.ClaimsSucceeded || ev.Merchant != "shop-1" ||
		ev.Amount == nil || *ev.Amount != (order.Money{Minor: 8800, Currency: "CNY"}) || ev.ChannelTxn != "sbtx_1" || ev.OccurredAt != order.At(testNow) {
		t.Errorf("evidence is %+v", ev)
	}
}

func TestCallbackForOtherMerchantIsEvidenceThatNamesIt(t *testing.T) {
	t.Parallel()
	p := paid()
	p.Merchant = "shop-2"
	notes, err := setup(t, "http://gateway.test").Verify(t.Context(), sealed(bodyOf(t, p), testNow))
	if err != nil || notes[0].Evidence.Merchant != "shop-2" {
		t.Fatalf("notes %+v, error %v", notes, err)
	}
}

func TestCallbackTamperedAnywhereIsRefused(t *testing.T) {
	t.Parallel()
	c, body := setup(t, "http://gateway.test"), bodyOf(t, paid())
	for i := range body {
		for bit := range 8 {
			r := sealed(body, testNow)
			r.Body = append([]byte(nil), body...)
			r.Body[i] ^= 1 << bit
			if notes, err := c.Verify(t.Context(), r); !errors.Is(err, channel.ErrSignature) || notes != nil {
				t.Fatalf("byte %d bit %d: notes %v, error %v", i, bit, notes, err)
			}
		}
	}
	for _, name := range []string{HeaderTimestamp, HeaderNonce, HeaderSignature} {
		for i := range sealed(body, testNow).Header.Get(name) {
			for bit := range 8 {
				r := sealed(body, testNow)
				value := []byte(r.Header.Get(name))
				value[i] ^= 1 << bit
				r.Header.Set(name, string(value))
				if notes, err := c.Verify(t.Context(), r); !errors.Is(err, channel.ErrSignature) || notes != nil {
					t.Fatalf("%s byte %d bit %d: notes %v, error %v", name, i, bit, notes, err)
				}
			}
		}
	}
}

func TestCallbackHeadersMustComeOnce(t *testing.T) {
	t.Parallel()
	c, body := setup(t, "http://gateway.test"), bodyOf(t, paid())
	for _, name := range []string{HeaderTimestamp, HeaderNonce, HeaderSignature} {
		missing, twice := sealed(body, testNow), sealed(body, testNow)
		missing.Header.Del(name)
		twice.Header.Add(name, twice.Header.Get(name))
		for what, r := range map[string]channel.Request{"missing": missing, "twice": twice} {
			if _, err := c.Verify(t.Context(), r); !errors.Is(err, channel.ErrSignature) {
				t.Errorf("%s %s: error %v", name, what, err)
			}
		}
	}
}

func TestCallbackOutsideWindowIsStale(t *testing.T) {
	t.Parallel()
	c, body := setup(t, "http://gateway.test"), bodyOf(t, paid())
	for offset, want := range map[time.Duration]error{
		-Window: nil, Window: nil, 0: nil,
		-Window - time.Second: channel.ErrStale, Window + time.Second: channel.ErrStale,
		-10 * 365 * 24 * time.Hour: channel.ErrStale,
	} {
		_, err := c.Verify(t.Context(), sealed(body, testNow.Add(offset)))
		if !errors.Is(err, want) {
			t.Errorf("%s off: error %v, want %v", offset, err, want)
		}
		var refused *channel.CallbackError
		if want != nil && (!errors.As(err, &refused) || refused.OrderNo != "A1001") {
			t.Errorf("%s off: error %v does not name the order", offset, err)
		}
	}
}

func TestTimestampBeyondAnyClockIsStale(t *testing.T) {
	t.Parallel()
	body := bodyOf(t, paid())
	r := channel.Request{Header: http.Header{}, Body: body}
	for _, ts := range []string{"99999999999", "0"} {
		r.Header.Set(HeaderTimestamp, ts)
		r.Header.Set(HeaderNonce, "n")
		r.Header.Set(HeaderSignature, Sign(testSecret, ts, "n", body))
		if _, err := setup(t, "http://gateway.test").Verify(t.Context(), r); !errors.Is(err, channel.ErrStale) {
			t.Errorf("timestamp %s: error %v", ts, err)
		}
	}
}

func TestForgedCallbackNamesOrderOnlyWhenItReads(t *testing.T) {
	t.Parallel()
	c := setup(t, "http://gateway.test")
	for body, want := range map[string]string{
		string(bodyOf(t, paid())): "A1001",
		`{"id":"ntf_1"}`:          "",
		`not json`:                "",
		``:                        "",
		`{"id":"ntf_1","payment":{"out_trade_no":"../etc","merchant":"m","state":"succeeded","at":null}}`: "",
	} {
		r := sealed([]byte(body), testNow)
		r.Header.Set(HeaderSignature, strings.Repeat("0", 64))
		_, err := c.Verify(t.Context(), r)
		if !errors.Is(err, channel.ErrSignature) {
			t.Errorf("%q: error %v", body, err)
		}
		named := ""
		if refused, ok := errors.AsType[*channel.CallbackError](err); ok {
			named = refused.OrderNo
		}
		if named != want {
			t.Errorf("%q names %q, want %q", body, named, want)
		}
	}
}

func TestSignedNonsenseIsMalformed(t *testing.T) {
	t.Parallel()
	c, good := setup(t, "http://gateway.test"), string(bodyOf(t, paid()))
	replace := func(from, to string) string {
		if !strings.Contains(good, from) {
			t.Fatalf("%q is not in %s", from, good)
		}
		return strings.Replace(good, from, to, 1)
	}
	for name, body := range map[string]string{
		"empty":             "",
		"null":              "null",
		"array":             "[" + good + "]",
		"trailing bytes":    good + "x",
		"trailing object":   good + good,
		"unknown field":     replace(`"id"`, `"extra":1,"id"`),
		"repeated field":    replace(`"id"`, `"id":"ntf_0","id"`),
		"repeated inside":   replace(`"minor":8800`, `"minor":1,"minor":8800`),
		"field in capitals": replace(`"state"`, `"State"`),
		"field by folding":  replace(`"state"`, `"ſtate"`),
		"no id":             replace(`"ntf_1"`, `""`),
		"long id":           replace(`"ntf_1"`, strconv.Quote(strings.Repeat("n", 65))),
		"other state":       replace(`"succeeded"`, `"refunded"`),
		"no amount":         replace(`"amount":{"minor":8800,"currency":"CNY"},`, ``),
		"negative amount":   replace(`8800`, `-1`),
		"fractional amount": replace(`8800`, `88.5`),
		"huge amount":       replace(`8800`, `99999999999999999999`),
		"other currency":    replace(`CNY`, `XXX`),
		"bad order number":  replace(`A1001`, `A 1001`),
		"bad reason":        replace(`"at"`, `"reason":"<b>","at"`),
		"bad time":          replace(`2026-11-23T08:00:00.000Z`, `yesterday`),
		"refund of unpaid":  strings.Replace(replace(`"succeeded"`, `"pending"`), `"at"`, `"refunds":[{"refund_id":"r","state":"accepted","amount":{"minor":1,"currency":"CNY"},"accepted_at":null,"credited_at":null}],"at"`, 1),
		"refund unnamed":    replace(`"at"`, `"refunds":[{"refund_id":"","state":"accepted","amount":{"minor":1,"currency":"CNY"},"accepted_at":null,"credited_at":null}],"at"`),
		"deep":              strings.Repeat(`{"id":`, 20_000),
	} {
		if notes, err := c.Verify(t.Context(), sealed([]byte(body), testNow)); !errors.Is(err, channel.ErrMalformed) || notes != nil {
			t.Errorf("%s: notes %v, error %v", name, notes, err)
		}
	}
}

func TestMessagesOfOneKindAreNoneOfAnother(t *testing.T) {
	t.Parallel()
	c := setup(t, "http://gateway.test")
	answer, err := json.Marshal(paid())
	if err != nil {
		t.Fatal(err)
	}
	for name, message := range map[string][]byte{
		"answer":  answer,
		"request": RequestMessage(http.MethodGet, "/v1/payments/A1001", nil),
	} {
		if _, err := c.Verify(t.Context(), sealed(message, testNow)); !errors.Is(err, channel.ErrMalformed) {
			t.Errorf("signed %s as a callback: error %v", name, err)
		}
	}
}

func TestEvidenceTellsWhatMattersMost(t *testing.T) {
	t.Parallel()
	at := func(s int) order.Time { return order.At(testNow.Add(time.Duration(s) * time.Second)) }
	cny := func(minor int64) order.Money { return order.Money{Minor: minor, Currency: "CNY"} }
	accepted := Refund{RefundID: "r1", State: RefundAccepted, Amount: cny(100), AcceptedAt: at(1)}
	later := Refund{RefundID: "r2", State: RefundAccepted, Amount: cny(200), AcceptedAt: at(2)}
	credited := Refund{RefundID: "r3", State: RefundCredited, Amount: cny(300), AcceptedAt: at(0), CreditedAt: at(9)}
	failed := Refund{RefundID: "r4", State: RefundFailed, Amount: cny(400), AcceptedAt: at(5)}
	for name, test := range map[string]struct {
		refunds []Refund
		asked   []string
		claims  order.Claimed
		id      string
		at      order.Time
	}{
		"payment alone":        {nil, []string{"r1"}, order.ClaimsSucceeded, "", at(0)},
		"accepted":             {[]Refund{accepted}, nil, order.ClaimsRefunding, "r1", at(1)},
		"newest of two":        {[]Refund{later, accepted}, nil, order.ClaimsRefunding, "r2", at(2)},
		"credited over newer":  {[]Refund{accepted, credited, later}, nil, order.ClaimsRefunded, "r3", at(9)},
		"accepted over failed": {[]Refund{failed, accepted}, nil, order.ClaimsRefunding, "r1", at(1)},
		"failed alone":         {[]Refund{failed}, nil, order.ClaimsRefundFailed, "r4", at(5)},
		"the one asked for":    {[]Refund{accepted, credited}, []string{"r1"}, order.ClaimsRefunding, "r1", at(1)},
		"asked for but absent": {[]Refund{accepted, credited}, []string{"r9"}, order.ClaimsRefunded, "r3", at(9)},
	} {
		p := paid()
		p.Refunds = test.refunds
		ev := p.evidence(order.FromQuery, test.asked)
		id := ""
		if ev.Refund != nil {
			id = ev.Refund.ID
		}
		if ev.Claims != test.claims || id != test.id || ev.OccurredAt != test.at || *ev.Amount != cny(8800) {
			t.Errorf("%s: evidence %+v, refund %q", name, ev, id)
		}
	}
}

func TestAcknowledgements(t *testing.T) {
	t.Parallel()
	c := setup(t, "http://gateway.test")
	for _, test := range []struct {
		err    error
		status int
		body   string
	}{
		{nil, 200, `{"code":"SUCCESS"}`},
		{channel.ErrSignature, 401, `{"code":"FAIL"}`},
		{&channel.CallbackError{OrderNo: "A1", Err: channel.ErrStale}, 401, `{"code":"FAIL"}`},
		{channel.ErrMerchant, 401, `{"code":"FAIL"}`},
		{malformed("id"), 400, `{"code":"FAIL"}`},
		{channel.ErrStore, 500, `{"code":"FAIL"}`},
		{errors.New("other"), 500, `{"code":"FAIL"}`},
	} {
		a := c.Acknowledge(test.err)
		if a.Status != test.status || string(a.Body) != test.body || a.ContentType != "application/json" {
			t.Errorf("%v: %d %s", test.err, a.Status, a.Body)
		}
	}
}

func TestNewRefusesConfigurations(t *testing.T) {
	t.Parallel()
	good := Config{Name: "sandbox", GatewayURL: "http://127.0.0.1/x", Merchant: "m", Secret: "s"}
	for name, test := range map[string]struct {
		change func(*Config)
		want   error
	}{
		"no name":     {func(c *Config) { c.Name = "" }, ErrConfigMissing},
		"no merchant": {func(c *Config) { c.Merchant = "" }, ErrConfigMissing},
		"no secret":   {func(c *Config) { c.Secret = "" }, ErrConfigMissing},
		"no gateway":  {func(c *Config) { c.GatewayURL = "" }, ErrConfigGateway},
		"relative":    {func(c *Config) { c.GatewayURL = "/sandbox" }, ErrConfigGateway},
		"other":       {func(c *Config) { c.GatewayURL = "ftp://host/" }, ErrConfigGateway},
		"broken":      {func(c *Config) { c.GatewayURL = "http://[" }, ErrConfigGateway},
		"good":        {func(*Config) {}, nil},
	} {
		cfg := good
		test.change(&cfg)
		if _, err := New(cfg); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// FuzzVerify feeds bytes with a true signature, the only ones that are read at all.
func FuzzVerify(f *testing.F) {
	f.Add(bodyOf(f, paid()), true)
	f.Add([]byte(`{"id":"ntf_1","payment":{}}`), true)
	f.Add([]byte(`{"id":{"id":[{}]}}`), false)
	f.Add([]byte(`]`), true)
	c := setup(f, "http://gateway.test")
	f.Fuzz(func(t *testing.T, body []byte, sign bool) {
		r := sealed(body, testNow)
		if !sign {
			r.Header.Set(HeaderSignature, string(body))
		}
		notes, err := c.Verify(t.Context(), r)
		if !sign && !errors.Is(err, channel.ErrSignature) {
			t.Fatalf("unsigned: notes %v, error %v", notes, err)
		}
		if err != nil {
			return
		}
		if len(notes) != 1 || !order.ValidOrderNo(notes[0].OrderNo) || notes[0].DedupeKey == "" || notes[0].Evidence.Claims == "" {
			t.Fatalf("notification %+v", notes)
		}
		if ev := notes[0].Evidence; ev.Claims == order.ClaimsSucceeded && (ev.Amount == nil || ev.Amount.Validate() != nil) {
			t.Fatalf("success without an amount: %+v", ev)
		}
	})
}

// A stored callback is judged by the time at which it came, whenever it is looked at
// again; its age is waived only by who says so, and its signature never.
func TestCallbackIsAsFreshAsWhenItCame(t *testing.T) {
	t.Parallel()
	c, body := setup(t, "http://gateway.test"), bodyOf(t, paid())
	for _, tt := range []struct {
		name   string
		sealed time.Duration // before testNow
		came   time.Duration
		anyAge bool
		forged bool
		want   error
	}{
		{"long ago, in time", 48 * time.Hour, 48*time.Hour - time.Minute, false, false, nil},
		{"long ago, too late", 48 * time.Hour, 47 * time.Hour, false, false, channel.ErrStale},
		{"too late, waived", 48 * time.Hour, 0, true, false, nil},
		{"from the future, waived", -time.Hour, 0, true, false, nil},
		{"forged, waived", 48 * time.Hour, 0, true, true, channel.ErrSignature},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := sealed(body, testNow.Add(-tt.sealed))
			r.ReceivedAt, r.AnyAge = testNow.Add(-tt.came), tt.anyAge
			if tt.forged {
				r.Header.Set(HeaderNonce, "another")
			}
			if _, err := c.Verify(t.Context(), r); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}
