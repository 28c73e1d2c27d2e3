package httpapi

import (
	"bytes"
	_ "embed" // the page is part of the binary
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/text/language"

	"anxin/engine/notify"
	"anxin/server/auth"
)

//go:embed unsubscribe.html
var unsubscribeFile string

var unsubscribePage = template.Must(template.New("unsubscribe").Parse(unsubscribeFile))

// unsubscribeTexts are what the page says.
var unsubscribeTexts = map[string]map[string]string{
	"en": {
		"title": "Message settings", "ask": "Stop getting these messages? Messages that belong to a payment itself still reach you.",
		"button": "Yes, stop them", "done": "Done. You won't get these messages any more.", "expired": "This link has expired.",
	},
	"zh-CN": {
		"title": "消息设置", "ask": "不再接收这类消息吗？与付款本身有关的消息仍会发给您。",
		"button": "是的，不再接收", "done": "好的，您不会再收到这类消息。", "expired": "链接已失效。",
	},
}

var unsubscribeLanguages = language.NewMatcher([]language.Tag{language.English, language.SimplifiedChinese})

// unsubscribe answers GET and POST /unsubscribe?k=TOKEN. Looking changes nothing: mail
// scanners follow every link. The POST is also what RFC 8058 has mail programs send.
func (a *api) unsubscribe(c *fiber.Ctx) error {
	token := strings.Clone(c.Query("k"))
	payer, channel, err := a.unsubscriber(token)
	if err != nil {
		return sendUnsubscribe(c, http.StatusForbidden, "expired", "")
	}
	if c.Method() != fiber.MethodPost {
		return sendUnsubscribe(c, http.StatusOK, "ask", token)
	}
	ctx, cancel := work()
	defer cancel()
	if err := a.deps.Engine.OptOut(ctx, payer, channel); err != nil {
		return err
	}
	return sendUnsubscribe(c, http.StatusOK, "done", "")
}

func (a *api) unsubscriber(token string) (payer string, c notify.Channel, err error) {
	subject, err := a.deps.Tokens.Subject(auth.KindUnsubscribe, token, time.Now())
	if err != nil {
		return "", "", err
	}
	payer, channel, _ := strings.Cut(subject, ":")
	if !slices.Contains(notify.Channels, notify.Channel(channel)) {
		return "", "", errors.New("token names no channel")
	}
	return payer, notify.Channel(channel), nil
}

func sendUnsubscribe(c *fiber.Ctx, status int, says, token string) error {
	_, i := language.MatchStrings(unsubscribeLanguages, strings.Clone(c.Get(fiber.HeaderAcceptLanguage)))
	lang := []string{"en", "zh-CN"}[i]
	texts := unsubscribeTexts[lang]
	var page bytes.Buffer
	err := unsubscribePage.Execute(&page, struct{ Lang, Title, Text, Button, Token string }{lang, texts["title"], texts[says], texts["button"], token})
	if err != nil {
		return fmt.Errorf("render: %w", err)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderContentLanguage, lang)
	c.Set("Content-Security-Policy", "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderCacheControl, noStore)
	return c.Status(status).Send(page.Bytes())
}
