package channel_test

import (
	"fmt"
	"regexp"
	"testing"

	"anxin/engine/channel"
)

// FuzzClass holds classes against the regular expressions that say the same.
func FuzzClass(f *testing.F) {
	type pair struct {
		class *channel.Class
		same  *regexp.Regexp
	}
	var pairs []pair
	for _, chars := range []string{"A-Za-z0-9_-", "a-z0-9_", "0-9", "!-~", "A-Za-z0-9_.:@-", "A-Za-z0-9_|*@-", "x"} {
		for _, bounds := range [][2]int{{0, 3}, {1, 4}, {2, 2}} {
			pairs = append(pairs, pair{
				channel.NewClass(chars, bounds[0], bounds[1]),
				regexp.MustCompile(fmt.Sprintf("^[%s]{%d,%d}$", chars, bounds[0], bounds[1])),
			})
		}
	}
	for _, seed := range []string{"", "a", "A-_9", "ab", "abcd", "abcde", "a\n", "é", "\x7f", "\x80", "~!", "x|*@", ":.", "xx"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, p := range pairs {
			if got := p.class.MatchString(s); got != p.same.MatchString(s) {
				t.Errorf("%s says %v of %q", p.same, !got, s)
			}
		}
	})
}
