package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// entry is one file of the build.
type entry struct {
	source string
	target api.Target
	format api.Format
}

// entries are the files of the build. es2017 is what the oldest engine that must work (Chromium 64, iOS 11.3)
// reads; legacy.js is for engines older than that, which skip module scripts.
func entries() map[string]entry {
	return map[string]entry{
		"page.js":   {"page/src/main.ts", api.ES2017, api.FormatIIFE},
		"optin.js":  {"page/src/optin/main.ts", api.ES2017, api.FormatIIFE},
		"worker.js": {"page/src/worker/main.ts", api.ES2017, api.FormatIIFE},
		"legacy.js": {"page/src/legacy.ts", api.ES5, api.FormatIIFE},
		"page.css":  {"page/src/page.css", api.DefaultTarget, api.FormatDefault},
		"inbox.js":  {"page/src/inbox/main.ts", api.ES2017, api.FormatIIFE},
		"inbox.css": {"page/src/inbox/inbox.css", api.DefaultTarget, api.FormatDefault},
	}
}

// cssEngines keeps esbuild from writing CSS that the oldest engines cannot read.
func cssEngines() []api.Engine {
	return []api.Engine{
		{Name: api.EngineChrome, Version: "64"},
		{Name: api.EngineIOS, Version: "11.3"},
	}
}

// bundle builds every entry in memory.
func bundle(root string) (map[string][]byte, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", root, err)
	}
	files := make(map[string][]byte)
	for name, e := range entries() {
		body, err := build(abs, e)
		if err != nil {
			return nil, fmt.Errorf("bundle %s: %w", name, err)
		}
		files[name] = body
	}
	return files, nil
}

func build(root string, e entry) ([]byte, error) {
	options := api.BuildOptions{
		AbsWorkingDir:     root,
		EntryPoints:       []string{e.source},
		Bundle:            true,
		Format:            e.format,
		Target:            e.target,
		Charset:           api.CharsetUTF8,
		LegalComments:     api.LegalCommentsNone,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		// The type checker's settings must not change the bytes; class fields are plain assignments.
		TsconfigRaw: `{"compilerOptions":{"useDefineForClassFields":false}}`,
	}
	if filepath.Ext(e.source) == ".css" {
		options.Engines = cssEngines()
	} else {
		options.MangleProps = mangled()
	}
	result := api.Build(options)
	if len(result.Errors) > 0 {
		return nil, errors.New(result.Errors[0].Text)
	}
	if len(result.OutputFiles) != 1 {
		return nil, fmt.Errorf("%d output files instead of 1", len(result.OutputFiles))
	}
	return result.OutputFiles[0].Contents, nil
}
