// Command build bundles the browser files into frontend/dist with the esbuild that
// go.mod pins. It needs no Node, and the same sources always give the same bytes.
//
// Run it from the module's root: go run ./frontend/build
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run("frontend"); err != nil {
		fmt.Fprintln(os.Stderr, "frontend build:", err)
		os.Exit(1)
	}
}

// run writes everything that is generated below root: the message types first,
// because the bundle is made from them.
func run(root string) error {
	types := filepath.Join(root, filepath.FromSlash(messageTypesFile))
	if err := os.WriteFile(types, messageTypes(), 0o600); err != nil {
		return fmt.Errorf("write message types: %w", err)
	}
	files, err := bundle(root)
	if err != nil {
		return err
	}
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(root, "dist", name), body, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}
