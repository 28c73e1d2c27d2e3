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

// fields name a list and all that selects its rows. A cursor means something only together
// with those it was made for; the length of a page may change from one to the next.
type fields []string

// checksumSize is the length of what ties a cursor to its list.
const checksumSize = 4

// seal writes where a page ended as text. It is no secret: whoever forges one merely starts
// elsewhere.
func (f fields) seal(body []byte) string {
	return base64.RawURLEncoding.EncodeToString(append(f.checksum(body), body...))
}

// open reads what was sealed, or returns ErrBadCursor when it was made by nobody or for
// another list.
func (f fields) open(cursor string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) <= checksumSize || string(raw[:checksumSize]) != string(f.checksum(raw[checksumSize:])) {
		return nil, errBadCursor()
	}
	return raw[checksumSize:], nil
}

func (f fields) checksum(body []byte) []byte {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(strings.Join(f, "\x00"))) // a hash never fails
	_, _ = sum.Write(body)
	return sum.Sum(nil)
}

func errBadCursor() error { return fmt.Errorf("read cursor: %w", engine.ErrBadCursor) }

// mark is where a page of a list ended that is sorted by a time or number and a name.
type mark struct {
	at order.Time
	id string
}

func (m mark) cursor(of fields) string {
	return of.seal(append(binary.AppendVarint(nil, int64(m.at)), m.id...))
}

// parseMark returns the place of a cursor, and without one where the list begins.
func parseMark(cursor string, of fields, begin mark) (mark, error) {
	if cursor == "" {
		return begin, nil
	}
	body, err := of.open(cursor)
	if err != nil {
		return mark{}, err
	}
	at, n := binary.Varint(body)
	if n <= 0 {
		return mark{}, errBadCursor()
	}
	return mark{order.Time(at), string(body[n:])}, nil
}

// cut makes a page of rows that were read with one more than its limit: that one tells
// whether there is a next page, whose cursor is returned, else "".
func cut[T any](list []T, limit int, of fields, end func(last T) mark) ([]T, string) {
	if len(list) <= limit {
		return list, ""
	}
	return list[:limit], end(list[limit-1]).cursor(of)
}
