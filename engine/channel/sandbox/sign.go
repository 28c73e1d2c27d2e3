package sandbox

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"anxin/engine/channel"
)

// The headers of every signed message.
const (
	HeaderTimestamp = "Sandbox-Timestamp"
	HeaderNonce     = "Sandbox-Nonce"
	HeaderSignature = "Sandbox-Signature"
)

// Window is how far a timestamp may be off, in the past or in the future: the five
// minutes that WeChat Pay and Standard Webhooks allow.
const Window = 300 * time.Second

// Neither part can contain the dot that separates them, so one signature fits one
// reading only.
var (
	timestampPattern = channel.NewClass("0-9", 1, 11)
	noncePattern     = channel.NewClass("A-Za-z0-9_-", 1, 64)
)

// Sign returns the signature of a message: lower-case hex HMAC-SHA256 over
// "ts.nonce.message".
func Sign(secret, ts, nonce string, message []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(ts + "." + nonce + "."))
	mac.Write(message)
	return hex.EncodeToString(mac.Sum(nil))
}

// Seal sets the three headers that sign a message at a time.
func Seal(h http.Header, secret string, at time.Time, nonce string, message []byte) {
	ts := strconv.FormatInt(at.Unix(), 10)
	h.Set(HeaderTimestamp, ts)
	h.Set(HeaderNonce, nonce)
	h.Set(HeaderSignature, Sign(secret, ts, nonce, message))
}

// Check verifies a sealed message, the signature before the time. It returns
// channel.ErrSignature or channel.ErrStale.
func Check(h http.Header, secret string, now time.Time, message []byte) error {
	ts, nonce, signature := channel.OnlyHeader(h, HeaderTimestamp), channel.OnlyHeader(h, HeaderNonce), channel.OnlyHeader(h, HeaderSignature)
	if !timestampPattern.MatchString(ts) || !noncePattern.MatchString(nonce) {
		return channel.ErrSignature
	}
	if !hmac.Equal([]byte(signature), []byte(Sign(secret, ts, nonce, message))) {
		return channel.ErrSignature
	}
	seconds, err := strconv.ParseInt(ts, 10, 64)
	if err != nil {
		return channel.ErrSignature
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > Window || off < -Window {
		return channel.ErrStale
	}
	return nil
}

// RequestMessage is what the signature of a request to the gateway covers. The path is
// the one below the gateway's URL.
func RequestMessage(method, path string, body []byte) []byte {
	return append([]byte(method+" "+path+"\n"), body...)
}

// NewNonce returns 26 unguessable characters.
func NewNonce() string { return rand.Text() }
