package email

import (
	"context"

	"anxin/engine/notify"
)

var _ notify.Inspector = (*Provider)(nil)

// Inspect implements notify.Inspector: it connects, encrypts and signs in as for a message,
// and hangs up.
func (p *Provider) Inspect(ctx context.Context, _ []string) []notify.Finding {
	client, err := p.client(ctx)
	if err != nil {
		return []notify.Finding{notify.FindingOf("credentials", &notify.SendError{Kind: notify.KindRefused, Code: "bad_settings"})}
	}
	connection, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return []notify.Finding{notify.FindingOf("credentials", dialFailure(err))}
	}
	_ = client.CloseWithSMTPClient(connection) // all was said
	return []notify.Finding{notify.FindingOf("credentials", nil)}
}
