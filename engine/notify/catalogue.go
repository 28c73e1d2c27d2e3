package notify

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"anxin/engine/order"
)

//go:embed texts/*.json
var texts embed.FS

// Catalogue holds the templates in force. It does not change; a new one takes its place.
type Catalogue struct {
	byKey     map[templateKey]*compiled
	languages []string // in the order of the matcher
	matcher   language.Matcher
}

// DefaultTemplates are the built-in texts, version 1 of each.
func DefaultTemplates() ([]Template, error) {
	files, err := texts.ReadDir("texts")
	if err != nil {
		return nil, fmt.Errorf("list texts: %w", err)
	}
	var list []Template
	for _, file := range files {
		raw, err := texts.ReadFile(path.Join("texts", file.Name()))
		if err != nil {
			return nil, fmt.Errorf("read texts: %w", err)
		}
		var byName map[string]struct{ Title, Body, Short string }
		if err := json.Unmarshal(raw, &byName); err != nil {
			return nil, fmt.Errorf("read texts of %s: %w", file.Name(), err)
		}
		for name, t := range byName {
			list = append(list, Template{
				Name: name, Language: strings.TrimSuffix(file.Name(), ".json"), Version: 1, Title: t.Title, Body: t.Body, Short: t.Short,
			})
		}
	}
	slices.SortFunc(list, func(a, b Template) int { return strings.Compare(a.label(), b.label()) })
	return list, nil
}

// NewCatalogue checks templates and puts them over the built-in ones: of the same name,
// language, channel and brand the highest version is in force. It fails with a
// *TemplateError.
func NewCatalogue(own []Template) (*Catalogue, error) {
	all, err := DefaultTemplates()
	if err != nil {
		return nil, err
	}
	c := &Catalogue{byKey: make(map[templateKey]*compiled), languages: []string{"en", "zh-CN"}}
	for _, t := range own {
		if t.Version < 1 {
			return nil, &TemplateError{t.label(), "version must be 1 or more"}
		}
	}
	for i, t := range append(all, own...) {
		if have, ok := c.byKey[t.key()]; ok && have.Version > t.Version {
			continue
		}
		origin := OriginBuiltIn
		if i >= len(all) {
			origin = OriginFile
		}
		if err := c.put(t, origin); err != nil {
			return nil, err
		}
	}
	return c, c.match()
}

// With returns the catalogue with templates that people wrote while the server ran: each
// takes the place of the one of its key, whatever that one's version is. It fails with a
// *TemplateError.
func (c *Catalogue) With(written []Template) (*Catalogue, error) {
	over := &Catalogue{byKey: maps.Clone(c.byKey), languages: slices.Clone(c.languages)}
	for _, t := range written {
		if have, ok := over.byKey[t.key()]; ok && have.origin == OriginFile && have.Version == t.Version {
			return nil, &TemplateError{t.label(), fmt.Sprintf("version %d of the configuration file is another text: give it a higher one", t.Version)}
		}
		if err := over.put(t, OriginWritten); err != nil {
			return nil, err
		}
	}
	return over, over.match()
}

// put checks a template and has it be in force.
func (c *Catalogue) put(t Template, origin Origin) error {
	checked, err := compile(t)
	if err != nil {
		return err
	}
	checked.origin = origin
	c.byKey[t.key()] = checked
	if !slices.Contains(c.languages, t.Language) {
		c.languages = append(c.languages, t.Language)
	}
	return nil
}

// match makes the matcher of the catalogue's languages.
func (c *Catalogue) match() (err error) {
	tags := make([]language.Tag, len(c.languages))
	for i, l := range c.languages {
		if tags[i], err = language.Parse(l); err != nil {
			return &TemplateError{"*/" + l, "language must be a tag such as zh-CN"}
		}
	}
	c.matcher = language.NewMatcher(tags)
	return nil
}

// Languages are the languages of the catalogue.
func (c *Catalogue) Languages() []string { return slices.Sorted(slices.Values(c.languages)) }

// Language returns the language of the catalogue that suits a payer best.
func (c *Catalogue) Language(locale string) string {
	_, i := language.MatchStrings(c.matcher, locale) // the tag itself may have extensions
	return c.languages[i]
}

// Names returns the names of the templates that may be used for an order, best first.
func names(n Notice, o order.Order) []string {
	if o.Diagnosis().Located() {
		return []string{string(n) + located, string(n)}
	}
	return []string{string(n)}
}

func (c *Catalogue) find(names []string, lang string, ch Channel, brand string) (*compiled, bool) {
	for _, name := range names {
		for _, key := range []templateKey{{name, lang, ch, brand}, {name, lang, "", brand}, {name, lang, ch, ""}, {name, lang, "", ""}} {
			if found, ok := c.byKey[key]; ok {
				return found, true
			}
		}
	}
	return nil, false
}

// Texted is a rendered template with what records and providers need to know of it.
type Texted struct {
	Rendered
	Template  string // its name, and the channel and brand that it narrows to
	Version   int
	Language  string
	Providers map[string]SMSTemplate // of the approved ones
}

// For returns what a channel carries of the text.
func (t Texted) For(c Channel) Text {
	switch c {
	case SMS:
		return Text{Body: t.Short}
	case Push, WebPush, Email, Inbox, Gateway, Robot:
	}
	return Text{Title: t.Title, Body: t.Body}
}

// testMarks begin a text that is a test, so that nobody takes it for news.
var testMarks = map[string]string{"zh-CN": "[测试] ", "en": "[Test] "}

// AsTest returns the text marked as a test.
func (t Texted) AsTest() Texted {
	mark := testMarks[t.Language]
	if mark == "" {
		mark = testMarks["en"]
	}
	t.Title, t.Body, t.Short = mark+t.Title, mark+t.Body, mark+t.Short
	return t
}

// Render writes what a notice says of an order, for a channel. A language without the
// template falls back to English, which has them all.
func (c *Catalogue) Render(n Notice, ch Channel, o order.Order, f Frame) (Texted, error) {
	return c.render(n, names(n, o), ch, f, VarsOf(o, f))
}

// RenderCode writes a one-time code.
func (c *Catalogue) RenderCode(code string, life time.Duration, ch Channel, f Frame) (Texted, error) {
	v := Vars{Brand: f.Brand, Support: f.Support, Code: code, Minutes: int(life.Minutes())}
	return c.render(NoticeCode, []string{string(NoticeCode)}, ch, f, v)
}

// RenderTest writes a test message.
func (c *Catalogue) RenderTest(ch Channel, f Frame) (Texted, error) {
	return c.render(NoticeTest, []string{string(NoticeTest)}, ch, f, Vars{Brand: f.Brand, Support: f.Support})
}

func (c *Catalogue) render(n Notice, names []string, ch Channel, f Frame, v Vars) (Texted, error) {
	t, ok := c.find(names, f.Language, ch, f.Brand)
	if !ok {
		if t, ok = c.find(names, "en", ch, f.Brand); !ok {
			return Texted{}, &TemplateError{string(n) + "/" + f.Language, "there is none"}
		}
	}
	if v.Brand == "" {
		v.Brand = neutralBrand[t.Language]
		if v.Brand == "" {
			v.Brand = neutralBrand["en"]
		}
	}
	text, err := t.render(v)
	if err != nil {
		return Texted{}, err
	}
	out := Texted{Rendered: text, Template: t.Reference(), Version: t.Version, Language: t.Language, Providers: make(map[string]SMSTemplate)}
	for provider, p := range t.Providers {
		if p.Approval == ApprovalApproved {
			out.Providers[provider] = p.fill(v)
		}
	}
	return out, nil
}

// neutralBrand is how we call ourselves where no brand is configured.
var neutralBrand = map[string]string{"zh-CN": "安心付款", "en": "Payment update"}

func (p ProviderTemplate) fill(v Vars) SMSTemplate {
	values := v.values()
	t := SMSTemplate{ID: p.ID}
	for _, param := range p.Params {
		t.Params = append(t.Params, Param{Name: param.Name, Value: values[param.Var]})
	}
	return t
}

// Origin is where a template was written.
type Origin string

// The origins.
const (
	OriginBuiltIn Origin = "built_in"
	OriginFile    Origin = "file"    // the configuration
	OriginWritten Origin = "written" // by an operator while the server runs
)

// InForce is a template that is sent.
type InForce struct {
	Template
	Origin Origin
}

// Templates lists what is in force, by name and language.
func (c *Catalogue) Templates() []InForce {
	list := make([]InForce, 0, len(c.byKey))
	for _, t := range c.byKey {
		list = append(list, InForce{t.Template, t.origin})
	}
	slices.SortFunc(list, func(a, b InForce) int { return strings.Compare(a.label(), b.label()) })
	return list
}

// samples are variables as they are in life: everything there, nothing there, and long.
func samples() []Vars {
	full := Vars{
		Brand: "Example Shop", OrderNo: "A202611250001", Subject: "Green tea, 250 g", Amount: "¥88.00", By: "12:06", NextAt: "12:03",
		ReviewBy: "26 Nov 12:00", Support: "https://shop.example/support", Link: "https://pay.example/pay/A1",
		RefundAmount: "¥88.00", RefundAt: "12:30", RefundSum: "¥88.00", Code: "482913", Minutes: 10,
		Received: true, Safe: true, Waited: true, PayAgain: true, Corrected: true,
	}
	bare := Vars{Brand: "B", OrderNo: "A1", Amount: "CNY 1.00", RefundAmount: "CNY 1.00", RefundAt: "12:30", Code: "000000", Minutes: 5}
	return []Vars{full, bare}
}
