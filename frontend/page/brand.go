package page

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"regexp"
	"strings"

	"anxin/frontend"
)

// Brand is what a page shows of a merchant. The zero value is the neutral page.
type Brand struct {
	// Name stands at the top; empty means a neutral word in the payer's language.
	Name string
	// Logo stands beside the name: a data: image, a path of this server or an https
	// address. The page's policy allows exactly this image.
	Logo string
	// AccentLight and AccentDark are #rrggbb; empty means the page's own colour.
	AccentLight, AccentDark string
	// FrameAncestors are the origins that may show the page in a frame.
	FrameAncestors []string
}

// ErrLogo reports a logo that the page cannot show.
var ErrLogo = errors.New("logo must be a data: image of at most 4096 bytes, a path or an https address")

// maxLogo keeps a logo inside the page from eating the budget of its bytes.
const maxLogo = 4096

// logoForm admits what stands in a policy without being able to end its directive.
var logoForm = regexp.MustCompile(`^(data:image/(?:png|svg\+xml|webp|jpeg);base64,[A-Za-z0-9+/=]+|/[A-Za-z0-9._~/%-]+|https://[A-Za-z0-9.:-]+/[A-Za-z0-9._~/%-]+)$`)

// CheckLogo refuses what Brand.Logo cannot be, with ErrLogo.
func CheckLogo(logo string) error {
	if logo == "" || (len(logo) <= maxLogo && logoForm.MatchString(logo) && !strings.HasPrefix(logo, "//")) {
		return nil
	}
	return ErrLogo
}

// dress is a brand made ready: what pages of its merchant look like and may do.
type dress struct {
	name, logo       string
	css, inboxCSS    template.CSS
	policy, embedded string
	framed           bool
}

// wear makes a brand ready for pages reached at public.
func wear(b Brand, public *url.URL) (dress, error) {
	if err := CheckLogo(b.Logo); err != nil {
		return dress{}, err
	}
	theme, err := b.theme()
	if err != nil {
		return dress{}, err
	}
	sheets := []string{frontend.CSS() + theme, frontend.InboxCSS() + theme}
	d := dress{
		name: b.Name, logo: b.Logo, framed: len(b.FrameAncestors) > 0,
		css: template.CSS(sheets[0]), inboxCSS: template.CSS(sheets[1]), // #nosec G203 -- our own files and colours that were parsed
	}
	images := "data:"
	switch {
	case strings.HasPrefix(b.Logo, "https:"):
		images += " " + b.Logo
	case strings.HasPrefix(b.Logo, "/"):
		images += " " + public.Scheme + "://" + public.Host + b.Logo
	}
	d.policy = policy(public, sheets, images, "'none'")
	d.embedded = d.policy
	if d.framed {
		d.embedded = policy(public, sheets, images, strings.Join(b.FrameAncestors, " "))
	}
	return d, nil
}

// called is the name at the top.
func (d dress) called(c *catalog) string {
	if d.name != "" {
		return d.name
	}
	return c.text("brand", nil)
}

// theme overrides the colours of page.css, in both modes or in none: what is said for one
// would else hold in the other.
func (b Brand) theme() (string, error) {
	if b.AccentLight == "" && b.AccentDark == "" {
		return "", nil
	}
	var set [2]string
	for i, c := range []struct {
		color  string
		scheme scheme
	}{{b.AccentLight, light}, {b.AccentDark, dark}} {
		accent, err := parseColor(c.color)
		if err == nil {
			err = c.scheme.check(accent)
		}
		if err != nil {
			return "", fmt.Errorf("%s mode: %w", c.scheme.name, err)
		}
		set[i] = c.scheme.variables(accent)
	}
	return ":root{" + set[0] + "}@media(prefers-color-scheme:dark){:root{" + set[1] + "}}", nil
}

// policy allows the pages' own scripts and service worker, their inline style sheets by hash, their forms,
// their images and the live connection. The WebSocket origin is named because engines up
// to Chromium 66 do not count it as 'self'.
func policy(public *url.URL, sheets []string, images, ancestors string) string {
	live := strings.Replace(public.Scheme, "http", "ws", 1) + "://" + public.Host
	styles := []string{"style-src"}
	for _, css := range sheets {
		sum := sha256.Sum256([]byte(css))
		styles = append(styles, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"worker-src 'self'",
		strings.Join(styles, " "),
		"img-src " + images,
		"connect-src 'self' " + live,
		"form-action 'self'",
		"base-uri 'none'",
		"frame-ancestors " + ancestors,
	}, "; ")
}

// dresses makes all brands ready, with the name of the one that is wrong.
func dresses(o Options, public *url.URL) (map[string]dress, error) {
	ready := make(map[string]dress, len(o.Merchants)+1)
	var err error
	if ready[""], err = wear(o.Brand, public); err != nil {
		return nil, fmt.Errorf("brand: %w", err)
	}
	for name, b := range o.Merchants {
		if ready[name], err = wear(b, public); err != nil {
			return nil, fmt.Errorf("brand of %s: %w", name, err)
		}
	}
	return ready, nil
}
