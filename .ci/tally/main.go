// Command tally reads `go test -json` and prints what a person wants to know: one line
// a package, the whole output of what failed, and the counts. A skipped test counts as
// failed: what a test needs is installed, not done without.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

func main() {
	passed, failed, names := 0, 0, []string{}
	output := map[string][]string{} // by package and test
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text()) // what the build says
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			output[key] = append(output[key], e.Output)
		case "pass":
			if e.Test == "" {
				fmt.Printf("ok    %-40s %6.1fs\n", e.Package, e.Elapsed)
			} else {
				passed++
			}
			if report := strings.Join(output[key], ""); strings.Contains(report, "DATA RACE") {
				fmt.Printf("race  seen during %s\n%s", key, report) // whichever test of the package it fails
			}
			delete(output, key)
		case "fail", "build-fail":
			failed++
			names = append(names, key)
			fmt.Printf("FAIL  %s\n%s", key, strings.Join(output[key], ""))
			delete(output, key)
		case "skip":
			if e.Test != "" {
				failed++
				fmt.Printf("SKIP  %s (counts as failed)\n%s", key, strings.Join(output[key], ""))
			}
			delete(output, key)
		}
	}
	for _, name := range names {
		fmt.Println("failed:", name)
	}
	if len(os.Args) > 1 {
		if err := os.WriteFile(os.Args[1], fmt.Appendf(nil, "%d %d\n", passed, failed), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if failed > 0 || lines.Err() != nil {
		os.Exit(1)
	}
}
