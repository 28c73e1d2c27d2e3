package wechatpay_test

import (
	"encoding/base64"
	"errors"
	"maps"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/wechatpay"
	"anxin/engine/channel/wechatpay/wechatpaytest"
	"anxin/engine/order"
)

func TestPaymentIsReadByWhicheverKeySignedIt(t *testing.T) {
	t.Parallel()
	c := open(t, asIs)
	want := channel.Notification{OrderNo: "A1001", DedupeKey: "EV-1", Evidence: order.Evidence{
		Source: order.FromCallback, Claims: order.ClaimsSucceeded, Amount: &fen, Merchant: wechatpaytest.MchID,
		ChannelTxn: "4200A1001", OccurredAt: order.At(noon.Add(-time.Minute)),
	}}
	for _, by := range []wechatpaytest.Signer{keys.Platform, keys.Next, keys.Public} {
		notes, err := c.Verify(t.Context(), signed(by, notice("TRANSACTION.SUCCESS", paid())))
		if err != nil || len(notes) != 1 || !reflect.DeepEqual(notes[0], want) {
			t.Errorf("%s: %+v, error %v", by.Name, notes, err)
		}
	}
}

func TestKeysThatAreNotHeldSignNothing(t *testing.T) {
	t.Parallel()
	noPublic := open(t, func(cfg *wechatpay.Config) { cfg.PublicKey, cfg.PublicKeyID = "", "" })
	noCerts := open(t, func(cfg *wechatpay.Config) { cfg.PlatformCerts = nil })
	renamed := keys.Public
	renamed.Name = keys.Platform.Name
	for name, test := range map[string]struct {
		c    *wechatpay.Channel
		by   wechatpaytest.Signer
		want error
	}{
		"certificate alone":         {noPublic, keys.Platform, nil},
		"public key is not held":    {noPublic, keys.Public, channel.ErrSignature},
		"public key alone":          {noCerts, keys.Public, nil},
		"certificate is not held":   {noCerts, keys.Platform, channel.ErrSignature},
		"stranger":                  {noPublic, keys.Stranger, channel.ErrSignature},
		"public key as certificate": {open(t, asIs), renamed, channel.ErrSignature},
		"merchant":                  {open(t, asIs), keys.Merchant, channel.ErrSignature},
	} {
		if _, err := test.c.Verify(t.Context(), signed(test.by, notice("TRANSACTION.SUCCESS", paid()))); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// The signature of this one is made by openssl, from the bytes that the description names.
func TestCallbackSignedByOpenSSL(t *testing.T) {
	t.Parallel()
	body := notice("TRANSACTION.SUCCESS", paid())
	r := signed(keys.Stranger, body)
	sign := exec.CommandContext(t.Context(), "openssl", "dgst", "-sha256", "-sign", writeFile(t, "key.pem", keys.Platform.Key))
	sign.Stdin = strings.NewReader(r.Header.Get("Wechatpay-Timestamp") + "\n" + r.Header.Get("Wechatpay-Nonce") + "\n" + string(body) + "\n")
	signature, err := sign.Output()
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, asIs)
	if _, err := c.Verify(t.Context(), r); !errors.Is(err, channel.ErrSignature) {
		t.Fatalf("before: error %v", err)
	}
	r.Header.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(signature))
	if notes, err := c.Verify(t.Context(), r); err != nil || notes[0].OrderNo != "A1001" {
		t.Errorf("notes %+v, error %v", notes, err)
	}
}

func TestRefundsAreRead(t *testing.T) {
	t.Parallel()
	c, back, told := open(t, asIs), order.Money{Minor: 300, Currency: "CNY"}, order.At(time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC))
	for state, want := range map[string]order.Evidence{
		"SUCCESS":  {Claims: order.ClaimsRefunded, OccurredAt: order.At(noon), Refund: &order.RefundEvidence{CreditedAt: order.At(noon)}},
		"CLOSED":   {Claims: order.ClaimsRefundFailed, OccurredAt: told, Refund: &order.RefundEvidence{}},
		"ABNORMAL": {Claims: order.ClaimsRefunding, OccurredAt: told, Reason: "refund_abnormal", Refund: &order.RefundEvidence{}},
	} {
		want.Source, want.Amount, want.Merchant, want.ChannelTxn = order.FromCallback, &fen, wechatpaytest.MchID, "4200A1001"
		want.Refund.ID, want.Refund.Amount = "R|1*@", &back
		body := notice("REFUND."+state, wechatpaytest.RefundNotice("A1001", "R|1*@", state, fen.Minor, back.Minor, noon))
		notes, err := c.Verify(t.Context(), signed(keys.Platform, body))
		if err != nil || len(notes) != 1 || notes[0].OrderNo != "A1001" || !reflect.DeepEqual(notes[0].Evidence, want) {
			t.Errorf("%s: %+v, error %v", state, notes, err)
		}
	}
}

func TestOtherAccountsAreNamedAndNotJudged(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		app, mch, want string
		apps           []string
	}{
		"ours":          {wechatpaytest.AppID, wechatpaytest.MchID, wechatpaytest.MchID, []string{wechatpaytest.AppID}},
		"other account": {wechatpaytest.AppID, "1900000110", "1900000110", []string{wechatpaytest.AppID}},
		"other app":     {"wxstranger", wechatpaytest.MchID, wechatpaytest.MchID + "/wxstranger", []string{wechatpaytest.AppID}},
		"no app":        {"", wechatpaytest.MchID, wechatpaytest.MchID + "/", []string{wechatpaytest.AppID}},
		"odd app":       {"a b", wechatpaytest.MchID, wechatpaytest.MchID + "/", []string{wechatpaytest.AppID}},
		"any app":       {"wxstranger", wechatpaytest.MchID, wechatpaytest.MchID, nil},
	} {
		c := open(t, func(cfg *wechatpay.Config) { cfg.AppIDs = test.apps })
		p := paid()
		p["appid"], p["mchid"] = test.app, test.mch
		notes, err := c.Verify(t.Context(), signed(keys.Platform, notice("TRANSACTION.SUCCESS", p)))
		if err != nil || notes[0].Evidence.Merchant != test.want {
			t.Errorf("%s: %+v, error %v", name, notes, err)
		}
	}
}

func TestProbeIsRefusedAndHeldAgainstNoOrder(t *testing.T) {
	t.Parallel()
	c := open(t, asIs)
	r := signed(keys.Platform, notice("TRANSACTION.SUCCESS", paid()))
	r.Header.Set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/"+r.Header.Get("Wechatpay-Signature"))
	_, err := c.Verify(t.Context(), r)
	if _, named := errors.AsType[*channel.CallbackError](err); named || !errors.Is(err, channel.ErrSignature) {
		t.Errorf("error %v", err)
	}
	if a := c.Acknowledge(err); a.Status != 401 || string(a.Body) != `{"code":"FAIL","message":"失败"}` {
		t.Errorf("answer %+v", a)
	}
}

func TestRefusedCallbackNamesItsOrderOnlyWhenOurKeyEncryptedIt(t *testing.T) {
	t.Parallel()
	c := open(t, asIs)
	other := wechatpaytest.NewNotice("EV-1", "TRANSACTION.SUCCESS", paid())
	other.Resource.Ciphertext = wechatpaytest.Encrypt(strings.Repeat("k", 32), other.Resource.Nonce, other.Resource.AssociatedData, wechatpaytest.Marshal(paid()))
	late := signed(keys.Platform, notice("TRANSACTION.SUCCESS", paid()))
	late.ReceivedAt = noon.Add(301 * time.Second)
	for name, test := range map[string]struct {
		r     channel.Request
		want  error
		named string
	}{
		"key that is not held": {signed(keys.Merchant, notice("TRANSACTION.SUCCESS", paid())), channel.ErrSignature, "A1001"},
		"late":                 {late, channel.ErrStale, "A1001"},
		"other APIv3 key":      {signed(keys.Merchant, wechatpaytest.Marshal(other)), channel.ErrSignature, ""},
		"no order":             {signed(keys.Merchant, notice("COUPON.USE", wechatpaytest.Object{})), channel.ErrSignature, ""},
		"nonsense":             {signed(keys.Merchant, []byte("[")), channel.ErrSignature, ""},
	} {
		_, err := c.Verify(t.Context(), test.r)
		refused, ok := errors.AsType[*channel.CallbackError](err)
		if !errors.Is(err, test.want) || ok != (test.named != "") || (ok && refused.OrderNo != test.named) {
			t.Errorf("%s: error %v", name, err)
		}
		wantNeutral(t, err)
	}
}

func TestSignatureHasOneSpelling(t *testing.T) {
	t.Parallel()
	c := open(t, asIs)
	r := signed(keys.Platform, notice("TRANSACTION.SUCCESS", paid()))
	good := r.Header.Get("Wechatpay-Signature")
	if !strings.HasSuffix(good, "==") {
		t.Fatalf("signature %q has no unused bits", good)
	}
	last := good[len(good)-3]
	for name, signature := range map[string]string{
		"unused bits":  good[:len(good)-3] + string(last+1) + "==",
		"line break":   good[:76] + "\n" + good[76:],
		"no padding":   strings.TrimRight(good, "="),
		"two":          good + "," + good,
		"space around": " " + good,
		"empty":        "",
	} {
		r.Header.Set("Wechatpay-Signature", signature)
		if _, err := c.Verify(t.Context(), r); !errors.Is(err, channel.ErrSignature) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// What the headers sign has one reading: no part of it can be moved into the next.
func TestHeadersHaveOneReading(t *testing.T) {
	t.Parallel()
	c, body := open(t, asIs), notice("TRANSACTION.SUCCESS", paid())
	good := signed(keys.Platform, body)
	ts, nonce := good.Header.Get("Wechatpay-Timestamp"), good.Header.Get("Wechatpay-Nonce")
	for name, set := range map[string]map[string]string{
		"type of another suite":  {"Wechatpay-Signature-Type": "WECHATPAY2-SM2-WITH-SM3"},
		"nonce ends in the body": {"Wechatpay-Nonce": nonce + "\n" + string(body[:1])},
		"time with a sign":       {"Wechatpay-Timestamp": "+" + ts, "Wechatpay-Signature": keys.Platform.Sign("+" + ts + "\n" + nonce + "\n" + string(body) + "\n")},
		"time without end":       {"Wechatpay-Timestamp": strings.Repeat("9", 30), "Wechatpay-Signature": keys.Platform.Sign(strings.Repeat("9", 30) + "\n" + nonce + "\n" + string(body) + "\n")},
		"no nonce":               {"Wechatpay-Nonce": "", "Wechatpay-Signature": keys.Platform.Sign(ts + "\n\n" + string(body) + "\n")},
		"serial in lower case":   {"Wechatpay-Serial": strings.ToLower(keys.Platform.Name)},
	} {
		r := channel.Request{Header: good.Header.Clone(), Body: body, ReceivedAt: good.ReceivedAt}
		for header, value := range set {
			r.Header.Set(header, value)
		}
		if name == "nonce ends in the body" {
			r.Body = body[1:]
		}
		if _, err := c.Verify(t.Context(), r); !errors.Is(err, channel.ErrSignature) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	good.Header.Del("Wechatpay-Signature-Type") // may be left out
	if _, err := c.Verify(t.Context(), good); err != nil {
		t.Errorf("without type: error %v", err)
	}
}

func TestEventsAboutNoPaymentAreTaken(t *testing.T) {
	t.Parallel()
	body := wechatpaytest.Marshal(wechatpaytest.Notice{ID: "EV-1", EventType: "COUPON.USE"})
	if notes, err := open(t, asIs).Verify(t.Context(), signed(keys.Platform, body)); err != nil || len(notes) != 0 {
		t.Errorf("notes %+v, error %v", notes, err)
	}
}

// spoiled are bodies with a true signature that say nothing usable, by name.
func spoiled() map[string][]byte {
	bodies := map[string][]byte{"empty": nil, "null": []byte("null"), "array": []byte("[]"), "open": []byte(`{"id":`), "two": append(notice("TRANSACTION.SUCCESS", paid()), '{', '}')}
	envelope := func(name string, change func(*wechatpaytest.Notice)) {
		n := wechatpaytest.NewNotice("EV-1", "TRANSACTION.SUCCESS", paid())
		change(&n)
		bodies[name] = wechatpaytest.Marshal(n)
	}
	envelope("no id", func(n *wechatpaytest.Notice) { n.ID = "" })
	envelope("odd id", func(n *wechatpaytest.Notice) { n.ID = "a b" })
	envelope("long id", func(n *wechatpaytest.Notice) { n.ID = strings.Repeat("a", 65) })
	envelope("no event", func(n *wechatpaytest.Notice) { n.EventType = "" })
	envelope("odd event", func(n *wechatpaytest.Notice) { n.EventType = "transaction.success" })
	envelope("refund's event", func(n *wechatpaytest.Notice) { n.EventType = "REFUND.SUCCESS" })
	envelope("odd time", func(n *wechatpaytest.Notice) { n.CreateTime = "yesterday" })
	envelope("time out of range", func(n *wechatpaytest.Notice) { n.CreateTime = "1969-01-01T00:00:00Z" })
	envelope("no resource", func(n *wechatpaytest.Notice) { n.Resource = nil })
	envelope("empty resource", func(n *wechatpaytest.Notice) { n.Resource = &wechatpaytest.Resource{} })
	envelope("other algorithm", func(n *wechatpaytest.Notice) { n.Resource.Algorithm = "AEAD_SM4_GCM" })
	envelope("other data", func(n *wechatpaytest.Notice) { n.Resource.AssociatedData = "refund" })
	envelope("no base64", func(n *wechatpaytest.Notice) { n.Resource.Ciphertext = "%" })
	envelope("no ciphertext", func(n *wechatpaytest.Notice) { n.Resource.Ciphertext = "" })
	envelope("short ciphertext", func(n *wechatpaytest.Notice) { n.Resource.Ciphertext = "AAAA" })
	for _, length := range []int{0, 1, 11, 13, 16, 64} {
		envelope("nonce of "+strconv.Itoa(length), func(n *wechatpaytest.Notice) { n.Resource.Nonce = strings.Repeat("n", length) })
	}
	inside := func(name, event string, content wechatpaytest.Object, set wechatpaytest.Object) {
		maps.Copy(content, set)
		bodies[name] = notice(event, content)
	}
	for name, set := range map[string]wechatpaytest.Object{
		"order number": {"out_trade_no": "A 1001"}, "no order number": {"out_trade_no": nil}, "merchant": {"mchid": "x"},
		"state": {"trade_state": "PAID"}, "state of another event": {"trade_state": "CLOSED"}, "no transaction": {"transaction_id": ""},
		"odd transaction": {"transaction_id": "<script>"}, "no amount": {"amount": nil}, "fraction": {"amount": wechatpaytest.Object{"total": 88.5}},
		"text amount": {"amount": wechatpaytest.Object{"total": "8800"}}, "nothing": {"amount": wechatpaytest.Object{"total": 0}},
		"negative": {"amount": wechatpaytest.Object{"total": -8800}}, "too much": {"amount": wechatpaytest.Object{"total": int64(1) << 60}},
		"currency": {"amount": wechatpaytest.Object{"total": 8800, "currency": "XXX"}}, "time": {"success_time": "2026"},
	} {
		inside("payment: "+name, "TRANSACTION.SUCCESS", paid(), set)
	}
	for name, set := range map[string]wechatpaytest.Object{
		"order number": {"out_trade_no": ""}, "merchant": {"mchid": nil}, "state": {"refund_status": "PROCESSING"}, "no state": {"refund_status": nil, "status": "SUCCESS"},
		"refund number": {"out_refund_no": "R 1"}, "transaction": {"transaction_id": ""}, "amount": {"amount": nil}, "no refund": {"amount": wechatpaytest.Object{"total": 8800}},
		"no total": {"amount": wechatpaytest.Object{"refund": 8800}}, "no time": {"success_time": ""}, "time": {"success_time": "soon"}, "accepted": {"create_time": "soon"},
	} {
		inside("refund: "+name, "REFUND.SUCCESS", wechatpaytest.RefundNotice("A1001", "R1", "SUCCESS", fen.Minor, 300, noon), set)
	}
	repeat := func(name, event, plain string) {
		n := wechatpaytest.NewNotice("EV-1", event, nil)
		n.Resource.Ciphertext = wechatpaytest.Encrypt(wechatpaytest.APIv3Key, n.Resource.Nonce, n.Resource.AssociatedData, []byte(plain))
		bodies[name] = wechatpaytest.Marshal(n)
	}
	plain := string(wechatpaytest.Marshal(paid()))
	repeat("order number twice", "TRANSACTION.SUCCESS", strings.Replace(plain, `{`, `{"out_trade_no":"A1002",`, 1))
	repeat("total twice", "TRANSACTION.SUCCESS", strings.Replace(plain, `"total":`, `"total":1,"total":`, 1))
	repeat("total in capitals too", "TRANSACTION.SUCCESS", strings.Replace(plain, `"total":`, `"TOTAL":1,"total":`, 1))
	repeat("no JSON inside", "TRANSACTION.SUCCESS", "paid")
	bodies["id twice"] = []byte(strings.Replace(string(notice("TRANSACTION.SUCCESS", paid())), `{`, `{"id":"EV-2",`, 1))
	return bodies
}

func TestSignedNonsenseIsMalformedAndNeverAPanic(t *testing.T) {
	t.Parallel()
	c := open(t, asIs)
	for name, body := range spoiled() {
		notes, err := c.Verify(t.Context(), signed(keys.Platform, body))
		if !errors.Is(err, channel.ErrMalformed) || notes != nil {
			t.Errorf("%s: notes %+v, error %v", name, notes, err)
		}
		wantNeutral(t, err)
	}
}

func TestAcknowledgementsAreThoseThatWeChatPayReads(t *testing.T) {
	t.Parallel()
	c := open(t, asIs)
	for status, err := range map[int]error{
		204: nil, 401: &channel.CallbackError{OrderNo: "A1001", Err: channel.ErrSignature}, 400: channel.ErrMalformed, 500: channel.ErrStore,
	} {
		want := channel.Answer{Status: status}
		if err != nil {
			want.ContentType, want.Body = "application/json", []byte(`{"code":"FAIL","message":"失败"}`)
		}
		if got := c.Acknowledge(err); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %+v", err, got)
		}
	}
}
