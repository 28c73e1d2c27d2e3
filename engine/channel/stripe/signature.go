package stripe

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v86/webhook"

	"anxin/engine/channel"
)

const (
	signatureHeader = "Stripe-Signature"

	// freshness is what Stripe recommends and its libraries apply.
	freshness = webhook.DefaultTolerance

	// maxSignature bounds the header, of which the library verifies all signatures: Stripe
	// sends one or two, each of 64 digits.
	maxSignature = 2 << 10
)

// secondsPattern is narrower than what strconv reads: one time is written in one way.
var secondsPattern = regexp.MustCompile(`^[1-9][0-9]{0,11}$`)

// authentic lets through what Stripe signed with one of the secrets, of the right age.
// Errors are channel.ErrSignature and channel.ErrStale.
func (c *Channel) authentic(r channel.Request) error {
	header := channel.OnlyHeader(r.Header, signatureHeader)
	signedAt, ok := timeOf(header)
	if !ok || len(header) > maxSignature {
		return channel.ErrSignature
	}
	signed := func(secret string) bool {
		return webhook.ValidatePayloadIgnoringTolerance(r.Body, header, secret) == nil
	}
	switch {
	case !slices.ContainsFunc(c.secrets, signed):
		return channel.ErrSignature
	case !r.AnyAge && r.ReceivedAt.Sub(signedAt).Abs() > freshness:
		return channel.ErrStale
	}
	return nil
}

// timeOf reads the time of a header, which is signed and must be there once: of several the
// library takes the last.
func timeOf(header string) (at time.Time, ok bool) {
	for part := range strings.SplitSeq(header, ",") {
		text, isTime := strings.CutPrefix(part, "t=")
		if !isTime {
			continue
		}
		seconds, err := strconv.ParseInt(text, 10, 64)
		if ok || err != nil || !secondsPattern.MatchString(text) {
			return time.Time{}, false
		}
		at, ok = time.Unix(seconds, 0), true
	}
	return at, ok
}
