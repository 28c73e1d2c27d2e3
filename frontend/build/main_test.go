package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// root is frontend, seen from this package.
const root = ".."

func TestCommittedBuildIsReproducedFromItsSources(t *testing.T) {
	t.Parallel()
	files, err := bundle(root)
	if err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadDir(filepath.Join(root, "dist"))
	if err != nil {
		t.Fatal(err)
	}
	if len(committed) != len(files) {
		t.Errorf("dist has %d files, the build makes %d", len(committed), len(files))
	}
	for name, built := range files {
		got, err := os.ReadFile(filepath.Join(root, "dist", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, built) {
			t.Errorf("dist/%s differs from its sources: run go run ./frontend/build and commit", name)
		}
	}
}

func TestCommittedMessageTypesMatchTheTable(t *testing.T) {
	t.Parallel()
	got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(messageTypesFile)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, messageTypes()) {
		t.Errorf("%s is stale: run go run ./frontend/build and commit", messageTypesFile)
	}
}
