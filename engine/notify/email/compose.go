package email

import (
	"cmp"
	"strings"

	"github.com/wneessen/go-mail"

	"anxin/engine/notify"
)

// messageID is the same however often a message is tried, so that a mailbox that knows
// repeats shows one, and bounces name it.
func (p *Provider) messageID(id string) string { return id + "@" + p.domain }

// compose makes the mail: plain text, and HTML beside it when there is some. Lines and
// headers are encoded so that no server on the way has a reason to change them, which
// would break the signature that the first one made.
func (p *Provider) compose(m notify.Message) (*mail.Msg, error) {
	message := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithEncoding(mail.EncodingQP), mail.WithCharset(mail.CharsetUTF8))
	bad := &notify.SendError{Kind: notify.KindAddress, Code: "bad_address"}
	if strings.ContainsAny(m.To.Email, "\r\n,;<>\"") || message.To(m.To.Email) != nil {
		return nil, bad
	}
	if err := message.FromFormat(p.from.Name, p.from.Address); err != nil {
		return nil, &notify.SendError{Kind: notify.KindRefused, Code: "bad_sender"}
	}
	if err := message.EnvelopeFrom(cmp.Or(p.cfg.ReturnPath, p.from.Address)); err != nil {
		return nil, &notify.SendError{Kind: notify.KindRefused, Code: "bad_sender"}
	}
	if p.cfg.ReplyTo != "" {
		if err := message.ReplyTo(p.cfg.ReplyTo); err != nil {
			return nil, &notify.SendError{Kind: notify.KindRefused, Code: "bad_sender"}
		}
	}
	message.Subject(oneLine(m.Text.Title))
	message.SetMessageIDWithValue(p.messageID(m.ID))
	message.SetDate()
	p.headers(message, m)
	message.SetBodyString(mail.TypeTextPlain, m.Text.Body)
	if m.Text.HTML != "" {
		message.AddAlternativeString(mail.TypeTextHTML, m.Text.HTML)
	}
	return message, nil
}

func (p *Provider) headers(message *mail.Msg, m notify.Message) {
	message.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office answers
	if m.Language != "" {
		message.SetGenHeader("Content-Language", m.Language)
	}
	if m.CollapseKey != "" { // mails of one order are one conversation
		message.SetGenHeader("References", "<"+p.messageID(m.CollapseKey)+">")
	}
	if m.Unsubscribe != "" { // RFC 8058: one click
		message.SetGenHeader("List-Unsubscribe", "<"+m.Unsubscribe+">")
		message.SetGenHeader("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
}

// oneLine keeps a text from becoming another header.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
