package page

import (
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
)

const pixel = "data:image/png;base64,iVBORw0KGgo="

func renderer(t *testing.T, o Options) *Renderer {
	t.Helper()
	o.PublicURL = "https://pay.example"
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPageWearsTheBrandOfItsMerchant(t *testing.T) {
	t.Parallel()
	r := renderer(t, Options{
		Brand:     Brand{Name: "Server's"},
		Merchants: map[string]Brand{"shop": {Name: "Shop <1>", Logo: pixel, AccentLight: "#7a1f5c", AccentDark: "#f2a6d8"}},
	})
	v := states(t)["succeeded"]
	v.Lang = "en"
	if html := render(t, r, v); !strings.Contains(html, "<title>Paid · Server&#39;s</title>") || strings.Contains(html, "#7a1f5c") {
		t.Error("a merchant without a brand does not wear the server's")
	}
	v.Merchant = "shop"
	html := render(t, r, v)
	for _, want := range []string{
		"<title>Paid · Shop &lt;1&gt;</title>", `<img src="` + pixel + `" alt="" height="28">`,
		"--accent:#7a1f5c;--on-accent:#ffffff;", "@media(prefers-color-scheme:dark){:root{--accent:#f2a6d8;--on-accent:#06251d;",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	csp, _ := r.Policy("shop", false)
	obeysStyles(t, html, csp)
	if other, _ := r.Policy("", false); other == csp {
		t.Error("two style sheets share one policy")
	}
}

func TestLogoIsTheOnlyForeignImage(t *testing.T) {
	t.Parallel()
	for logo, want := range map[string]string{
		"":                               "img-src data:;",
		pixel:                            "img-src data:;",
		"/brand/logo.png":                "img-src data: https://pay.example/brand/logo.png;",
		"https://cdn.example/a/logo.svg": "img-src data: https://cdn.example/a/logo.svg;",
	} {
		csp, _ := renderer(t, Options{Brand: Brand{Logo: logo}}).Policy("", false)
		if !strings.Contains(csp, want) {
			t.Errorf("%q: policy %s", logo, csp)
		}
	}
	for _, logo := range []string{
		"http://cdn.example/logo.png", "//cdn.example/logo.png", "javascript:alert(1)", "data:text/html;base64,AAAA",
		"https://cdn.example/a;script-src *", "https://cdn.example", "/a b", pixel + strings.Repeat("A", maxLogo),
	} {
		if _, err := New(Options{PublicURL: "https://pay.example", Brand: Brand{Logo: logo}}); !errors.Is(err, ErrLogo) {
			t.Errorf("%.40q: error = %v", logo, err)
		}
	}
}

func TestOnlyNamedOriginsMayFrameAnEmbeddedPage(t *testing.T) {
	t.Parallel()
	r := renderer(t, Options{Merchants: map[string]Brand{"shop": {FrameAncestors: []string{"https://shop.example", "https://m.shop.example"}}}})
	for _, c := range []struct {
		merchant string
		embedded bool
		want     string
		framed   bool
	}{
		{"shop", true, "frame-ancestors https://shop.example https://m.shop.example", true},
		{"shop", false, "frame-ancestors 'none'", false},
		{"other", true, "frame-ancestors 'none'", false},
	} {
		if csp, framed := r.Policy(c.merchant, c.embedded); !strings.HasSuffix(csp, c.want) || framed != c.framed {
			t.Errorf("%s, embedded %v: %s, framed %v", c.merchant, c.embedded, csp, framed)
		}
	}
	v := states(t)["failed_free"]
	v.Merchant, v.Embedded, v.AskedLang, v.Lang = "shop", true, "en", "en"
	html := render(t, r, v)
	if strings.Contains(html, `class="top"`) || !strings.Contains(html, `target="_top"`) ||
		!strings.Contains(html, `/query?embed=1&amp;lang=en"`) {
		t.Error("the embedded page has a header, opens links in its frame or forgets that it is embedded")
	}
}

func TestAccentIsRefusedWithItsContrast(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		light, dark, want string
	}{
		{"#ffcc00", "#ffcc00", "light mode: accent colour cannot be used: #ffcc00 on the page's #f4f6f5 has a contrast of 1.39, at least 4.5 is needed"},
		{"#0d6b58", "#0d6b58", "dark mode: accent colour cannot be used: #0d6b58 on the page's #0f1513 has a contrast of 2.87, at least 4.5 is needed"},
		{"#0d6b58", "", "dark mode: accent colour cannot be used: it is not of the form #rrggbb"},
		{"teal", "#6cd3b8", "light mode: accent colour cannot be used: it is not of the form #rrggbb"},
	} {
		_, err := New(Options{PublicURL: "https://pay.example", Merchants: map[string]Brand{"shop": {AccentLight: c.light, AccentDark: c.dark}}})
		if !errors.Is(err, ErrColor) || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s, %s: error = %v", c.light, c.dark, err)
		}
	}
	if err := errors.Join(CheckAccent("#0d6b58", false), CheckAccent("#6cd3b8", true)); err != nil {
		t.Errorf("the page's own colours: %v", err)
	}
}

// Figures of WCAG's own examples and of common checkers.
func TestContrastIsThatOfWCAG(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]float64{
		{"#000000", "#ffffff"}: 21, {"#777777", "#ffffff"}: 4.48, {"#767676", "#ffffff"}: 4.54, {"#ff0000", "#ffffff"}: 4.00,
	} {
		a, errA := parseColor(pair[0])
		b, errB := parseColor(pair[1])
		if got := contrast(a, b); errA != nil || errB != nil || math.Abs(got-want) > 0.005 {
			t.Errorf("%v: %.3f, want %.2f", pair, got, want)
		}
	}
}

// The check of a merchant's colour rests on these values of the style sheet.
func TestSchemesAreThoseOfTheStyleSheet(t *testing.T) {
	t.Parallel()
	css, err := os.ReadFile("src/page.css")
	if err != nil {
		t.Fatal(err)
	}
	values := regexp.MustCompile(`--(paper|card): (#[0-9a-f]+);`).FindAllStringSubmatch(string(css), -1)
	got := make([]string, 0, len(values))
	for _, v := range values {
		got = append(got, v[1]+" "+v[2])
	}
	want := fmt.Sprintf("paper %s|card #fff|paper %s|card %s", light.paper, dark.paper, dark.card)
	if strings.Join(got, "|") != want {
		t.Errorf("page.css has %v, the check %s", got, want)
	}
}
