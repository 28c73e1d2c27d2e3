// Package strictjson reads signed JSON so that two readers of one message cannot
// understand two different things: a name that is there twice, or twice in different
// case, is refused.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Error says why bytes are not the JSON object that was asked for. Field is the
// name at fault, where there is one.
type Error struct {
	Field  string
	Reason string
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return fmt.Sprintf("%s: %q", e.Reason, e.Field)
}

// Reasons of a Error that callers tell apart.
const (
	ReasonUnknownField = "unknown field"
	ReasonWrongType    = "wrong type of field"
	ReasonRepeated     = "repeated field"
	ReasonSyntax       = "not one well-formed JSON object"
)

// Decode reads one JSON object and nothing after it. Unknown and repeated names are
// refused, and so is a name in another case, which encoding/json would accept. Errors
// are *Error.
func Decode(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return checked(data, plainName, func() (int64, error) {
		err := dec.Decode(into)
		return dec.InputOffset(), err
	})
}

// DecodeKnown reads one JSON object and nothing after it, and leaves out the names that
// into does not have: providers add fields without notice. Names that differ in nothing
// but case count as repeated. Errors are *Error.
func DecodeKnown(data []byte, into any) error {
	return checked(data, anyCase, func() (int64, error) {
		return int64(len(data)), json.Unmarshal(data, into)
	})
}

// checked has an object read, which finds whether it is well formed and where it ends, and
// then looks at its names. Looking first would have to find out by itself.
func checked(data []byte, fold func([]byte) []byte, read func() (end int64, err error)) error {
	if !bytes.HasPrefix(bytes.TrimLeft(data, space), []byte("{")) {
		return &Error{Reason: ReasonSyntax}
	}
	end, err := read()
	if malformed(err) || len(bytes.TrimLeft(data[end:], space)) > 0 {
		return &Error{Reason: ReasonSyntax}
	}
	if err := walk(data[:end], fold); err != nil {
		return err
	}
	if err != nil {
		return decodeError(err)
	}
	return nil
}

// space is what JSON may have around its values.
const space = " \t\r\n"

func malformed(err error) bool {
	_, syntax := errors.AsType[*json.SyntaxError](err)
	return syntax || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func decodeError(err error) error {
	if typed, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &Error{Field: wireName(typed.Field), Reason: ReasonWrongType}
	}
	if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return &Error{Field: strings.Trim(name, `"`), Reason: ReasonUnknownField}
	}
	return &Error{Reason: err.Error()}
}

// wireName drops the names of embedded Go structs from the path of a field: they are in
// capitals, and not in the JSON.
func wireName(path string) string {
	parts := slices.DeleteFunc(strings.Split(path, "."), func(part string) bool { return part != strings.ToLower(part) })
	return strings.Join(parts, ".")
}

// fewNames is up to how many names of an object are compared one by one. Messages have no
// more, and somebody who sends more is to cost no more for each.
const fewNames = 16

// scope is an object or array that is being walked, with the names read so far; arrays
// have none.
type scope struct {
	few  [][]byte
	many map[string]bool // all of them, once they are more than fewNames
}

// walk reads the names of one object, and of all below it, each of which may be there
// once. fold makes names alike that count as the same, and one that is not allowed empty.
//
// The text is well formed when the walk begins, so brackets and strings are all there is
// to look at, and a string before a colon is a name. The tokens of a json.Decoder took
// several times as long: a good part of what a callback costs.
func walk(data []byte, fold func([]byte) []byte) error {
	open := make([]scope, 0, 4)
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			open = append(open, scope{})
		case '}', ']':
			open = open[:len(open)-1]
		case '"':
			text := data[i:endOfString(data, i)]
			i += len(text) - 1
			if !beforeColon(data[i+1:]) {
				continue
			}
			if err := open[len(open)-1].enter(text, fold); err != nil {
				return err
			}
		}
	}
	return nil
}

func beforeColon(rest []byte) bool {
	for _, b := range rest {
		switch b {
		case ' ', '\t', '\r', '\n':
		default:
			return b == ':'
		}
	}
	return false
}

// endOfString returns where the string that begins at i has ended.
func endOfString(data []byte, i int) int {
	for i++; data[i] != '"'; i++ {
		if data[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// enter takes a name in, with its quotes. An escaped one is read as what it stands for.
func (s *scope) enter(quoted []byte, fold func([]byte) []byte) error {
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		var read string
		if err := json.Unmarshal(quoted, &read); err != nil {
			return &Error{Reason: ReasonSyntax}
		}
		name = []byte(read)
	}
	folded := fold(name)
	switch {
	case len(folded) == 0:
		return &Error{Field: string(name), Reason: ReasonUnknownField}
	case s.has(folded):
		return &Error{Field: string(name), Reason: ReasonRepeated}
	}
	s.add(folded)
	return nil
}

func (s *scope) has(name []byte) bool {
	if s.many != nil {
		return s.many[string(name)]
	}
	return slices.ContainsFunc(s.few, func(known []byte) bool { return bytes.Equal(known, name) })
}

func (s *scope) add(name []byte) {
	switch {
	case s.many != nil:
		s.many[string(name)] = true
	case len(s.few) < fewNames:
		if s.few == nil {
			s.few = make([][]byte, 0, fewNames/2)
		}
		s.few = append(s.few, name)
	default:
		s.many = make(map[string]bool, 2*fewNames)
		for _, known := range s.few {
			s.many[string(known)] = true
		}
		s.many[string(name)] = true
	}
}

// anyCase folds as encoding/json does when it looks for the field of a name: beyond ASCII
// too, where "ſ" is an s and the Kelvin sign a k.
func anyCase(name []byte) []byte {
	for _, b := range name {
		if b >= utf8.RuneSelf || (b >= 'A' && b <= 'Z') {
			return bytes.ToLower(bytes.ToUpper(name))
		}
	}
	return name
}

// plainName refuses what no name of our own formats looks like.
func plainName(name []byte) []byte {
	for _, b := range name {
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '_' {
			return nil
		}
	}
	return name
}
