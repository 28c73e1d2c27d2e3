package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"anxin/engine/order"
)

// Contact is one address of a payer.
type Contact struct {
	Channel     Channel
	To          Address
	Fingerprint string // see Key.Fingerprint
	OptedIn     bool   // the payer gave it on the page, and may take it back
	Asked       bool   // so given, by a payer who asked to be told how this very order ends
	Dead        bool   // a provider said that it will never work
}

// Key makes fingerprints: names for addresses that cannot be turned back, not even by
// trying all phone numbers, without the key.
type Key []byte

// Fingerprint names an address. Addresses of different channels have different ones.
func (k Key) Fingerprint(c Channel, a Address) string {
	mac := hmac.New(sha256.New, k)
	for _, part := range []string{string(c), a.Phone, strings.ToLower(a.Email), a.Device.Platform, a.Device.Token, a.WebPush.Endpoint, a.PayerID, a.Robot} {
		mac.Write([]byte(part))
		mac.Write([]byte{0})
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:12])
}

// ContactsOf reads the addresses that the backend gave with the order. What cannot be an
// address is left out.
func (k Key) ContactsOf(o order.Order) []Contact {
	var list []Contact
	add := func(c Channel, a Address) {
		list = append(list, Contact{Channel: c, To: a, Fingerprint: k.Fingerprint(c, a)})
	}
	add(Inbox, Address{PayerID: o.Payer.ID})
	add(Gateway, Address{PayerID: o.Payer.ID})
	if phone, ok := Phone(o.Payer.Phone, o.Payer.Locale); ok {
		add(SMS, Address{Phone: phone})
	}
	if ValidEmail(o.Payer.Email) {
		add(Email, Address{Email: o.Payer.Email})
	}
	for _, push := range o.Payer.Push {
		if c, a, ok := PushAddress(push); ok {
			add(c, a)
		}
	}
	return list
}

var (
	e164          = regexp.MustCompile(`^\+[1-9]\d{6,14}$`)
	chineseMobile = regexp.MustCompile(`^1[3-9]\d{9}$`)
	separators    = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "")
)

// Phone returns a number in E.164. A national one is read for Chinese mobile numbers, by
// their own form, only.
func Phone(s, locale string) (string, bool) {
	s = separators.Replace(s)
	if chineseMobile.MatchString(s) && (locale == "" || strings.HasPrefix(strings.ToLower(locale), "zh")) {
		s = "+86" + s
	}
	return s, e164.MatchString(s)
}

// ValidEmail reports whether s is one address without a display name.
func ValidEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= 254
}

// PushAddress reads how backends name devices: "apns:TOKEN", "fcm:TOKEN", or the JSON of
// a browser's PushSubscription.
func PushAddress(s string) (Channel, Address, bool) {
	if strings.HasPrefix(s, "{") {
		var browser struct {
			Endpoint string `json:"endpoint"`
			Keys     struct {
				P256DH string `json:"p256dh"`
				Auth   string `json:"auth"`
			} `json:"keys"`
		}
		if json.Unmarshal([]byte(s), &browser) != nil {
			return "", Address{}, false
		}
		sub := Subscription{browser.Endpoint, browser.Keys.P256DH, browser.Keys.Auth}
		return WebPush, Address{WebPush: sub}, sub.Valid()
	}
	platform, token, ok := strings.Cut(s, ":")
	if !ok || token == "" || (platform != PlatformAPNs && platform != PlatformFCM) {
		return "", Address{}, false
	}
	return Push, Address{Device: Device{Platform: platform, Token: token}}, true
}

// Valid reports whether a subscription can be one: an https address, an uncompressed P-256
// point of 65 bytes and a secret of 16 (RFC 8291).
func (s Subscription) Valid() bool {
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(s.Endpoint) > order.MaxLink {
		return false
	}
	point, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s.P256DH, "="))
	if err != nil || len(point) != 65 || point[0] != 4 {
		return false
	}
	secret, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s.Auth, "="))
	return err == nil && len(secret) == 16
}

const mask = "****"

// Mask shows enough of an address to recognise one's own, and too little to use it.
func (a Address) Mask() string {
	switch {
	case a.Phone != "":
		return MaskPhone(a.Phone)
	case a.Email != "":
		return MaskEmail(a.Email)
	case a.Device.Token != "":
		return a.Device.Platform + ":" + mask
	case a.WebPush.Endpoint != "":
		return "browser:" + mask
	case a.Robot != "":
		return a.Robot
	case a.PayerID != "":
		return "inbox"
	}
	return ""
}

// MaskPhone leaves four digits at the end, and the beginning that does not tell who it
// is. Nothing of a number that is too short for that.
func MaskPhone(s string) string {
	switch {
	case s == "":
		return ""
	case len(s) < 10:
		return mask
	}
	return s[:len(s)-8] + mask + s[len(s)-4:]
}

// MaskEmail leaves the first character and the domain.
func MaskEmail(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at < 1 {
		return ""
	}
	_, first := utf8.DecodeRuneInString(s)
	return s[:first] + "***" + s[at:]
}
