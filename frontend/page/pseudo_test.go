package page

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/language"
)

// pseudo makes a language out of English, to see what the page does with texts that its
// own languages do not have: change is applied to everything but variables.
func pseudo(t *testing.T, tag, dir string, change func(string) string) *catalog {
	t.Helper()
	changed := texts(t, "en")
	for key, text := range changed {
		switch key {
		case "dir":
			text = dir
		case "months", "date", "day":
		default:
			text = aroundVariables(text, change)
		}
		changed[key] = text
	}
	raw, err := json.Marshal(changed)
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseCatalog(tag, raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func aroundVariables(text string, change func(string) string) string {
	var b strings.Builder
	rest := text
	for _, at := range variable.FindAllStringIndex(text, -1) {
		before := text[len(text)-len(rest) : at[0]]
		b.WriteString(change(before) + text[at[0]:at[1]])
		rest = text[at[1]:]
	}
	return b.String() + change(rest)
}

// longer is a language that needs 40 in a hundred more room, in longer words: German and
// Finnish do.
func longer(text string) string {
	var b strings.Builder
	for i, r := range text {
		b.WriteRune(r)
		if unicode.IsLetter(r) && i%5 < 2 {
			b.WriteRune('ë')
		}
	}
	return b.String()
}

// mirrored is a language that is written from right to left, in its letters.
func mirrored(text string) string {
	const hebrew = "אבגדהוזחטיכלמנסעפצקרשת"
	letters := []rune(hebrew)
	return strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && unicode.IsLetter(r) {
			return letters[int(unicode.ToLower(r)-'a')%len(letters)]
		}
		return r
	}, text)
}

// pseudoRenderers are renderers that know one pseudo-language each, by its tag.
func pseudoRenderers(t *testing.T) map[string]*Renderer {
	t.Helper()
	found := map[string]*Renderer{}
	for _, c := range []*catalog{pseudo(t, "de", "ltr", longer), pseudo(t, "he", "rtl", mirrored)} {
		r := setup(t)
		r.catalogs = &catalogs{list: []*catalog{c}, matcher: language.NewMatcher([]language.Tag{language.MustParse(c.tag)})}
		found[c.tag] = r
	}
	return found
}

func TestPseudoLanguagesAreRenderedWhole(t *testing.T) {
	t.Parallel()
	longest := 0.0
	english := texts(t, "en")
	for _, key := range slices.Sorted(maps.Keys(english)) {
		longest = max(longest, float64(len([]rune(longer(english[key]))))/float64(len([]rune(english[key]))))
	}
	if longest < 1.4 {
		t.Errorf("the longer language is at most %.2f times as long", longest)
	}
	for tag, r := range pseudoRenderers(t) {
		for name, v := range states(t) {
			html := render(t, r, v)
			s := r.situation(v).screen()
			if !strings.Contains(html, `lang="`+tag+`" dir="`+r.catalogs.list[0].texts["dir"]+`"`) || !strings.Contains(visible(html), s.Headline) {
				t.Errorf("%s in %s is not in its language", name, tag)
			}
		}
		for headline, html := range beside(t, r) {
			if !strings.Contains(html, `lang="`+tag+`" dir="`+r.catalogs.list[0].texts["dir"]+`"`) || !strings.Contains(visible(html), r.catalogs.list[0].texts[headline]) {
				t.Errorf("the page of %s in %s is not in its language", headline, tag)
			}
		}
	}
}

// beside renders the pages beside the payer's own, by the text that is their headline.
func beside(t *testing.T, r *Renderer) map[string]string {
	t.Helper()
	rendered := map[string]string{}
	for headline, render := range map[string]func(io.Writer) error{
		"inbox.headline":   func(w io.Writer) error { return r.RenderInbox(w, inboxes(t)["result"]) },
		"lookup.headline":  func(w io.Writer) error { return r.RenderLookup(w, Lookup{OrderNo: "A1", Sent: true}) },
		"optin.open":       func(w io.Writer) error { return r.RenderOptIn(w, optIns(t)["optin_told"]) },
		"expired.headline": func(w io.Writer) error { return r.RenderExpired(w, "") },
	} {
		var b bytes.Buffer
		if err := render(&b); err != nil {
			t.Fatal(err)
		}
		rendered[headline] = b.String()
	}
	return rendered
}
