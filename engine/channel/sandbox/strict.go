package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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

// scope is an object or array that is being walked, with the names read so far; arrays
// have none.
type scope map[string]bool

// checkNames walks one object: every name lower case and once. The text is well formed
// when the walk begins, so brackets and strings are all there is to look at, and a string
// before a colon is a name. The tokens of a json.Decoder
// took several times as long: a good part of what a callback costs.
func checkNames(data []byte) error {
	if !json.Valid(data) || !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return &JSONError{Reason: ReasonSyntax}
	}
	var open []scope
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			open = append(open, scope{})
		case '}', ']':
			open = open[:len(open)-1]
		case '"':
			text := data[i:endOfString(data, i)]
			i += len(text) - 1
			if !bytes.HasPrefix(bytes.TrimLeft(data[i+1:], " \t\r\n"), []byte(":")) {
				continue
			}
			if err := open[len(open)-1].enter(text); err != nil {
				return err
			}
		}
	}
	return nil
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
func (s scope) enter(quoted []byte) error {
	name := string(quoted[1 : len(quoted)-1])
	if strings.ContainsRune(name, '\\') {
		if err := json.Unmarshal(quoted, &name); err != nil {
			return &JSONError{Reason: ReasonSyntax}
		}
	}
	if s[name] {
		return &JSONError{Field: name, Reason: ReasonRepeated}
	}
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || name == "" {
		return &JSONError{Field: name, Reason: ReasonUnknownField}
	}
	s[name] = true
	return nil
}
