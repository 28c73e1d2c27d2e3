package internet_test

import (
	"testing"
	"time"

	"anxin/engine/internet"
)

// FuzzRetryAfter reads what a server asks for: never a time that is past.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"5", "0", "-1", "4294967296", "1e3", "Mon, 23 Nov 2026 08:05:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "\x00"} {
		f.Add(seed)
	}
	now := time.Unix(1_795_000_000, 0)
	f.Fuzz(func(t *testing.T, value string) {
		if wait := internet.RetryAfter(value, now); wait < 0 {
			t.Fatalf("%q asks for %s", value, wait)
		}
	})
}
