package sandbox

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"time"

	"anxin/engine/order"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/text/language"
)

//go:embed pages
var files embed.FS

// langs are the languages in the order of the matcher: the first one serves whom no
// other suits.
var langs = []string{"en", "zh-CN"}

// pages are the parsed pages and their texts.
type pages struct {
	byName  map[string]*template.Template
	texts   map[string]map[string]string
	css     []byte
	policy  string
	matcher language.Matcher
}

// loadPages parses the embedded files. Forms may lead to the base URL besides the
// address in use, because the cashier sends payers on to Anxin's page there.
func loadPages(base *url.URL) (*pages, error) {
	p := &pages{
		byName: map[string]*template.Template{}, texts: map[string]map[string]string{},
		matcher: language.NewMatcher([]language.Tag{language.English, language.SimplifiedChinese}),
		policy: "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; " +
			"form-action 'self' " + base.Scheme + "://" + base.Host,
	}
	for _, lang := range langs {
		raw, err := files.ReadFile("pages/" + lang + ".json")
		if err != nil {
			return nil, fmt.Errorf("read texts: %w", err)
		}
		texts := map[string]string{}
		if err := json.Unmarshal(raw, &texts); err != nil {
			return nil, fmt.Errorf("read texts of %s: %w", lang, err)
		}
		p.texts[lang] = texts
	}
	for _, name := range []string{"shop", "cashier", "order", "support", "outbox", "problem"} {
		parsed, err := template.ParseFS(files, "pages/layout.html", "pages/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("parse page: %w", err)
		}
		p.byName[name] = parsed
	}
	css, err := files.ReadFile("pages/sandbox.css")
	if err != nil {
		return nil, fmt.Errorf("read style: %w", err)
	}
	p.css = css
	return p, nil
}

// language picks the page's language: what was asked for, else what the browser likes.
func (p *pages) language(asked, accepted string) string {
	if i := slices.Index(langs, asked); i >= 0 {
		return langs[i] // not asked itself, which is Fiber's memory
	}
	_, i := language.MatchStrings(p.matcher, strings.Clone(accepted))
	return langs[i]
}

// screen is what a template sees.
type screen struct {
	Name  string
	Lang  string
	Other string // link to the same page in the other language
	Data  any
	texts map[string]string
}

var errNoText = errors.New("no text of this name")

// T returns a text by its name.
func (s screen) T(parts ...string) (string, error) {
	key := strings.Join(parts, ".")
	text, ok := s.texts[key]
	if !ok {
		return "", fmt.Errorf("%w: %s", errNoText, key)
	}
	return text, nil
}

// Money writes an amount.
func (s screen) Money(m order.Money) string {
	if m.Currency == "CNY" {
		return "¥" + m.Decimal()
	}
	return m.Currency + "\u00a0" + m.Decimal()
}

// Clock writes the time of day where the server is.
func (s screen) Clock(t order.Time) string { return t.Std().In(time.Local).Format("15:04:05") }

// OtherLang is the language that the page is not in.
func (s screen) OtherLang() string {
	if s.Lang == langs[0] {
		return langs[1]
	}
	return langs[0]
}

func (s *Sandbox) render(c *fiber.Ctx, status int, name string, data any) error {
	lang := s.pages.language(c.Query("lang"), c.Get(fiber.HeaderAcceptLanguage))
	sc := screen{Name: name, Lang: lang, Data: data, texts: s.pages.texts[lang]}
	sc.Other = otherLink(c, sc.OtherLang())
	var out bytes.Buffer
	if err := s.pages.byName[name].ExecuteTemplate(&out, "layout.html", sc); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderContentLanguage, lang)
	c.Set(fiber.HeaderVary, fiber.HeaderAcceptLanguage)
	return c.Status(status).Send(out.Bytes())
}

// otherLink keeps the page and its order; a form that was refused leads to the shop.
func otherLink(c *fiber.Ctx, lang string) string {
	path, query := "/sandbox", url.Values{"lang": {lang}}
	if c.Method() == fiber.MethodGet {
		path = strings.Clone(c.Path())
	}
	if again := strings.Clone(c.Query("again")); order.ValidOrderNo(again) {
		query.Set("again", again)
	}
	return path + "?" + query.Encode()
}

// page sets the headers of all pages and shows errors as one.
func (s *Sandbox) page(handle fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Set("Content-Security-Policy", s.pages.policy)
		c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
		c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
		c.Set(fiber.HeaderCacheControl, "private, no-cache")
		err := handle(c)
		if err == nil {
			return nil
		}
		p := s.problemOf(err)
		if p == errAnxin {
			s.log.WithError(err).Warn("shop could not reach Anxin")
		}
		return s.render(c, p.Status, "problem", p)
	}
}

func (s *Sandbox) style(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "text/css; charset=utf-8")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderCacheControl, "public, max-age=300")
	return c.Send(s.pages.css)
}

// readForm reads a form in the one encoding that the pages send.
func readForm(c *fiber.Ctx) (url.Values, error) {
	raw, err := body(c, maxForm)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, errField.about("", "not a form")
	}
	return form, nil
}
