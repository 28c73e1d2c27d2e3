package internet

import (
	"net/http"
	"strconv"
	"time"
)

// RetryAfter reads seconds or an HTTP date (RFC 9110, section 10.2.3); 0 when absent or
// unreadable.
func RetryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}
