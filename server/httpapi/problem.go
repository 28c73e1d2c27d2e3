package httpapi

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
)

// Problem is an error answer as RFC 9457 describes it. Code is stable: clients branch
// on it, never on the text.
type Problem struct { //nolint:errname // the name in RFC 9457
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Code     string `json:"code"`
	Field    string `json:"field,omitempty"`    // path in the body, name of a parameter or header
	Instance string `json:"instance,omitempty"` // the request's id, to be quoted to support

	retryAfter time.Duration
	header     map[string]string
}

// problemType is the media type of every error answer.
const problemType = "application/problem+json"

// Error returns the code and nothing of the request.
func (p *Problem) Error() string { return fmt.Sprintf("%d %s", p.Status, p.Code) }

func problem(status int, code, detail string) *Problem {
	return &Problem{
		Type: "urn:anxin:problem:" + code, Title: http.StatusText(status),
		Status: status, Code: code, Detail: detail,
	}
}

// field names what is wrong.
func (p *Problem) field(name string) *Problem {
	p.Field = name
	return p
}

// retry tells when the same request may be sent again.
func (p *Problem) retry(after time.Duration) *Problem {
	p.retryAfter = after
	return p
}

func (p *Problem) with(name, value string) *Problem {
	p.header = map[string]string{name: value}
	return p
}

// send answers with the problem.
func (p *Problem) send(c *fiber.Ctx) error {
	if p.retryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, retryAfter(p.retryAfter))
	}
	for name, value := range p.header {
		c.Set(name, value)
	}
	answer := *p
	if id := requestID(c); id != "" {
		answer.Instance = "urn:anxin:request:" + id
	}
	c.Set(fiber.HeaderCacheControl, noStore)
	return c.Status(p.Status).JSON(answer, problemType)
}

// wholeSeconds rounds up: who waits that long is not too early.
func wholeSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

func retryAfter(d time.Duration) string { return strconv.FormatInt(wholeSeconds(d), 10) }

const noStore = "no-store"
