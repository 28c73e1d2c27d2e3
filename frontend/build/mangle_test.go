package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"anxin/engine/order"
	"anxin/frontend/page"
)

// names finds what stands before a colon in YAML.
var names = regexp.MustCompile(`(?m)(?:"([a-z_A-Z]+)"|^\s+([a-z_A-Z]+)):`)

// What others read or write keeps its name: the page's JSON, the frames and the bodies of
// the API, and the variables of texts.
func TestShortenedNamesAreNobodyElses(t *testing.T) {
	t.Parallel()
	frames, err := os.ReadFile(filepath.Join(root, "..", "server", "httpapi", "asyncapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	taken := []string{"helped", "text", "wording", "status", "body"} // of requests and answers
	for _, status := range []order.Status{
		order.StatusAwaiting, order.StatusConfirming, order.StatusSucceeded, order.StatusFailed, order.StatusClosed, order.StatusRefunding, order.StatusRefunded,
	} {
		taken = append(taken, string(status)) // the script has tables by status
	}
	for _, m := range names.FindAllStringSubmatch(string(frames), -1) {
		taken = append(taken, m[1]+m[2])
	}
	if !slices.Contains(taken, "next_attempt_at") {
		t.Fatal("the names of the frames were not found")
	}
	for _, m := range page.Messages() {
		taken = append(taken, m.Vars...)
	}
	taken = append(taken, page.BootNames()...)
	for _, name := range internalNames {
		if slices.Contains(taken, name) {
			t.Errorf("%q is shortened, but stands in a document too", name)
		}
	}
}
