package httpapi

import (
	"fmt"
	"strings"
	"time"

	"anxin/engine/channel"
)

// ChannelCredentials is what a node knows of the keys of one channel.
type ChannelCredentials struct {
	Channel        string
	Taken, Refused int64 // changes of the files since the start
	Findings       []channel.Finding
}

func (a *api) credentials() []ChannelCredentials {
	if a.deps.Credentials == nil {
		return nil
	}
	return a.deps.Credentials(time.Now())
}

// credentialText writes when keys end and what is wrong with them. Names of channels are
// letters, digits, _ and -; subjects are the adapters' words, and quoted.
func credentialText(b *strings.Builder, all []ChannelCredentials) {
	head := func(name, kind, help string) { fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind) }
	const expiry = "anxin_channel_credential_expiry_timestamp_seconds"
	head(expiry, "gauge", "When a certificate of the channel ends.")
	for _, c := range all {
		for _, f := range c.Findings {
			if !f.ExpiresAt.IsZero() {
				fmt.Fprintf(b, "%s{channel=%q,subject=\"%s\"} %d\n", expiry, c.Channel, labelText.Replace(f.Subject), f.ExpiresAt.Unix())
			}
		}
	}
	const findings = "anxin_channel_credential_findings"
	head(findings, "gauge", "Keys and certificates of the channel by what is known of them.")
	for _, c := range all {
		for _, level := range []channel.Level{channel.LevelOK, channel.LevelWarn, channel.LevelError} {
			n := 0
			for _, f := range c.Findings {
				if f.Level == level {
					n++
				}
			}
			fmt.Fprintf(b, "%s{channel=%q,level=%q} %d\n", findings, c.Channel, level, n)
		}
	}
	const reloads = "anxin_channel_credential_reloads_total"
	head(reloads, "counter", "Changes of the channel's credential files, by what became of them.")
	for _, c := range all {
		fmt.Fprintf(b, "%s{channel=%q,result=\"taken\"} %d\n", reloads, c.Channel, c.Taken)
		fmt.Fprintf(b, "%s{channel=%q,result=\"refused\"} %d\n", reloads, c.Channel, c.Refused)
	}
}

// labelText escapes what a value of a label must not hold as it is.
var labelText = strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "\n", "\\n")
