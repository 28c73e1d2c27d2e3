package store

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// form writes the JSON of one struct type as encoding/json does, and reads it, at a fifth of
// its cost: every commit reads and writes an order, and every callback has a notification. It is made of the type, as sparse is.
type form []member

// member is one field of a form.
type member struct {
	index int
	name  string // with quotes and colon
	omit  func(reflect.Value) bool
	write writeValue
	read  readValue
}

type writeValue func(to []byte, v reflect.Value) ([]byte, error)

var (
	orderForm   = newForm(storedOrder)
	eventForm   = newForm(storedEvent)
	contactForm = newForm(reflect.TypeFor[contact]())
	noticeForm  = newForm(reflect.TypeFor[channel.Notification]())
)

func newForm(t reflect.Type) form {
	var f form
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		m := member{index: i, name: strconv.Quote(name) + ":", write: writerOf(field.Type), read: readerOf(field.Type)}
		switch options {
		case "omitzero":
			m.omit = reflect.Value.IsZero
		case "omitempty":
			m.omit = isEmpty
		}
		f = append(f, m)
	}
	return f
}

// isEmpty is what encoding/json calls so, of the kinds that have it.
func isEmpty(v reflect.Value) bool {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return v.Len() == 0
	}
	return v.Kind() != reflect.Struct && v.IsZero()
}

func writerOf(t reflect.Type) writeValue {
	switch {
	case t == reflect.TypeFor[order.Time]():
		return writeTime
	case t.Implements(reflect.TypeFor[json.Marshaler]()):
		return writeAny
	}
	switch t.Kind() {
	case reflect.String:
		return writeString
	case reflect.Int, reflect.Int64:
		return func(to []byte, v reflect.Value) ([]byte, error) { return strconv.AppendInt(to, v.Int(), 10), nil }
	case reflect.Bool:
		return func(to []byte, v reflect.Value) ([]byte, error) { return strconv.AppendBool(to, v.Bool()), nil }
	case reflect.Struct:
		return newForm(t).append
	case reflect.Pointer:
		return pointerWriter(writerOf(t.Elem()))
	default:
		return writeAny
	}
}

func pointerWriter(write writeValue) writeValue {
	return func(to []byte, v reflect.Value) ([]byte, error) {
		if v.IsNil() {
			return append(to, "null"...), nil
		}
		return write(to, v.Elem())
	}
}

// text returns the JSON of a value of the type that the form, or the type that sparse
// made of it, was made of.
func (f form) text(v reflect.Value) (string, error) {
	buffer := textPool.Get().(*[]byte) //nolint:forcetypeassert // it holds nothing else
	defer textPool.Put(buffer)
	text, err := f.append((*buffer)[:0], v)
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", v.Type(), err)
	}
	if cap(text) <= maxPooled {
		*buffer = text
	}
	return string(text), nil
}

// maxPooled is the longest buffer that waits for the next text; an order seldom has a
// quarter of it.
const maxPooled = 4096

// textPool lends what texts are put together in, *[]byte.
var textPool = sync.Pool{New: func() any { return new([]byte) }}

func (f form) append(to []byte, v reflect.Value) (_ []byte, err error) {
	open := byte('{')
	for i := range f {
		m := &f[i]
		field := v.Field(m.index)
		if m.omit != nil && m.omit(field) {
			continue
		}
		to = append(append(to, open), m.name...)
		open = ','
		if to, err = m.write(to, field); err != nil {
			return nil, err
		}
	}
	if open == '{' {
		to = append(to, open)
	}
	return append(to, '}'), nil
}

func writeTime(to []byte, v reflect.Value) ([]byte, error) {
	at := order.Time(v.Int())
	if at == 0 {
		return append(to, "null"...), nil
	}
	return append(at.AppendTo(append(to, '"')), '"'), nil
}

// writeString leaves to encoding/json what needs an escape.
func writeString(to []byte, v reflect.Value) ([]byte, error) {
	s := v.String()
	if !plain(s) {
		return writeAny(to, v)
	}
	return append(append(append(to, '"'), s...), '"'), nil
}

func plain(s string) bool {
	for i := range len(s) {
		switch b := s[i]; {
		case b >= utf8.RuneSelf:
			return utf8.ValidString(s) && !strings.ContainsFunc(s, escaped)
		case escaped(rune(b)):
			return false
		}
	}
	return true
}

func escaped(r rune) bool {
	switch r {
	case '"', '\\', '<', '>', '&', '\u2028', '\u2029':
		return true
	}
	return r < ' '
}

func writeAny(to []byte, v reflect.Value) ([]byte, error) {
	text, err := json.Marshal(v.Interface())
	return append(to, text...), err
}
