package alipay

import (
	"fmt"
	"time"

	"anxin/engine/channel"
)

// Inspect tells of each key and certificate whether it can be used. That they parse and
// that the application's certificate is of its key, New has seen to.
func (c *Channel) Inspect(now time.Time) []channel.Finding {
	found := []channel.Finding{{
		Subject: "application key", Level: channel.LevelOK, Text: fmt.Sprintf("RSA, %d bits", c.keys.private.N.BitLen()),
	}}
	if c.keys.appCert == nil {
		return append(found, channel.Finding{
			Subject: "Alipay public key", Level: channel.LevelOK,
			Text: fmt.Sprintf("RSA, %d bits", c.keys.alipay[keyMode].N.BitLen()),
		})
	}
	own := c.keys.appCert
	found = append(found, channel.Expiring("application certificate "+serial(own), own.NotBefore, own.NotAfter, now))
	for _, cert := range c.keys.alipayCerts {
		name := "Alipay certificate " + serial(cert)
		found = append(found, channel.Expiring(name, cert.NotBefore, cert.NotAfter, now))
		if !chained(cert, c.keys.file, c.keys.roots) {
			found = append(found, channel.Finding{
				Subject: name, Level: channel.LevelWarn,
				Text: "does not lead to the root certificates: right for Alipay's sandbox only",
			})
		}
	}
	return found
}
