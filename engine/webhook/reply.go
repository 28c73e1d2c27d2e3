package webhook

import (
	"io"
	"net/url"
	"slices"
	"strings"

	"anxin/engine"
)

const redacted = "[redacted]"

// readReply reads what a backend answered and returns its beginning as text that is safe
// to store and show: valid UTF-8 without our secrets, of at most engine.MaxReply bytes.
// An answer that breaks off is shown as far as it came; its status was told before.
func readReply(body io.Reader, secrets []string) string {
	raw, _ := io.ReadAll(io.LimitReader(body, maxAnswer))
	text := strings.ReplaceAll(string(raw), "\x00", "") // PostgreSQL takes none
	// Masked before it is cut: a secret across the cut would be half shown.
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, redacted)
	}
	return clip(strings.ToValidUTF8(text, "\uFFFD"), engine.MaxReply)
}

// secrets are the texts of an endpoint that no answer may bring into the log: its keys,
// and what its address carries besides host and path.
func (e Endpoint) secrets() []string {
	var texts []string
	for _, s := range e.Secrets {
		texts = append(texts, s.texts()...)
	}
	if u, err := url.Parse(e.URL); err == nil {
		password, _ := u.User.Password()
		texts = append(texts, u.RawQuery, password)
	}
	return slices.DeleteFunc(texts, func(s string) bool { return s == "" })
}

// clip shortens s to at most limit bytes without breaking a character.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}
