package notify_test

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"anxin/engine/notify"
	"anxin/engine/order"
)

func TestPhonesAreReadAndMasked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, locale, want, mask string }{
		{"13800138000", "zh-CN", "+8613800138000", "+86138****8000"},
		{"138 0013 8000", "", "+8613800138000", "+86138****8000"},
		{"+1 (415) 555-2671", "en", "+14155552671", "+141****2671"},
		{"13800138000", "en", "", ""},
		{"12345", "zh", "", ""},
		{"+0123456789", "", "", ""},
		{"+123456789012345678", "", "", ""},
	} {
		got, ok := notify.Phone(c.text, c.locale)
		if ok != (c.want != "") || (ok && got != c.want) {
			t.Errorf("%q: %q, %v", c.text, got, ok)
		}
		if ok && notify.MaskPhone(got) != c.mask {
			t.Errorf("%q is masked as %q", got, notify.MaskPhone(got))
		}
	}
	if got := notify.MaskEmail("payer@example.com"); got != "p***@example.com" {
		t.Errorf("masked %q", got)
	}
}

func subscription(endpoint string) string {
	point := append([]byte{4}, make([]byte, 64)...)
	return `{"endpoint":"` + endpoint + `","expirationTime":null,"keys":{"p256dh":"` + base64.RawURLEncoding.EncodeToString(point) +
		`","auth":"` + base64.RawURLEncoding.EncodeToString(make([]byte, 16)) + `"}}`
}

func TestPushAddresses(t *testing.T) {
	t.Parallel()
	good := subscription("https://push.example/x")
	for text, want := range map[string]notify.Channel{
		"apns:abc": notify.Push, "fcm:a:b": notify.Push, good: notify.WebPush,
		"apns:": "", "abc": "", "other:abc": "", "{": "", `{"endpoint":"https://push.example/x"}`: "",
		subscription("http://push.example/x"): "", strings.Replace(good, "auth", "out", 1): "",
	} {
		c, to, ok := notify.PushAddress(text)
		if ok != (want != "") || (ok && c != want) {
			t.Errorf("%q: %q, %v", text, c, ok)
		}
		if ok && strings.Contains(to.Mask(), "abc") {
			t.Errorf("the mask of %q shows it: %s", text, to.Mask())
		}
	}
}

func TestFingerprintsTellAddressesApartAndNothingElse(t *testing.T) {
	t.Parallel()
	k := notify.Key("k")
	a, b := notify.Address{Phone: "+8613800138000"}, notify.Address{Phone: "+8613800138001"}
	seen := map[string]bool{}
	for _, f := range []string{
		k.Fingerprint(notify.SMS, a), k.Fingerprint(notify.SMS, b), k.Fingerprint(notify.Push, a), notify.Key("l").Fingerprint(notify.SMS, a),
		k.Fingerprint(notify.SMS, notify.Address{Email: a.Phone}),
	} {
		if seen[f] || strings.Contains(f, "138") && len(f) != 16 {
			t.Errorf("fingerprint %q", f)
		}
		seen[f] = true
	}
	if k.Fingerprint(notify.Email, notify.Address{Email: "A@b.c"}) != k.Fingerprint(notify.Email, notify.Address{Email: "a@b.c"}) {
		t.Error("the same mailbox has two names")
	}
}

func TestNamesOfMessagesFitEverywhere(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("A", 64)
	id, collapse := notify.MessageID(long, notify.NoticeDelayed, notify.SMS, "f"), notify.CollapseKey(long)
	if len(id) > notify.MaxID || !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(id) {
		t.Errorf("id %q", id)
	}
	if len(collapse) > 32 || !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(collapse) {
		t.Errorf("collapse key %q", collapse)
	}
}

// FuzzContacts reads what backends and payers write.
func FuzzContacts(f *testing.F) {
	f.Add("13800138000", "payer@example.com", "apns:x")
	f.Add("+1", "a@", subscription("https://push.example"))
	f.Fuzz(func(t *testing.T, phone, email, push string) {
		for _, c := range notify.Key("k").ContactsOf(order.Order{OrderNo: "A1", Payer: order.Payer{ID: "p", Phone: phone, Email: email, Push: []string{push}}}) {
			if c.To == (notify.Address{}) || c.Fingerprint == "" {
				t.Fatalf("contact %+v", c)
			}
			if c.Channel == notify.SMS && !strings.HasPrefix(c.To.Phone, "+") {
				t.Fatalf("number %q", c.To.Phone)
			}
			if mask := c.To.Mask(); c.To.Phone != "" && (mask == c.To.Phone || mask == "") {
				t.Fatalf("the mask of %q is %q", c.To.Phone, mask)
			}
		}
	})
}

func TestContactsAreMasked(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "13812340000": "138****0000", "+8613812340000": "+86138****0000", "12345": "****", "123456789": "****",
	} {
		if got := notify.MaskPhone(in); got != want {
			t.Errorf("phone %q is shown as %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"": "", "alice@x.com": "a***@x.com", "a@x.com": "a***@x.com", "用户@例子.cn": "用***@例子.cn", "@x": "", "no": "",
	} {
		if got := notify.MaskEmail(in); got != want {
			t.Errorf("e-mail %q is shown as %q, want %q", in, got, want)
		}
	}
}
