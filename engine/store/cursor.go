package store

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"strings"

	"anxin/engine"
	"anxin/engine/order"
)

// position is where a page of orders ended.
type position struct {
	createdAt order.Time
	orderNo   string
}

// checksumSize is the length of what ties a cursor to its list.
const checksumSize = 4

// cursor writes the position as text that means something only together with the
// filter it was made for. It is no secret: whoever forges one merely starts elsewhere.
func (p position) cursor(f engine.Filter) string {
	body := binary.AppendVarint(nil, int64(p.createdAt))
	body = append(body, p.orderNo...)
	return base64.RawURLEncoding.EncodeToString(append(checksum(f, body), body...))
}

// parseCursor reads the cursor of f, or returns ErrBadCursor when it was made by
// nobody or for another filter.
func parseCursor(f engine.Filter) (position, error) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(f.Cursor)
	if err != nil || len(text) < checksumSize || string(text[:checksumSize]) != string(checksum(f, text[checksumSize:])) {
		return position{}, fmt.Errorf("read cursor: %w", engine.ErrBadCursor)
	}
	createdAt, n := binary.Varint(text[checksumSize:])
	if n <= 0 {
		return position{}, fmt.Errorf("read cursor: %w", engine.ErrBadCursor)
	}
	return position{order.Time(createdAt), string(text[checksumSize+n:])}, nil
}

// checksum covers the position and everything that selects; the limit may change from
// page to page.
func checksum(f engine.Filter, body []byte) []byte {
	return sumOf([]string{f.Backend, string(f.Status), f.Channel, string(f.Diagnosis), string(f.Stage), f.Since.String(), f.Until.String(), ""}, body)
}

func sumOf(fields []string, body []byte) []byte {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(strings.Join(fields, "\x00"))) // a hash never fails
	_, _ = sum.Write(body)
	return sum.Sum(nil)
}
