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

// mark is where a page of a list ended that is sorted by a time or number and a name.
type mark struct {
	at order.Time
	id string
}

// cursor writes the mark as text that means something only with the fields that select
// the list. It is no secret, as that of orders.
func (m mark) cursor(fields []string) string {
	body := append(binary.AppendVarint(nil, int64(m.at)), m.id...)
	return base64.RawURLEncoding.EncodeToString(append(listSum(fields, body), body...))
}

// parseMark reads a cursor of the list, or returns ErrBadCursor.
func parseMark(text string, fields []string) (mark, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) <= checksumSize || string(raw[:checksumSize]) != string(listSum(fields, raw[checksumSize:])) {
		return mark{}, fmt.Errorf("read cursor: %w", engine.ErrBadCursor)
	}
	at, n := binary.Varint(raw[checksumSize:])
	if n <= 0 {
		return mark{}, fmt.Errorf("read cursor: %w", engine.ErrBadCursor)
	}
	return mark{order.Time(at), string(raw[checksumSize+n:])}, nil
}

func listSum(fields []string, body []byte) []byte {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(strings.Join(fields, "\x00"))) // a hash never fails
	_, _ = sum.Write(body)
	return sum.Sum(nil)
}
