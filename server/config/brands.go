package config

import (
	"cmp"
	"net/url"
	"strings"

	"anxin/frontend/page"
)

// brandFile is one brand's part of the file.
type brandFile struct {
	Name       string `yaml:"name"`
	Logo       string `yaml:"logo"`
	SupportURL string `yaml:"support_url"`
	Accent     struct {
		Light string `yaml:"light"`
		Dark  string `yaml:"dark"`
	} `yaml:"accent"`
	EmbedIn []string `yaml:"embed_in"`
}

// applyBrands fills what a merchant's brand leaves out from everybody's. Who may frame
// the pages is each merchant's own affair and not filled in.
func (f file) applyBrands(c *Config, p *problems) {
	c.Brand = f.Brand.apply("brand", Brand{}, p)
	c.Brands = make(map[string]Brand, len(f.Brands))
	for name, b := range f.Brands {
		c.Brands[name] = b.apply("brands."+name, c.Brand, p)
	}
}

func (f brandFile) apply(setting string, over Brand, p *problems) Brand {
	b := Brand{
		Brand: page.Brand{
			Name: cmp.Or(strings.TrimSpace(f.Name), over.Name), Logo: cmp.Or(f.Logo, over.Logo),
			AccentLight: over.AccentLight, AccentDark: over.AccentDark, FrameAncestors: f.EmbedIn,
		},
		SupportURL: cmp.Or(f.SupportURL, over.SupportURL),
	}
	if f.Accent.Light != "" || f.Accent.Dark != "" {
		b.AccentLight, b.AccentDark = f.Accent.Light, f.Accent.Dark
		for mode, color := range map[string]string{"light": f.Accent.Light, "dark": f.Accent.Dark} {
			if err := page.CheckAccent(color, mode == "dark"); err != nil {
				p.add(setting+".accent."+mode, "%v", err)
			}
		}
	}
	if err := page.CheckLogo(f.Logo); err != nil {
		p.add(setting+".logo", "%v", err)
	}
	for _, origin := range f.EmbedIn {
		if !webOrigin(origin) {
			p.add(setting+".embed_in", "%q is not http(s)://host[:port]", origin)
		}
	}
	if u, err := url.Parse(strings.ReplaceAll(f.SupportURL, "{order_no}", "A1")); f.SupportURL != "" && (err != nil || !webURL(u)) {
		p.add(setting+".support_url", "must be an http(s) address")
	}
	return b
}
