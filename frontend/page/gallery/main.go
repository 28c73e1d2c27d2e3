// Command gallery writes the payer page in every state of testdata/states and every
// language as files, to be looked at: go run ./frontend/page/gallery -o DIR
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"anxin/frontend/page"
)

func main() {
	states := flag.String("states", filepath.FromSlash("frontend/page/testdata/states"), "folder of the states")
	out := flag.String("o", "gallery", "folder to write into")
	flag.Parse()
	if err := run(*states, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gallery:", err)
		os.Exit(1)
	}
}

func run(states, out string) error {
	renderer, err := page.New(page.Options{PublicURL: "http://127.0.0.1:8080"})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o750); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(states, "*.json"))
	if err != nil {
		return fmt.Errorf("list states: %w", err)
	}
	for _, lang := range []string{"zh-CN", "en"} {
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".json") + "." + lang + ".html"
			err := write(filepath.Join(out, name), func(w io.Writer) error { return renderState(w, renderer, file, lang) })
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		err := write(filepath.Join(out, "expired."+lang+".html"), func(w io.Writer) error { return renderer.RenderExpired(w, lang) })
		if err != nil {
			return fmt.Errorf("expired: %w", err)
		}
	}
	return nil
}

func renderState(w io.Writer, renderer *page.Renderer, file, lang string) error {
	raw, err := os.ReadFile(file) // #nosec G304 -- the folder that the caller named
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	var v page.View
	if err := json.Unmarshal(raw, &v); err != nil {
		return fmt.Errorf("parse state: %w", err)
	}
	v.Lang = lang
	return renderer.Render(w, v)
}

func write(path string, render func(io.Writer) error) error {
	var b bytes.Buffer
	if err := render(&b); err != nil {
		return err
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
