package frontend_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path"
	"strings"
	"testing"

	"anxin/frontend"
)

func TestAssetIsServedUnderTheHashOfItsContent(t *testing.T) {
	t.Parallel()
	for file, mediaType := range map[string]string{
		"page.js": "text/javascript; charset=utf-8", "legacy.js": "text/javascript; charset=utf-8",
		"page.css": "text/css; charset=utf-8",
	} {
		url := frontend.URL(file)
		if !strings.HasPrefix(url, frontend.AssetPrefix) {
			t.Fatalf("URL(%s) = %q", file, url)
		}
		body, contentType, ok := frontend.Asset(path.Base(url))
		want, err := os.ReadFile("dist/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if !ok || contentType != mediaType || !bytes.Equal(body, want) {
			t.Errorf("Asset(%s) = %d bytes, %q, %v", url, len(body), contentType, ok)
		}
	}
}

func TestUnknownAssetsAreNotFound(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "page.js", "page.000000000000.js", "../embed.go", "dist/page.js"} {
		if _, _, ok := frontend.Asset(name); ok {
			t.Errorf("Asset(%q) was found", name)
		}
	}
	if url := frontend.URL("secret.js"); url != "" {
		t.Errorf("URL of a file outside the build = %q", url)
	}
}

// scriptBudget is what a slow phone can take before the page is live.
const scriptBudget = 8 * 1024

func TestPageScriptStaysInItsBudget(t *testing.T) {
	t.Parallel()
	body, _, ok := frontend.Asset(path.Base(frontend.URL("page.js")))
	if !ok {
		t.Fatal("no script")
	}
	if n := gzipSize(t, body); n > scriptBudget {
		t.Errorf("page.js is %d bytes gzipped, the budget is %d", n, scriptBudget)
	}
}

func gzipSize(t *testing.T, body []byte) int {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}
