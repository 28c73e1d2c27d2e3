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
		"optin.js": "text/javascript; charset=utf-8", "worker.js": "text/javascript; charset=utf-8",
		"page.css": "text/css; charset=utf-8", "inbox.js": "text/javascript; charset=utf-8", "inbox.css": "text/css; charset=utf-8",
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

// scriptBudgets are what a slow phone can take before a page is live.
var scriptBudgets = map[string]int{
	"page.js": 8 * 1024, "inbox.js": 6 * 1024,
	"optin.js": 2 * 1024, "worker.js": 1024, // loaded later: once it is tapped
}

func TestScriptsStayInTheirBudgets(t *testing.T) {
	t.Parallel()
	for file, budget := range scriptBudgets {
		body, _, ok := frontend.Asset(path.Base(frontend.URL(file)))
		if !ok {
			t.Fatalf("no %s", file)
		}
		n := gzipSize(t, body)
		t.Logf("%s: %d bytes", file, n)
		if n > budget {
			t.Errorf("%s is %d bytes gzipped, the budget is %d", file, n, budget)
		}
	}
}

func TestTheWorkerIsThatOfTheBuild(t *testing.T) {
	t.Parallel()
	if want, err := os.ReadFile("dist/worker.js"); err != nil || !bytes.Equal(frontend.Worker(), want) {
		t.Errorf("another file, %v", err)
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
