package page

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestLookupAsksForTheNumberThenForTheCode(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for _, lang := range languages() {
		for _, c := range []struct {
			l          Lookup
			says, form string
		}{
			{Lookup{}, "lookup.lead", `action="/orders"`},
			{Lookup{OrderNo: "a b", Problem: LookupNumber}, "lookup.number", `action="/orders"`},
			{Lookup{OrderNo: "A1", Sent: true}, "lookup.code", `action="/orders/code"`},
			{Lookup{OrderNo: "A1", Sent: true, Problem: LookupWrong}, "lookup.wrong", `action="/orders/code"`},
			{Lookup{OrderNo: "A1", Sent: true, Problem: LookupTooSoon, AskedLang: lang}, "lookup.too_soon", `action="/orders/code?lang=` + lang + `"`},
		} {
			c.l.Lang = lang
			var b bytes.Buffer
			if err := r.RenderLookup(&b, c.l); err != nil {
				t.Fatal(err)
			}
			html := b.String()
			if !strings.Contains(visible(html), r.catalogs.match(lang).text(c.says, nil)) || !strings.Contains(html, c.form) || strings.Contains(html, "<script") {
				t.Errorf("%s: %+v says\n%s", lang, c.l, visible(html))
			}
		}
	}
	if err := r.RenderLookup(brokenWriter{}, Lookup{}); !errors.Is(err, errBroken) {
		t.Errorf("RenderLookup: %v", err)
	}
}

func TestExpiredLinkLeadsToTheLookupWhereThereIsOne(t *testing.T) {
	t.Parallel()
	for lookup, want := range map[bool]bool{true: true, false: false} {
		var b bytes.Buffer
		if err := renderer(t, Options{Lookup: lookup}).RenderExpired(&b, "en"); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(b.String(), `href="/orders"`); got != want {
			t.Errorf("lookup %v: a link to it %v", lookup, got)
		}
	}
}
