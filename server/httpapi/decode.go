package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
)

// maxJSON bounds a body of the API: the largest honest registration (ten push
// addresses, three links, a subject) stays below 20 KiB.
const maxJSON = 64 << 10

// decodeJSON reads a request's body into a struct, strictly: what the caller meant is
// either understood completely or refused with the path of the field. v points to a
// struct of strings, int64s, bools, structs, pointers and slices of these, and types
// that unmarshal themselves.
func decodeJSON(c *fiber.Ctx, v any) error {
	mediaType, params, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || mediaType != fiber.MIMEApplicationJSON || (params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8")) {
		return problem(http.StatusUnsupportedMediaType, "unsupported_media_type", "the body must be application/json in UTF-8")
	}
	if c.Get(fiber.HeaderContentEncoding) != "" {
		return problem(http.StatusUnsupportedMediaType, "unsupported_media_type", "the body must not be compressed")
	}
	body := c.Request().Body()
	if len(body) > maxJSON {
		return errBodyTooLarge
	}
	return decodeStrict(body, v)
}

// decodeEmpty accepts no body, or one without content.
func decodeEmpty(c *fiber.Ctx) error {
	if len(c.Request().Body()) == 0 {
		return nil
	}
	return decodeJSON(c, &struct{}{})
}

func malformed(detail string) *Problem {
	return problem(http.StatusBadRequest, "malformed_json", detail)
}

func wrongType(path, want string) *Problem {
	return problem(http.StatusBadRequest, "wrong_type", "must be "+want).field(path)
}

// decodeStrict copies everything that it keeps of body.
func decodeStrict(body []byte, v any) error {
	if !utf8.Valid(body) {
		return malformed("the body is not UTF-8")
	}
	d := decoder{json.NewDecoder(bytes.NewReader(body))}
	d.UseNumber()
	if err := d.value("", reflect.ValueOf(v).Elem()); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return malformed("there is something after the JSON value")
	}
	return nil
}

// decoder fills values from tokens. Its depth is bounded by the type that it fills.
type decoder struct{ *json.Decoder }

func (d decoder) next() (json.Token, error) {
	t, err := d.Token()
	if err != nil {
		return nil, malformed("the body is not valid JSON")
	}
	return t, nil
}

// value reads one JSON value. null leaves the zero value: absent and null are the same.
func (d decoder) value(path string, v reflect.Value) error {
	if u, ok := reflect.TypeAssert[json.Unmarshaler](v.Addr()); ok {
		return d.self(path, u)
	}
	t, err := d.next()
	if err != nil {
		return err
	}
	if t == nil {
		if path == "" {
			return wrongType("", "an object")
		}
		return nil
	}
	return d.assign(path, t, v)
}

// self lets a type read itself. Only scalars do.
func (d decoder) self(path string, u json.Unmarshaler) error {
	t, err := d.next()
	if err != nil {
		return err
	}
	if _, ok := t.(json.Delim); ok {
		return wrongType(path, "a string")
	}
	raw, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode token: %w", err)
	}
	if err := u.UnmarshalJSON(raw); err != nil {
		return problem(http.StatusUnprocessableEntity, "invalid_field", "must be a time in RFC 3339, 1970 to 9999").field(path)
	}
	return nil
}

func (d decoder) assign(path string, t json.Token, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.assign(path, t, v.Elem())
	case reflect.Struct:
		if t != json.Delim('{') {
			return wrongType(path, "an object")
		}
		return d.object(path, v)
	case reflect.Slice:
		if t != json.Delim('[') {
			return wrongType(path, "an array")
		}
		return d.array(path, v)
	case reflect.String:
		s, ok := t.(string)
		if !ok {
			return wrongType(path, "a string")
		}
		v.SetString(s)
		return nil
	case reflect.Bool:
		b, ok := t.(bool)
		if !ok {
			return wrongType(path, "true or false")
		}
		v.SetBool(b)
		return nil
	case reflect.Int64, reflect.Int:
		return integer(path, t, v)
	default:
		return fmt.Errorf("decode %s: no JSON form for %s", path, v.Kind())
	}
}

func integer(path string, t json.Token, v reflect.Value) error {
	number, ok := t.(json.Number)
	if !ok {
		return wrongType(path, "an integer")
	}
	n, err := strconv.ParseInt(number.String(), 10, 64)
	if err != nil || v.OverflowInt(n) {
		return wrongType(path, "an integer of at most 64 bits, without fraction or exponent")
	}
	v.SetInt(n)
	return nil
}

func (d decoder) object(path string, v reflect.Value) error {
	var seen []string
	for d.More() {
		t, err := d.next()
		if err != nil {
			return err
		}
		name, ok := t.(string)
		if !ok {
			return malformed("the body is not valid JSON")
		}
		at := join(path, name)
		field, ok := fieldOf(v, name)
		switch {
		case !ok:
			return problem(http.StatusBadRequest, "unknown_field", "there is no such field").field(clip(at))
		case slices.Contains(seen, name):
			return problem(http.StatusBadRequest, "duplicate_field", "the field is there twice").field(at)
		}
		seen = append(seen, name)
		if err := d.value(at, field); err != nil {
			return err
		}
	}
	_, err := d.next() // the closing brace
	return err
}

// maxItems bounds an array before its own rules do.
const maxItems = 100

func (d decoder) array(path string, v reflect.Value) error {
	for i := 0; d.More(); i++ {
		at := path + "[" + strconv.Itoa(i) + "]"
		if i == maxItems {
			return problem(http.StatusUnprocessableEntity, "invalid_field", "has too many entries").field(path)
		}
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
		if err := d.value(at, v.Index(i)); err != nil {
			return err
		}
	}
	_, err := d.next() // the closing bracket
	return err
}

// fieldOf finds the field with exactly this JSON name.
func fieldOf(v reflect.Value, name string) (reflect.Value, bool) {
	for i := range v.NumField() {
		tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if tag == name && tag != "" {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// maxPath bounds how much of an unknown field's name is said back.
const maxPath = 128

func clip(s string) string {
	if len(s) <= maxPath {
		return s
	}
	cut := maxPath
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
