package stripe

import (
	"fmt"
	"time"

	"anxin/engine/channel"
)

// Inspect tells of the key and the secrets what their form says: Stripe's have no date on
// which they end, and whether they are right only Stripe knows.
func (c *Channel) Inspect(time.Time) []channel.Finding {
	key := channel.Finding{Subject: "API key", Level: channel.LevelOK, Text: "restricted, " + merchant(c.live, "") + " mode"}
	if !c.restricted {
		key.Level, key.Text = channel.LevelWarn, "is a secret key, which may do everything; a restricted one (rk_…) is enough"
	}
	secrets := channel.Finding{Subject: "endpoint secrets", Level: channel.LevelOK, Text: fmt.Sprintf("%d, do not expire", len(c.secrets))}
	found := []channel.Finding{key, secrets}
	if c.account != "" {
		found = append(found, channel.Finding{Subject: "connected account", Level: channel.LevelOK, Text: c.account})
	}
	return found
}
