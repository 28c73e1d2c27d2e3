package httpapi

import (
	"bytes"
	"compress/gzip"
	"sync"

	"github.com/gofiber/fiber/v2"
)

// gzipLevel costs half of what the best one does and leaves a page two in a hundred larger.
const gzipLevel = 5

var gzips = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzipLevel) // the level is one that exists
	return w
}}

// sendText answers with a text, compressed for who takes that. A page may be: nobody who
// does not hold its token can have it rendered with text of his choice, so its length
// tells no secret.
func sendText(c *fiber.Ctx, body []byte) error {
	c.Vary(fiber.HeaderAcceptEncoding)
	// Who names no encoding may be a tool that knows none, although RFC 9110 allows any.
	if c.Get(fiber.HeaderAcceptEncoding) == "" || c.AcceptsEncodings("gzip") != "gzip" {
		return c.Send(body)
	}
	var b bytes.Buffer
	w := gzips.Get().(*gzip.Writer)
	defer gzips.Put(w)
	w.Reset(&b)
	_, _ = w.Write(body) // a buffer takes everything
	_ = w.Close()
	c.Set(fiber.HeaderContentEncoding, "gzip")
	return c.Send(b.Bytes())
}
