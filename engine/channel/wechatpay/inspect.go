package wechatpay

import (
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/utils"

	"anxin/engine/channel"
)

var _ channel.Inspector = (*Channel)(nil)

// Inspect tells of each key that it is fit for use, and when the certificates end. New has
// refused what does not parse or match.
func (c *Channel) Inspect(now time.Time) []channel.Finding {
	list := []channel.Finding{{Subject: "APIv3 key", Level: channel.LevelOK, Text: "32 bytes"}}
	if cert := c.keys.merchantCert; cert != nil {
		list = append(list,
			channel.Finding{Subject: "merchant key", Level: channel.LevelOK, Text: "belongs to the merchant certificate"},
			channel.Expiring("merchant certificate "+c.keys.serial, cert.NotBefore, cert.NotAfter, now))
	} else {
		list = append(list, channel.Finding{
			Subject: "merchant key", Level: channel.LevelWarn,
			Text: "cannot be compared: the certificate with serial " + c.keys.serial + " is not configured",
		})
	}
	for _, cert := range c.keys.platform {
		list = append(list, channel.Expiring("platform certificate "+utils.GetCertificateSerialNumber(*cert), cert.NotBefore, cert.NotAfter, now))
	}
	if c.keys.public != nil {
		list = append(list, channel.Finding{Subject: "public key " + c.seals.asked, Level: channel.LevelOK, Text: "does not expire"})
	}
	return list
}
