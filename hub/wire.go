package hub

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"sync"
	"time"
)

// TimeFormat is how the hub writes times: RFC 3339 in UTC with milliseconds.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// sharedFor is how long an encoded frame may be reused for further watchers.
// Its "now" is what clients set their countdown by, so it must be fresh even
// for a client whose queue was stuck.
const sharedFor = 250 * time.Millisecond

type frameKind uint8

const (
	kindUpdate frameKind = iota
	kindSnapshot
	kindCurrent
	frameKinds
)

func (k frameKind) String() string {
	switch k {
	case kindSnapshot:
		return "snapshot"
	case kindCurrent:
		return "current"
	default:
		return "update"
	}
}

// state is a message on its way to its watchers, which share its encodings.
type state struct {
	Message
	// published is when it came here from a publisher; zero if it was read.
	published time.Time
	// shared says that it goes to several watchers. Set before the first has it.
	shared bool

	mu sync.Mutex
	// encoded has one for each kind of frame; nil before the first. Guarded by mu.
	encoded *[frameKinds]encoding
}

type encoding struct {
	bytes []byte
	at    time.Time
}

// frame returns the bytes of the whole WebSocket frame. They must not be
// changed, since other sessions write the same ones.
func (s *state) frame(kind frameKind, now time.Time) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.encoded == nil {
		s.encoded = new([frameKinds]encoding)
	}
	e := &s.encoded[kind]
	if e.bytes == nil || now.Sub(e.at) > sharedFor {
		e.bytes, e.at = textFrame(s.appendJSON(make([]byte, headerRoom, s.size()), kind, now)), now
	}
	return e.bytes
}

// appendFrame appends the whole WebSocket frame. The encoding of a state with several
// watchers is kept for all of them; that of one is written where it goes out.
func (s *state) appendFrame(b []byte, kind frameKind, now time.Time) []byte {
	const header = 4 // of the lengths from 126 to 65,535
	at := len(b)
	if s.shared || s.size() > math.MaxUint16 {
		return append(b, s.frame(kind, now)...)
	}
	b = s.appendJSON(append(b, opText, 126, 0, 0), kind, now)
	n := len(b) - at - header
	if n < 126 {
		return append(b[:at], s.frame(kind, now)...)
	}
	binary.BigEndian.PutUint16(b[at+2:], uint16(n))
	return b
}

func (s *state) size() int {
	const fields = 128 // names, punctuation, seq and time
	return headerRoom + fields + len(s.Topic) + len(s.Event) + len(s.Data)
}

func (s *state) appendJSON(b []byte, kind frameKind, now time.Time) []byte {
	b = append(b, `{"type":"`...)
	b = append(b, kind.String()...)
	b = append(b, `","topic":`...)
	b = appendString(b, s.Topic)
	b = append(b, `,"seq":`...)
	b = strconv.AppendInt(b, s.Seq, 10)
	b = append(b, `,"now":"`...)
	b = now.UTC().AppendFormat(b, TimeFormat)
	b = append(b, '"')
	if kind == kindUpdate {
		b = append(b, `,"event":`...)
		b = appendString(b, s.Event)
	}
	if kind != kindCurrent {
		b = append(b, `,"data":`...)
		b = append(b, s.Data...)
	}
	return append(b, '}')
}

// appendString appends s as a JSON string. Topics and events are nearly always
// plain ASCII, for which no encoder is needed.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(s)
			if err != nil { // a string always marshals
				return append(b, `""`...)
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// headerRoom is the longest header of a frame from a server: two bytes and a
// length of eight (RFC 6455, section 5.2; servers do not mask).
const headerRoom = 10

const (
	opText  = 0x81 // final fragment, text
	opClose = 0x88
	opPing  = 0x89
	opPong  = 0x8a
)

// textFrame puts the header before the payload that starts at headerRoom.
func textFrame(b []byte) []byte {
	n := len(b) - headerRoom
	switch {
	case n < 126:
		b[8], b[9] = opText, byte(n)
		return b[8:]
	case n <= 0xffff:
		b[6], b[7] = opText, 126
		binary.BigEndian.PutUint16(b[8:], uint16(n))
		return b[6:]
	default:
		b[0], b[1] = opText, 127
		binary.BigEndian.PutUint64(b[2:], uint64(n))
		return b
	}
}

// controlFrame encodes a ping, a pong or a close; the payload is at most the
// 125 bytes that RFC 6455 allows.
func controlFrame(op byte, payload []byte) []byte {
	payload = payload[:min(len(payload), 125)]
	return append([]byte{op, byte(len(payload))}, payload...)
}

func closeFrame(code CloseCode) []byte {
	payload := binary.BigEndian.AppendUint16(nil, uint16(code))
	return controlFrame(opClose, append(payload, code.reason()...))
}

func errorFrame(topic string, code ErrorCode) []byte {
	b := append(make([]byte, headerRoom, 192), `{"type":"error"`...)
	if topic != "" {
		b = append(b, `,"topic":`...)
		b = appendString(b, topic)
	}
	b = append(b, `,"code":`...)
	b = appendString(b, string(code))
	b = append(b, `,"message":`...)
	b = appendString(b, code.info().Message)
	return textFrame(append(b, '}'))
}

func reconnectFrame(after time.Duration) []byte {
	b := append(make([]byte, headerRoom, 64), `{"type":"reconnect","after_ms":`...)
	b = strconv.AppendInt(b, after.Milliseconds(), 10)
	return textFrame(append(b, '}'))
}

func pongFrame() []byte { return textFrame(append(make([]byte, headerRoom), `{"type":"pong"}`...)) }
