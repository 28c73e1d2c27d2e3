package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// TestImportDAG holds the direction of imports over the whole closure of each package:
// server knows everything, the halves never meet, and the order knows only Go.
func TestImportDAG(t *testing.T) {
	t.Parallel()
	rules := []struct {
		of    string
		never []string
	}{
		{"anxin/engine", []string{"anxin/hub", "anxin/server", "anxin/frontend", "github.com/gofiber/fiber/v2", "github.com/gorilla/websocket"}},
		{"anxin/hub", []string{"anxin/engine", "anxin/server", "anxin/frontend", "github.com/gofiber/fiber/v2"}},
		{"anxin/frontend", []string{"anxin/hub", "anxin/server"}},
	}
	packages := listPackages(t)
	for _, rule := range rules {
		for _, p := range packages {
			if !within(p.ImportPath, rule.of) {
				continue
			}
			for _, dep := range p.Deps {
				for _, never := range rule.never {
					if within(dep, never) {
						t.Errorf("%s depends on %s, which %s must not", p.ImportPath, dep, rule.of)
					}
				}
			}
		}
	}
}

// TestOrderIsPure holds engine/order to the standard library.
func TestOrderIsPure(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		if p.ImportPath != "anxin/engine/order" {
			continue
		}
		for _, dep := range p.Deps {
			if first, _, _ := strings.Cut(dep, "/"); strings.Contains(first, ".") || first == "anxin" {
				t.Errorf("engine/order depends on %s", dep)
			}
		}
		return
	}
	t.Fatal("engine/order was not listed")
}

// TestServerIsMainOnly holds that nobody imports the composition root.
func TestServerIsMainOnly(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		for _, dep := range p.Deps {
			if within(dep, "anxin/server") && !within(p.ImportPath, "anxin/server") {
				t.Errorf("%s depends on %s", p.ImportPath, dep)
			}
		}
	}
}

type listed struct {
	ImportPath string
	Deps       []string
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps=false", "-json=ImportPath,Deps", "anxin/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 10 {
		t.Fatalf("only %d packages were listed", len(packages))
	}
	return packages
}

// within reports whether path is the package or below it.
func within(path, of string) bool {
	return path == of || strings.HasPrefix(path, of+"/")
}
