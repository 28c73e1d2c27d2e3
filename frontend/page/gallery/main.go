// Command gallery renders the payer's page in every state of testdata/states and every
// language, and with -png photographs each in Chromium as it looks on a phone, in light and
// in dark mode, and on a desk, alone and several to a sheet: go run ./frontend/page/gallery -png -o DIR
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"anxin/frontend/page"
)

func main() {
	states := flag.String("states", filepath.FromSlash("frontend/page/testdata/states"), "folder of the states")
	out := flag.String("o", "gallery", "folder to write into")
	png := flag.Bool("png", false, "photograph each page; needs chromium")
	flag.Parse()
	if err := run(*states, *out, *png); err != nil {
		fmt.Fprintln(os.Stderr, "gallery:", err)
		os.Exit(1)
	}
}

func run(states, out string, png bool) error {
	renderer, err := page.New(page.Options{PublicURL: "http://127.0.0.1:8080", Lookup: true})
	if err != nil {
		return err
	}
	pages, err := render(renderer, states)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o750); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		if err := os.WriteFile(filepath.Join(out, name+".html"), pages[name], 0o600); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	if !png {
		return nil
	}
	csp, _ := renderer.Policy("", false)
	return photograph(pages, csp, out)
}

// render makes all pages, by state and language.
func render(renderer *page.Renderer, states string) (map[string][]byte, error) {
	files, err := filepath.Glob(filepath.Join(states, "*.json"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no states in %s: %w", states, err)
	}
	pages := map[string][]byte{}
	add := func(name string, render func(io.Writer) error) error {
		var b bytes.Buffer
		if err := render(&b); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		pages[name] = b.Bytes()
		return nil
	}
	for _, lang := range page.Languages() {
		for _, file := range files {
			v, err := read[page.View](file)
			if err != nil {
				return nil, err
			}
			v.Lang, v.Inbox = lang, &page.InboxLink{Unread: 2}
			name := strings.TrimSuffix(filepath.Base(file), ".json")
			if err := add(name+"."+lang, func(w io.Writer) error { return renderer.Render(w, v) }); err != nil {
				return nil, err
			}
		}
		if err := inboxes(renderer, filepath.Join(filepath.Dir(states), "inbox"), lang, add); err != nil {
			return nil, err
		}
		for name, render := range beside(renderer, states, lang) {
			if err := add(name+"."+lang, render); err != nil {
				return nil, err
			}
		}
	}
	return pages, nil
}

// beside are the pages beside the states and the message centre.
func beside(renderer *page.Renderer, states, lang string) map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{
		"expired":    func(w io.Writer) error { return renderer.RenderExpired(w, lang) },
		"optin":      func(w io.Writer) error { return optIn(w, renderer, states, "confirming_slow", lang, page.OptIn{}) },
		"optin_told": func(w io.Writer) error { return optIn(w, renderer, states, "review", lang, page.OptIn{}) },
		"optin_phone": func(w io.Writer) error {
			return optIn(w, renderer, states, "confirming_slow", lang, page.OptIn{Entered: "138", Problem: page.OptInPhone})
		},
		"optin_by_push": func(w io.Writer) error { return optIn(w, renderer, states, "received_slow", lang, page.OptIn{}) },
		"embedded": func(w io.Writer) error {
			v, err := read[page.View](filepath.Join(states, "confirming_slow.json"))
			if err != nil {
				return err
			}
			v.Lang, v.Embedded = lang, true
			return renderer.Render(w, v)
		},
		"lookup_wrong": func(w io.Writer) error {
			return renderer.RenderLookup(w, page.Lookup{Lang: lang, OrderNo: "A1001", Sent: true, Problem: page.LookupWrong})
		},
		"lookup": func(w io.Writer) error { return renderer.RenderLookup(w, page.Lookup{Lang: lang}) },
		"lookup_sent": func(w io.Writer) error {
			return renderer.RenderLookup(w, page.Lookup{Lang: lang, OrderNo: "A1001", Sent: true})
		},
	}
}

func optIn(w io.Writer, renderer *page.Renderer, states, state, lang string, o page.OptIn) error {
	v, err := read[page.View](filepath.Join(states, state+".json"))
	if err != nil {
		return err
	}
	v.Lang = lang
	o.View = v
	return renderer.RenderOptIn(w, o)
}

// inboxes makes the pages of the message centre.
func inboxes(renderer *page.Renderer, folder, lang string, add func(name string, render func(io.Writer) error) error) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no inboxes in %s: %w", folder, err)
	}
	for _, file := range files {
		v, err := read[page.Inbox](file)
		if err != nil {
			return err
		}
		v.Lang = lang
		name := "inbox_" + strings.TrimSuffix(filepath.Base(file), ".json") + "." + lang
		if err := add(name, func(w io.Writer) error { return renderer.RenderInbox(w, v) }); err != nil {
			return err
		}
	}
	return nil
}

func read[V any](file string) (V, error) {
	var v V
	raw, err := os.ReadFile(file) // #nosec G304 -- the folder that the caller named
	if err != nil {
		return v, fmt.Errorf("read state: %w", err)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("parse state: %w", err)
	}
	return v, nil
}
