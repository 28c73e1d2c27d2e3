package store

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	"anxin/engine/order"
)

// FuzzForms fills orders and events with everything that their fields can hold: what is
// stored is what encoding/json makes of the same type, of which no field is forgotten.
func FuzzForms(f *testing.F) {
	f.Add(uint64(0), "", int64(0))
	f.Add(uint64(1), "a\"b\\c<d>&\x00\n\u2028", int64(1_795_000_000_000))
	f.Add(uint64(2), "支付 é \xff\x7f", int64(-1))
	f.Fuzz(func(t *testing.T, seed uint64, text string, number int64) {
		fill := filler{rand.New(rand.NewPCG(seed, 1)), text, number}
		var o order.Order
		fill.value(reflect.ValueOf(&o).Elem())
		compare(t, orderForm, storedOrder, reflect.ValueOf(&o).Elem())
		var ev order.Event
		fill.value(reflect.ValueOf(&ev).Elem())
		compare(t, eventForm, storedEvent, reflect.ValueOf(&ev).Elem())
	})
}

func compare(t *testing.T, f form, stored reflect.Type, v reflect.Value) {
	t.Helper()
	want, err := json.Marshal(v.Convert(stored).Interface())
	if err != nil {
		return // a time beyond the wire form, say, which has no text to compare with
	}
	got, err := f.text(v)
	if err != nil || got != string(want) {
		t.Fatalf("got  %s, %v\nwant %s", got, err, want)
	}
}

// filler fills a value, each part of it or not.
type filler struct {
	rand   *rand.Rand
	text   string
	number int64
}

func (f filler) value(v reflect.Value) {
	if v.Kind() != reflect.Struct && f.rand.IntN(3) == 0 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(f.text)
	case reflect.Int, reflect.Int64:
		v.SetInt(f.number)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), f.rand.IntN(3), 3))
		for i := range v.Len() {
			f.value(v.Index(i))
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			f.value(field)
		}
	default:
		panic("fields of the kind " + v.Kind().String() + " are not filled")
	}
}
