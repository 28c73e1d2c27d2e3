package store

import (
	"encoding/binary"
	"errors"
	"net/http"
	"time"

	"anxin/engine/channel"
)

// A raw request is stored as bytes, since header values, query and body are bytes: as
// JSON text those that are not UTF-8 would be changed, and a signature over them would no
// longer verify. It is the version, the time of receipt (Unix nanoseconds, 0 = none), then
// query, body and the headers, name before value, one pair for each value. Numbers are
// varints, and every text has its length before it.
const rawVersion = 1

// errRaw says that a stored request is cut off or of another version.
var errRaw = errors.New("stored request cannot be read")

func encodeRaw(r channel.Request) []byte {
	size := 32 + len(r.Query) + len(r.Body)
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v) + 4
		}
	}
	raw := append(make([]byte, 0, size), rawVersion)
	var at int64
	if !r.ReceivedAt.IsZero() {
		at = r.ReceivedAt.UnixNano()
	}
	raw = binary.AppendVarint(raw, at)
	raw = appendText(appendText(raw, r.Query), string(r.Body))
	for name, values := range r.Header {
		for _, v := range values {
			raw = appendText(appendText(raw, name), v)
		}
	}
	return raw
}

func appendText(to []byte, text string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

// decodeRaw reads what encodeRaw wrote. Of what is absent it does not tell nil from empty:
// a request without a body is one with an empty body.
func decodeRaw(raw []byte) (channel.Request, error) {
	if len(raw) == 0 || raw[0] != rawVersion {
		return channel.Request{}, errRaw
	}
	at, n := binary.Varint(raw[1:])
	if n <= 0 {
		return channel.Request{}, errRaw
	}
	texts, err := splitTexts(raw[1+n:])
	if err != nil || len(texts) < 2 || len(texts)%2 != 0 {
		return channel.Request{}, errRaw
	}
	r := channel.Request{Query: texts[0]}
	if at != 0 {
		r.ReceivedAt = time.Unix(0, at).UTC()
	}
	if texts[1] != "" {
		r.Body = []byte(texts[1])
	}
	for pairs := texts[2:]; len(pairs) > 0; pairs = pairs[2:] {
		if r.Header == nil {
			r.Header = make(http.Header)
		}
		r.Header[pairs[0]] = append(r.Header[pairs[0]], pairs[1])
	}
	return r, nil
}

func splitTexts(raw []byte) ([]string, error) {
	var texts []string
	for len(raw) > 0 {
		size, n := binary.Uvarint(raw)
		if n <= 0 || size > uint64(len(raw)-n) {
			return nil, errRaw
		}
		end := n + int(size) // not above len(raw)
		texts, raw = append(texts, string(raw[n:end])), raw[end:]
	}
	return texts, nil
}
