package page

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func setup(t *testing.T) *Renderer {
	t.Helper()
	r, err := New(Options{PublicURL: "https://pay.example"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// states reads testdata/states: every state that the page knows, as views.
func states(t *testing.T) map[string]View {
	t.Helper()
	files, err := filepath.Glob("testdata/states/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no states: %v", err)
	}
	views := make(map[string]View, len(files))
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v View
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		v.Token = "tok-en_1"
		views[strings.TrimSuffix(filepath.Base(file), ".json")] = v
	}
	return views
}

func render(t *testing.T, r *Renderer, v View) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Render(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// eachPage renders every state in every language.
func eachPage(t *testing.T, check func(t *testing.T, v View, html string)) {
	t.Helper()
	r := setup(t)
	for name, v := range states(t) {
		for _, lang := range languages() {
			v.Lang = lang
			t.Run(name+"/"+lang, func(t *testing.T) {
				t.Parallel()
				check(t, v, render(t, r, v))
			})
		}
	}
}

func at(t *testing.T, wire string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, wire)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
