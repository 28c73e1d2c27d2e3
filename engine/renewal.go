package engine

import (
	"context"
	"crypto/subtle"
	"fmt"
	"strings"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// Renewal moves an opt-in to another address of the same browser. What was agreed to, and
// when, stays. It changes nothing once the opt-in was taken back, or has the new address
// already.
type Renewal struct {
	Of          OptIn
	To          notify.Address // sealed by the store
	Fingerprint string
}

// RenewPush has a browser that its maker reaches elsewhere from now on be told there. Whoever
// asks must know the whole old subscription: its secret is known to the browser and to this
// server only, unlike its address. It does not say whether there was one, and fails with a
// *order.FieldError.
func (e *Engine) RenewPush(ctx context.Context, old, fresh notify.Subscription) error {
	switch {
	case e.messages == nil:
		return ErrNoMessages
	case !old.Valid():
		return &order.FieldError{Field: "old", Reason: "must be a PushSubscription as the browser serialises it"}
	case !fresh.Valid():
		return &order.FieldError{Field: "subscription", Reason: "must be a PushSubscription as the browser serialises it"}
	case !e.takesSubscription(fresh):
		return &order.FieldError{Field: "subscription", Reason: "is of no push service that can be reached"}
	}
	key, to := e.messages.deps.Key, notify.Address{WebPush: fresh}
	list, err := e.deps.Store.OptInsTo(ctx, notify.WebPush, key.Fingerprint(notify.WebPush, notify.Address{WebPush: old}))
	if err != nil {
		return fmt.Errorf("read opt-ins: %w", err)
	}
	for _, in := range list {
		if !sameSecret(in.To.WebPush.Auth, old.Auth) {
			continue
		}
		renewal := &Renewal{Of: in, To: to, Fingerprint: key.Fingerprint(notify.WebPush, to)}
		if err := e.commit(ctx, Commit{Messages: &MessageWrites{Renewal: renewal}}); err != nil {
			return err
		}
	}
	return nil
}

// sameSecret compares two secrets in Base64url, padded or not, in constant time.
func sameSecret(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(strings.TrimRight(a, "=")), []byte(strings.TrimRight(b, "="))) == 1
}
