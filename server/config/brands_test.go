package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func withFile(t *testing.T, content string) env {
	t.Helper()
	path := filepath.Join(t.TempDir(), "anxin.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return production(t).with("ANXIN_CONFIG", path)
}

func TestBrandsFillWhatTheyLeaveOut(t *testing.T) {
	t.Parallel()
	c := load(t, withFile(t, `
brand: {name: Mall, support_url: "https://mall.example/?o={order_no}", accent: {light: "#0d6b58", dark: "#6cd3b8"}, embed_in: ["https://mall.example"]}
brands:
  shop: {name: Tea House, embed_in: ["https://tea.example"]}
`))
	b := c.Brands["shop"]
	if b.Name != "Tea House" || b.SupportURL != "https://mall.example/?o={order_no}" || b.AccentDark != "#6cd3b8" ||
		len(b.FrameAncestors) != 1 || b.FrameAncestors[0] != "https://tea.example" {
		t.Errorf("brand %+v", b)
	}
}

func TestBrandsThatPayersCouldNotReadStopTheStart(t *testing.T) {
	t.Parallel()
	_, err := Load(withFile(t, `
brand: {accent: {light: "#ffcc00", dark: "#6cd3b8"}, logo: "http://cdn.example/x.png", support_url: "ftp://x"}
brands:
  nobody: {embed_in: ["https://*.example", "https://Shop.example"]}
`).get)
	for _, want := range []string{
		"brand.accent.light accent colour cannot be used: #ffcc00 on the page's #f4f6f5 has a contrast of 1.39, at least 4.5 is needed",
		"brand.logo", "brand.support_url", "brands.nobody has no api key", `"https://*.example"`, `"https://Shop.example"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not told: %s in %v", want, err)
		}
	}
}
