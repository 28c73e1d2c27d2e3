// Package webhook sends results to merchant backends as Standard Webhooks
// (https://www.standardwebhooks.com): signed, with an id that stays the same over
// retries, to an address that was checked when the connection is made.
package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
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

// Errors of signatures.
var (
	ErrSignature = errors.New("webhook signature does not verify")
	ErrTimestamp = errors.New("webhook timestamp is missing or too far away")
)

// Versions of signatures.
const (
	versionShared = "v1"
	versionPair   = "v1a"
)

// Sign returns the signature header for a message: one signature for each key, so that
// a receiver can move from one to the next, and from a shared secret to a public key.
func Sign(keys []Secret, id string, at time.Time, body []byte) string {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	var parts []string
	for _, s := range keys {
		switch {
		case s.shared != nil:
			parts = append(parts, versionShared+","+base64.StdEncoding.EncodeToString(s.mac(id, timestamp, body)))
		case s.private != nil:
			signature := ed25519.Sign(s.private, signed(id, timestamp, body))
			parts = append(parts, versionPair+","+base64.StdEncoding.EncodeToString(signature))
		}
	}
	return strings.Join(parts, " ")
}

// signed is what a signature covers.
func signed(id, timestamp string, body []byte) []byte {
	return append([]byte(id+"."+timestamp+"."), body...)
}

func (s Secret) mac(id, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, s.shared)
	h.Write(signed(id, timestamp, body))
	return h.Sum(nil)
}

// Verify checks the three headers of a received webhook against any of the keys, each
// in its own version: a public key never serves as a shared secret.
func Verify(keys []Secret, id, timestamp, signatures string, body []byte, now time.Time) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > Tolerance {
		return ErrTimestamp
	}
	return VerifySignature(keys, id, timestamp, signatures, body)
}

// VerifySignature checks the signature as Verify does, at any age: for receivers with a
// clock or a window of their own.
func VerifySignature(keys []Secret, id, timestamp, signatures string, body []byte) error {
	for signature := range strings.FieldsSeq(signatures) {
		version, encoded, _ := strings.Cut(signature, ",")
		given, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			continue
		}
		for _, s := range keys {
			if s.verifies(version, given, id, timestamp, body) {
				return nil
			}
		}
	}
	return ErrSignature
}

func (s Secret) verifies(version string, given []byte, id, timestamp string, body []byte) bool {
	switch version {
	case versionShared:
		return s.shared != nil && hmac.Equal(given, s.mac(id, timestamp, body))
	case versionPair:
		return s.public != nil && ed25519.Verify(s.public, signed(id, timestamp, body), given)
	}
	return false // a version that is yet to come
}
