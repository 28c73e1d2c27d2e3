package notify_test

import (
	"os"
	"regexp"
	"testing"
)

// halfWidth matches a Latin mark that stands at a Chinese character.
var halfWidth = regexp.MustCompile(`\p{Han}[,:;?!]|[,:;?!]\p{Han}`)

// Chinese is written with its own marks: the others look like a machine's.
func TestChineseTextsHaveChineseMarks(t *testing.T) {
	t.Parallel()
	for _, file := range []string{
		"texts/zh-CN.json", "alert.go", "stranger.go",
		"../../frontend/page/catalog/zh-CN.json", "../../server/sandbox/pages/zh-CN.json",
		"../../server/httpapi/unsubscribe.go", "../../server/httpapi/pay.go",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range halfWidth.FindAll(text, -1) {
			t.Errorf("%s: %q", file, found)
		}
	}
}
