package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// webhookWindow is how far a webhook's timestamp may be off (Standard Webhooks).
const webhookWindow = 5 * time.Minute

// webhookVerifier checks signatures as any backend has to: by the Standard Webhooks
// specification (HMAC-SHA256 over "id.timestamp.body"), sharing no code with the
// sender, so that the two cannot be wrong together.
type webhookVerifier struct{ key []byte }

func newWebhookVerifier(secret string) (webhookVerifier, error) {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return webhookVerifier{}, fmt.Errorf("%w: %w", ErrConfigWebhook, err)
	}
	if !ok || len(key) == 0 {
		return webhookVerifier{}, ErrConfigWebhook
	}
	return webhookVerifier{key: key}, nil
}

// verify reports whether a webhook is authentic and fresh. Any one of the
// space-separated signatures suffices: a sender that changes its key sends two.
func (v webhookVerifier) verify(id, timestamp, signatures string, body []byte, now time.Time) bool {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || id == "" || now.Sub(time.Unix(seconds, 0)).Abs() > webhookWindow {
		return false
	}
	mac := hmac.New(sha256.New, v.key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for signature := range strings.FieldsSeq(signatures) {
		if hmac.Equal([]byte(signature), want) {
			return true
		}
	}
	return false
}
