package page

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ErrColor reports an accent colour that cannot be used on the page.
var ErrColor = errors.New("accent colour cannot be used")

// minContrast is what WCAG 2.2 asks of text (success criterion 1.4.3, level AA).
const minContrast = 4.5

// rgb is a colour in sRGB.
type rgb struct{ r, g, b uint8 }

// scheme is what a merchant's accent stands on in light or in dark mode; the values are
// those of page.css.
type scheme struct {
	name        string
	paper, card rgb
	ink         rgb     // of text on the accent, where white is too weak
	tinted      float64 // how much of the accent is in the tint of notes
}

var (
	light = scheme{"light", rgb{0xf4, 0xf6, 0xf5}, rgb{0xff, 0xff, 0xff}, rgb{0x17, 0x21, 0x1e}, 0.08}
	dark  = scheme{"dark", rgb{0x0f, 0x15, 0x13}, rgb{0x18, 0x21, 0x1e}, rgb{0x06, 0x25, 0x1d}, 0.12}
	white = rgb{0xff, 0xff, 0xff}
)

// parseColor reads #rrggbb.
func parseColor(s string) (rgb, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "#"), 16, 32)
	if err != nil || len(s) != 7 || s[0] != '#' {
		return rgb{}, fmt.Errorf("%w: it is not of the form #rrggbb", ErrColor)
	}
	return rgb{uint8(n >> 16), uint8(n >> 8), uint8(n)}, nil
}

func (c rgb) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

// luminance is the relative luminance as WCAG 2.2 defines it.
func (c rgb) luminance() float64 {
	linear := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
}

// contrast is the contrast ratio as WCAG 2.2 defines it: 1 to 21.
func contrast(a, b rgb) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// mix puts a share of c over base.
func mix(c, base rgb, share float64) rgb {
	part := func(a, b uint8) uint8 { return uint8(math.Round(share*float64(a) + (1-share)*float64(b))) }
	return rgb{part(c.r, base.r), part(c.g, base.g), part(c.b, base.b)}
}

func (s scheme) tint(accent rgb) rgb { return mix(accent, s.card, s.tinted) }

// on is the text colour on the accent.
func (s scheme) on(accent rgb) rgb {
	if contrast(white, accent) >= contrast(s.ink, accent) {
		return white
	}
	return s.ink
}

// check refuses an accent that is hard to read as text on the page, or whose own text is.
func (s scheme) check(accent rgb) error {
	for _, pair := range []struct {
		what string
		a, b rgb
	}{
		{"on the page's " + s.paper.String(), accent, s.paper},
		{"on the cards' " + s.card.String(), accent, s.card},
		{"on the notes' " + s.tint(accent).String(), accent, s.tint(accent)},
		{"under the text of buttons, " + s.on(accent).String() + ",", s.on(accent), accent},
	} {
		if ratio := contrast(pair.a, pair.b); ratio < minContrast {
			return fmt.Errorf("%w: %s %s has a contrast of %.2f, at least %.1f is needed", ErrColor, accent, pair.what, ratio, minContrast)
		}
	}
	return nil
}

// variables are the custom properties of page.css that follow from the accent.
func (s scheme) variables(accent rgb) string {
	return fmt.Sprintf("--accent:%s;--on-accent:%s;--tint:%s", accent, s.on(accent), s.tint(accent))
}

// CheckAccent refuses a colour that a payer could not read well in light mode, or in dark
// mode. Its error matches ErrColor and names the contrast that was computed.
func CheckAccent(color string, inDark bool) error {
	s := light
	if inDark {
		s = dark
	}
	accent, err := parseColor(color)
	if err != nil {
		return err
	}
	return s.check(accent)
}
