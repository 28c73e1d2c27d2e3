package notify

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"regexp"
	"strings"
)

//go:embed mail.html
var mailPage string

var mailTemplate = template.Must(template.New("mail").Parse(mailPage))

// Look is how a merchant's mails look. Colours are #rrggbb, "" = ours.
type Look struct {
	Brand       string
	AccentLight string // on white, under white
	AccentDark  string // on near black
}

// The accents of the payer's page.
const defaultAccentLight, defaultAccentDark = "#0d6b58", "#6cd3b8"

var hexColour = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// accent returns a colour that is one, since it is written into a style.
func accent(colour, ours string) template.CSS {
	if !hexColour.MatchString(colour) {
		colour = ours
	}
	return template.CSS(colour) // #nosec G203 -- seven characters of a fixed form
}

// mailWords are the labels of links, by language; others get the English ones.
var mailWords = map[string]struct{ button, leave string }{
	"en": {"See your payment", "Unsubscribe"}, "zh-CN": {"查看付款进度", "不再接收此类邮件"},
}

// Mail returns what an e-mail carries: the text with the link below it, and the same as
// HTML with the link as a button. Nothing of it is loaded from anywhere.
func (t Texted) Mail(look Look, link, unsubscribe string) (Text, error) {
	words, ok := mailWords[t.Language]
	if !ok {
		words = mailWords["en"]
	}
	var html strings.Builder
	err := mailTemplate.Execute(&html, struct {
		Language, Brand, Title, Link, Button, Unsubscribe, Leave string
		Lines                                                    []string
		Light, Dark                                              template.CSS
	}{
		t.Language, cmp.Or(look.Brand, neutralBrand[t.Language], neutralBrand["en"]), t.Title, link, words.button, unsubscribe, words.leave,
		strings.FieldsFunc(t.Body, func(r rune) bool { return r == '\n' }), accent(look.AccentLight, defaultAccentLight), accent(look.AccentDark, defaultAccentDark),
	})
	if err != nil {
		return Text{}, fmt.Errorf("write mail: %w", err)
	}
	text := Text{Title: t.Title, Body: t.Body, HTML: html.String()}
	if link != "" {
		text.Body += "\n\n" + words.button + ": " + link
	}
	if unsubscribe != "" {
		text.Body += "\n\n" + words.leave + ": " + unsubscribe
	}
	return text, nil
}
