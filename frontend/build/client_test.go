package main

import (
	"bytes"
	"compress/gzip"
	"path/filepath"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

// clientBudgets are the bytes, minified and gzipped, that the live client may cost a page:
// its README promises them.
var clientBudgets = map[string]int{
	"client/src/live.ts":   1480, // ladder and three transports
	"client/src/index.ts":  2150, // with the browser's platform and the server's clock
	"client/src/wechat.ts": 800,
}

func TestClientStaysInItsBudget(t *testing.T) {
	t.Parallel()
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for source, budget := range clientBudgets {
		body, err := build(abs, entry{source, api.ES2017, api.FormatESModule})
		if err != nil {
			t.Fatal(err)
		}
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
		t.Logf("%s: %d bytes", source, b.Len())
		if b.Len() > budget {
			t.Errorf("%s is %d bytes gzipped, the budget is %d", source, b.Len(), budget)
		}
	}
}
