package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestReadmeScript runs the script of the README as it stands there, against a server
// on another port and with the built binary in place of `go run`.
func TestReadmeScript(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	script := fenced(t, string(readme), "ORDER=A$(date +%s)")
	p := startServer(t, t.TempDir())
	script = strings.ReplaceAll(script, "http://127.0.0.1:8080", p.base)
	script = strings.ReplaceAll(script, "go run ./server watch", binary+" watch -url "+p.base)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "bash", "-euc", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, p.logs())
	}
	for _, want := range []string{`"page_url"`, "retry.scheduled", "check #3 is running", "succeeded"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the script's output lacks %q:\n%s", want, out)
		}
	}
}

// fenced returns the fenced block of a Markdown text that contains part.
func fenced(t *testing.T, text, part string) string {
	t.Helper()
	for i, block := range strings.Split(text, "```") {
		if i%2 == 1 && strings.Contains(block, part) {
			_, code, _ := strings.Cut(block, "\n") // the first line names the language
			return code
		}
	}
	t.Fatalf("README has no block with %q", part)
	return ""
}
