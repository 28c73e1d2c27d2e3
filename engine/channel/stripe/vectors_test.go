package stripe

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v86/webhook"

	"anxin/engine/channel"
	"anxin/engine/channel/stripe/stripetest"
)

// What Stripe's own library signs for tests verifies, and the stand-in of these tests signs
// as it does.
func TestVendorsSignatureVerifies(t *testing.T) {
	t.Parallel()
	body, now := anEvent("payment_intent.succeeded", anIntent("succeeded")).JSON(), time.Now()
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: stripetest.Secret, Timestamp: now})
	r := stripetest.Request(body, now, "whsec_replaced")
	r.Header.Set(signatureHeader, signed.Header)
	if notes, err := deaf(t).Verify(t.Context(), r); err != nil || len(notes) != 1 {
		t.Errorf("%+v, %v", notes, err)
	}
	if want := ",v1=" + hex.EncodeToString(signed.Signature); stripetest.Signature(body, now, stripetest.Secret)[12:80] != want {
		t.Errorf("the stand-in signs %s", stripetest.Signature(body, now, stripetest.Secret))
	}
	if _, err := deaf(t).Verify(t.Context(), channel.Request{Header: r.Header, Body: body[1:], ReceivedAt: now}); err == nil {
		t.Error("a body that was cut verifies")
	}
}
