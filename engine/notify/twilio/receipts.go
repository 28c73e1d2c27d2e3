package twilio

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio's signature is HMAC-SHA1, which SHA-1's collisions do not break
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"anxin/engine/channel"
	"anxin/engine/notify"
)

// maxFields bounds a status callback; real ones have about a dozen fields.
const maxFields = 100

// ParseReceipts implements notify.ReceiptParser: a form that is signed together with the
// address it was sent to (https://www.twilio.com/docs/usage/security#validating-requests).
// The address is the configured one, whatever proxies made of it on the way.
func (p *Provider) ParseReceipts(_ context.Context, r channel.Request) ([]notify.StatusUpdate, error) {
	given, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Twilio-Signature"))
	if err != nil || p.cfg.StatusURL == "" {
		return nil, channel.ErrSignature
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil || len(form) > maxFields {
		return nil, channel.ErrMalformed
	}
	id := messageID(r.Query)
	if !hmac.Equal(given, signature(p.cfg.AuthToken, p.statusURL(id), form)) {
		return nil, channel.ErrSignature
	}
	if form.Get("AccountSid") != p.cfg.AccountSID || !messageSID.MatchString(form.Get("MessageSid")) {
		return nil, channel.ErrMalformed
	}
	u := notify.StatusUpdate{ProviderID: form.Get("MessageSid"), MessageID: id, At: r.ReceivedAt}
	switch form.Get("MessageStatus") {
	case "delivered", "read":
		u.Status = notify.StatusDelivered
	case "undelivered", "failed":
		u.Status = notify.StatusFailed
		u.Code, u.DropAddress = undelivered(form.Get("ErrorCode"))
	default: // accepted, queued, sending, sent
		return nil, nil
	}
	return []notify.StatusUpdate{u}, nil
}

// idParam names our id of a message in the address at which Twilio reports. Who sent it may
// have ended before it could write down Twilio's own.
const idParam = "message"

var idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,60}$`) // notify.MaxID

// statusURL is the address at which Twilio reports of a message. It is signed as a whole, so
// that nobody else can have a report be of another message.
func (p *Provider) statusURL(id string) string {
	switch {
	case p.cfg.StatusURL == "" || id == "":
		return p.cfg.StatusURL
	case strings.Contains(p.cfg.StatusURL, "?"):
		return p.cfg.StatusURL + "&" + idParam + "=" + id
	}
	return p.cfg.StatusURL + "?" + idParam + "=" + id
}

// messageID reads the id out of the address that was called, "" for none.
func messageID(query string) string {
	values, err := url.ParseQuery(query)
	if id := values.Get(idParam); err == nil && idForm.MatchString(id) {
		return id
	}
	return ""
}

// signature covers the address and all fields, sorted by name.
func signature(token, address string, form url.Values) []byte {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(address))
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := slices.Sorted(slices.Values(form[name]))
		for _, value := range slices.Compact(values) {
			mac.Write([]byte(name + value))
		}
	}
	return mac.Sum(nil)
}

// undelivered reads Twilio's codes of what carriers said.
func undelivered(code string) (neutral string, drop bool) {
	switch code {
	case "30003":
		return "unreachable", false
	case "30004":
		return "blocked", false
	case "30005":
		return "unknown_number", true
	case "30006":
		return "landline", true
	case "30007":
		return "carrier_filtered", false
	case "":
		return "undelivered", false
	}
	if strings.Trim(code, "0123456789") != "" || len(code) > 6 {
		return "undelivered", false
	}
	return "twilio_" + code, false
}

// AnswerReceipts implements notify.ReceiptParser. Twilio ignores the body.
func (p *Provider) AnswerReceipts(err error) channel.Answer {
	return channel.Answer{Status: notify.ReceiptStatus(err)}
}
