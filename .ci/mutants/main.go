// Command mutants breaks the server on purpose, one promise at a time, in a copy of the
// tree, and says which check noticed: the chaos suite by the name of the invariant, and a
// smaller test where there is one. It fails when a mutant gets past both, and when an
// edit no longer fits the code. Names of mutants as arguments select some of them.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// within bounds one run of a check; one that hangs has noticed too.
const within = 4 * time.Minute

var chaos = []string{
	"./server/chaos", "-run", "^TestChaos$", "-chaos.orders=600", "-chaos.kills=15", "-chaos.rate=60",
	"-chaos.seed=5", "-chaos.patience=80s",
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(names []string) error {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system clears its temporary folder
	if err := copyTree(dir); err != nil {
		return err
	}
	var misfits error // all at once: it is tiresome to learn it after ten minutes
	for _, m := range mutants {
		restore, err := m.apply(dir)
		if err == nil {
			err = compiles(dir)
		}
		if err = errors.Join(err, restore()); err != nil {
			misfits = errors.Join(misfits, fmt.Errorf("%s: %w", m.name, err))
		}
	}
	if misfits != nil {
		return misfits
	}
	if found := check(dir, chaos...); found != "" {
		return fmt.Errorf("the chaos suite fails without any mutant: %s", found)
	}
	var escaped []string
	for _, m := range mutants {
		if len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(m.name, n) }) {
			continue
		}
		caught, err := m.try(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if !caught {
			escaped = append(escaped, m.name)
		}
	}
	if len(escaped) > 0 {
		return fmt.Errorf("nobody noticed: %s", strings.Join(escaped, "; "))
	}
	return nil
}

func compiles(dir string) error {
	cmd := exec.Command("go", "build", "./...")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, firstLines(string(out)))
	}
	return nil
}

// copyTree copies what git tracks.
func copyTree(dir string) error {
	list, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(list), "\x00"), "\x00") {
		content, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, not committed yet
		}
		if err != nil {
			return err
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(to, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// apply makes the edits and returns what takes them back.
func (m mutant) apply(dir string) (restore func() error, err error) {
	before := make(map[string][]byte)
	restore = func() (err error) {
		for path, content := range before {
			err = errors.Join(err, os.WriteFile(path, content, 0o600))
		}
		return err
	}
	for _, e := range m.edits {
		path := filepath.Join(dir, e.file)
		content, err := os.ReadFile(path)
		if err != nil {
			return restore, err
		}
		if n := strings.Count(string(content), e.old); n != 1 {
			return restore, fmt.Errorf("%q occurs %d times in %s", e.old, n, e.file)
		}
		if _, ok := before[path]; !ok {
			before[path] = content
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(content), e.old, e.new, 1)), 0o600); err != nil {
			return restore, err
		}
	}
	return restore, nil
}

// try runs the checks of a mutant.
func (m mutant) try(dir string) (caught bool, err error) {
	restore, err := m.apply(dir)
	defer func() { err = errors.Join(err, restore()) }()
	if err != nil {
		return false, err
	}
	fmt.Printf("%s\n", m.name)
	if !m.queue {
		caught = report("chaos", check(dir, chaos...))
	}
	if pkg, tests, ok := strings.Cut(m.test, " "); ok {
		caught = report(pkg, check(dir, pkg, "-run", tests)) || caught
	}
	return caught, nil
}

func report(by, found string) bool {
	if found == "" {
		fmt.Printf("    %-16s did not notice\n", by)
		return false
	}
	fmt.Printf("    %-16s %s\n", by, found)
	return true
}

var (
	violation = regexp.MustCompile(`(?m)^\s+\w+_test\.go:\d+: \[([^\]]+)\]`)
	failure   = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
)

const enoughNames = 5

// check runs tests and returns what they found, "" for nothing.
func check(dir string, args ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-vet=off", "-count=1", "-timeout", (within - 10*time.Second).String()}, args...)...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if cmd.Run() == nil {
		return ""
	}
	for _, pattern := range []*regexp.Regexp{violation, failure} {
		var names []string
		for _, match := range pattern.FindAllStringSubmatch(out.String(), -1) {
			if !slices.Contains(names, match[1]) {
				names = append(names, match[1])
			}
		}
		if more := len(names) - enoughNames; more > 0 {
			return fmt.Sprintf("%s and %d more", strings.Join(names[:enoughNames], ", "), more)
		}
		if len(names) > 0 {
			return strings.Join(names, ", ")
		}
	}
	if ctx.Err() != nil || strings.Contains(out.String(), "test timed out") {
		return "never ended"
	}
	return "failed: " + firstLines(out.String())
}

func firstLines(s string) string {
	const enough = 300
	return strings.Join(strings.Fields(s[:min(len(s), enough)]), " ")
}
