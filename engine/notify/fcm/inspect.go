package fcm

import (
	"context"
	"errors"

	"anxin/engine/notify"
)

var _ notify.Inspector = (*Provider)(nil)

// nobody is a device token that no device has.
const nobody = "inspect"

// Inspect implements notify.Inspector: an access token, and a message to a device that does
// not exist, which the service only validates.
func (p *Provider) Inspect(ctx context.Context, _ []string) []notify.Finding {
	token, err := p.access.token(ctx)
	if err == nil {
		m := notify.Message{To: notify.Address{Device: notify.Device{Token: nobody}}, Text: notify.Text{Body: "-"}}
		_, err = p.post(ctx, token, call{Message: content(m), Validate: true})
		if failed, ok := errors.AsType[*notify.SendError](err); ok && (failed.Kind == notify.KindAddress || failed.Kind == notify.KindContent) {
			err = nil // it was let in, and looked at the device
		}
	}
	return []notify.Finding{notify.FindingOf("credentials", err)}
}
