package apns

import (
	"context"
	"errors"
	"strings"

	"anxin/engine/notify"
)

var _ notify.Inspector = (*Provider)(nil)

// nobody is a device token that no device has.
var nobody = strings.Repeat("0", 64)

// Inspect implements notify.Inspector. The service looks at key and topic first and at the
// device last, so that a message to a device that does not exist tells about both.
func (p *Provider) Inspect(ctx context.Context, _ []string) []notify.Finding {
	_, err := p.Send(ctx, notify.Message{
		ID: "inspect", To: notify.Address{Device: notify.Device{Platform: notify.PlatformAPNs, Token: nobody}}, Text: notify.Text{Body: "-"},
	})
	if failed, ok := errors.AsType[*notify.SendError](err); ok && failed.Kind == notify.KindAddress {
		err = nil
	}
	return []notify.Finding{notify.FindingOf("credentials", err)}
}
