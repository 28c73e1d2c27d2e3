package store

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"unicode/utf8"

	"anxin/engine/order"
)

// parser reads JSON as a form writes it: its members in their order, without spaces.
// Whatever is written otherwise, by a version of other members say, it leaves to
// encoding/json, and so it can never take for something what encoding/json would not.
type parser struct {
	rest string
}

// readValue reads a value into v, or returns false, having changed v or not.
type readValue func(p *parser, v reflect.Value) bool

// read reads what the form wrote into v, which is zero.
func (f form) read(text string, v reflect.Value) error {
	p := parser{text}
	if f.parse(&p, v) && p.rest == "" {
		return nil
	}
	v.SetZero()
	return decode(text, v.Addr().Interface())
}

func (f form) parse(p *parser, v reflect.Value) bool {
	if !p.take("{") {
		return false
	}
	if p.take("}") {
		return true
	}
	for i := range f {
		m := &f[i]
		if !p.take(m.name) {
			continue
		}
		if !m.read(p, v.Field(m.index)) {
			return false
		}
		if !p.take(",") {
			return p.take("}")
		}
	}
	return false
}

func (p *parser) take(what string) bool {
	rest, ok := strings.CutPrefix(p.rest, what)
	p.rest = rest
	return ok
}

func readerOf(t reflect.Type) readValue {
	switch {
	case t == reflect.TypeFor[order.Time]():
		return readTime
	case reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()):
		return readNothing
	}
	switch t.Kind() {
	case reflect.String:
		return readString
	case reflect.Int, reflect.Int64:
		return readInt
	case reflect.Bool:
		return readBool
	case reflect.Struct:
		return newForm(t).parse
	case reflect.Slice:
		return listReader(readerOf(t.Elem()))
	case reflect.Pointer:
		return pointerReader(readerOf(t.Elem()))
	default:
		return readNothing
	}
}

func readNothing(*parser, reflect.Value) bool { return false }

// text takes a string that has no escape and is UTF-8.
func (p *parser) text() (string, bool) {
	if !p.take(`"`) {
		return "", false
	}
	ascii := true
	for i := range len(p.rest) {
		switch b := p.rest[i]; {
		case b == '"':
			text := p.rest[:i]
			p.rest = p.rest[i+1:]
			return text, ascii || utf8.ValidString(text)
		case b == '\\' || b < ' ':
			return "", false
		case b >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", false
}

// readString copies: what the text is cut from is longer than what may be kept of it.
func readString(p *parser, v reflect.Value) bool {
	text, ok := p.text()
	v.SetString(strings.Clone(text))
	return ok
}

func readTime(p *parser, v reflect.Value) bool {
	if p.take("null") {
		v.SetInt(0)
		return true
	}
	text, ok := p.text()
	if !ok {
		return false
	}
	at, err := order.ParseTime(text)
	v.SetInt(int64(at))
	return err == nil
}

func readInt(p *parser, v reflect.Value) bool {
	negative := p.take("-")
	var n int64
	i := 0
	for ; i < len(p.rest) && '0' <= p.rest[i] && p.rest[i] <= '9'; i++ {
		if n > math.MaxInt64/10-1 { // the last ten are left to encoding/json
			return false
		}
		n = 10*n + int64(p.rest[i]-'0')
	}
	if i == 0 || (i > 1 && p.rest[0] == '0') || v.OverflowInt(n) {
		return false
	}
	if negative {
		n = -n
	}
	p.rest = p.rest[i:]
	v.SetInt(n)
	return true
}

func readBool(p *parser, v reflect.Value) bool {
	is := p.take("true")
	v.SetBool(is)
	return is || p.take("false")
}

func listReader(read readValue) readValue {
	return func(p *parser, v reflect.Value) bool {
		if !p.take("[") {
			return false
		}
		v.Set(reflect.MakeSlice(v.Type(), 0, 1))
		for !p.take("]") {
			n := v.Len()
			if n > 0 && !p.take(",") {
				return false
			}
			v.Grow(1)
			v.SetLen(n + 1)
			if !read(p, v.Index(n)) {
				return false
			}
		}
		return true
	}
}

func pointerReader(read readValue) readValue {
	return func(p *parser, v reflect.Value) bool {
		if p.take("null") {
			return true
		}
		v.Set(reflect.New(v.Type().Elem()))
		return read(p, v.Elem())
	}
}
