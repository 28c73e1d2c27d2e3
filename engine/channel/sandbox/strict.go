package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// JSONError says why bytes are not the JSON object that was asked for. Field is the
// name at fault, where there is one.
type JSONError struct {
	Field  string
	Reason string
}

func (e *JSONError) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return fmt.Sprintf("%s: %q", e.Reason, e.Field)
}

// Reasons of a JSONError that callers tell apart.
const (
	ReasonUnknownField = "unknown field"
	ReasonWrongType    = "wrong type of field"
	ReasonRepeated     = "repeated field"
	ReasonSyntax       = "not one well-formed JSON object"
)

// Decode reads one JSON object and nothing after it. Unknown and repeated names are
// refused, and so is a name in another case, which encoding/json would accept: two
// readers of one signed message must not be able to understand two different things.
// Errors are *JSONError.
func Decode(data []byte, into any) error {
	if err := checkNames(data); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return decodeError(err)
	}
	return nil
}

func decodeError(err error) error {
	if typed, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &JSONError{Field: wireName(typed.Field), Reason: ReasonWrongType}
	}
	if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return &JSONError{Field: strings.Trim(name, `"`), Reason: ReasonUnknownField}
	}
	return &JSONError{Reason: err.Error()}
}

// wireName drops the names of embedded Go structs from the path of a field: they are in
// capitals, and not in the JSON.
func wireName(path string) string {
	parts := slices.DeleteFunc(strings.Split(path, "."), func(part string) bool { return part != strings.ToLower(part) })
	return strings.Join(parts, ".")
}

// scope is an object or array that is being walked. In an object every other token is
// a name.
type scope struct {
	names  map[string]bool // nil in an array
	inside bool            // a name was read, its value comes next
}

// checkNames walks all tokens: one object, every name lower case and once.
func checkNames(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var open []scope
	for first := true; first || len(open) > 0; first = false {
		token, err := dec.Token()
		if err != nil || (first && token != json.Delim('{')) {
			return &JSONError{Reason: ReasonSyntax}
		}
		if open, err = walk(open, token); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return &JSONError{Reason: ReasonSyntax}
	}
	return nil
}

// walk takes one token in and returns the scopes that are open after it.
func walk(open []scope, token json.Token) ([]scope, error) {
	switch token {
	case json.Delim('}'), json.Delim(']'):
		return open[:len(open)-1], nil
	}
	if n := len(open); n > 0 && open[n-1].names != nil {
		top := &open[n-1]
		if top.inside = !top.inside; top.inside {
			name, _ := token.(string) // the decoder gives nothing else here
			return open, top.enter(name)
		}
	}
	switch token {
	case json.Delim('{'):
		return append(open, scope{names: map[string]bool{}}), nil
	case json.Delim('['):
		return append(open, scope{}), nil
	}
	return open, nil
}

func (s *scope) enter(name string) error {
	if s.names[name] {
		return &JSONError{Field: name, Reason: ReasonRepeated}
	}
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || name == "" {
		return &JSONError{Field: name, Reason: ReasonUnknownField}
	}
	s.names[name] = true
	return nil
}
