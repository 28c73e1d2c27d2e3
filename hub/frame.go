package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// The types of frames that clients send.
const (
	frameSubscribe   = "subscribe"
	frameUnsubscribe = "unsubscribe"
	framePing        = "ping"
	frameSeen        = "seen"
	frameAct         = "act"
)

// clientFrame is any frame of a client; which fields it needs depends on Type.
type clientFrame struct {
	Type  string `json:"type"`
	Topic string `json:"topic"`
	Token string `json:"token"`
	After int64  `json:"after"`
	Seq   int64  `json:"seq"`
	Name  string `json:"name"`
	Value int64  `json:"value"`
}

// parseFrame decodes and checks what does not depend on the session. With an
// error code the frame has a topic only if it may be repeated to the client.
func parseFrame(text bool, b []byte) (*clientFrame, ErrorCode) {
	f := &clientFrame{}
	if !text {
		return f, ErrorBadFrame
	}
	if !utf8.Valid(b) {
		return f, ErrorBadJSON
	}
	if f.readPlain(b) {
		return f, f.check()
	}
	*f = clientFrame{}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(f); err != nil {
		return &clientFrame{}, decodeError(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return &clientFrame{}, ErrorBadJSON
	}
	return f, f.check()
}

// check blanks a topic that must not be repeated.
func (f *clientFrame) check() ErrorCode {
	valid := ValidTopic(f.Topic)
	if !valid {
		f.Topic = ""
	}
	switch f.Type {
	case framePing:
		return ""
	case frameSubscribe, frameUnsubscribe, frameSeen, frameAct:
		if !valid {
			return ErrorBadTopic
		}
		if f.After > maxSeen || f.Seq > maxSeen {
			return ErrorBadFrame
		}
		return ""
	}
	return ErrorUnknownType
}

func decodeError(err error) ErrorCode {
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return ErrorBadFrame
	case strings.HasPrefix(err.Error(), "json: unknown field"): // the package has no error type for it
		return ErrorUnknownField
	}
	return ErrorBadJSON
}
