// Package webhook sends results to merchant backends as Standard Webhooks
// (https://www.standardwebhooks.com): signed, with an id that stays the same over
// retries, to an address that was checked when the connection is made.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Header names of the Standard Webhooks specification.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// Tolerance is how far the timestamp of a webhook may be from the receiver's clock.
const Tolerance = 5 * time.Minute

const (
	secretPrefix = "whsec_"
	minSecret    = 24 // bytes, as the specification asks for
	maxSecret    = 64
)

// Errors of secrets and signatures.
var (
	ErrSecret    = errors.New("webhook secret must be whsec_ followed by 24 to 64 base64-encoded bytes")
	ErrSignature = errors.New("webhook signature does not verify")
	ErrTimestamp = errors.New("webhook timestamp is missing or too far away")
)

// Secret is a decoded signing secret. Printing it shows nothing.
type Secret struct{ key []byte }

// ParseSecret reads the `whsec_…` form.
func ParseSecret(s string) (Secret, error) {
	encoded, ok := strings.CutPrefix(s, secretPrefix)
	if !ok {
		return Secret{}, ErrSecret
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) < minSecret || len(key) > maxSecret {
		return Secret{}, ErrSecret
	}
	return Secret{key}, nil
}

// String keeps the secret out of logs.
func (Secret) String() string { return "whsec_[redacted]" }

// GoString does the same for %#v.
func (s Secret) GoString() string { return s.String() }

// Sign returns the signature header for a message: one signature for each secret, so
// that a receiver can move from one to the next.
func Sign(secrets []Secret, id string, at time.Time, body []byte) string {
	parts := make([]string, len(secrets))
	for i, s := range secrets {
		parts[i] = "v1," + base64.StdEncoding.EncodeToString(s.mac(id, strconv.FormatInt(at.Unix(), 10), body))
	}
	return strings.Join(parts, " ")
}

func (s Secret) mac(id, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	fmt.Fprintf(h, "%s.%s.", id, timestamp)
	h.Write(body)
	return h.Sum(nil)
}

// Verify checks the three headers of a received webhook against any of the secrets.
func Verify(secrets []Secret, id, timestamp, signatures string, body []byte, now time.Time) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > Tolerance {
		return ErrTimestamp
	}
	for signature := range strings.FieldsSeq(signatures) {
		encoded, ok := strings.CutPrefix(signature, "v1,")
		if !ok {
			continue // v1a and what comes after it
		}
		given, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			continue
		}
		for _, s := range secrets {
			if hmac.Equal(given, s.mac(id, timestamp, body)) {
				return nil
			}
		}
	}
	return ErrSignature
}
