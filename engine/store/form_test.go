package store

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	"anxin/engine/channel"
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
		var c contact
		fill.value(reflect.ValueOf(&c).Elem())
		compare(t, contactForm, reflect.TypeFor[contact](), reflect.ValueOf(&c).Elem())
		var n channel.Notification
		fill.value(reflect.ValueOf(&n).Elem())
		compare(t, noticeForm, reflect.TypeFor[channel.Notification](), reflect.ValueOf(&n).Elem())
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
	compareRead(t, f, v.Type(), got)
}

// FuzzFormsRead reads what the database might hold: encoding/json makes the same of it, or
// refuses it too.
func FuzzFormsRead(f *testing.F) {
	for _, text := range storedTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		compareRead(t, orderForm, reflect.TypeFor[order.Order](), text)
		compareRead(t, eventForm, reflect.TypeFor[order.Event](), text)
		compareRead(t, contactForm, reflect.TypeFor[contact](), text)
		compareRead(t, noticeForm, reflect.TypeFor[channel.Notification](), text)
	})
}

var storedTexts = []string{
	`{"order_no":"A1","amount":{"minor":8800,"currency":"CNY"},"subject":"茶","created_at":"2026-11-23T01:00:00.000Z","seq":-3,"attempting":true,"cases":[{"kind":"conflict","opened_at":null,"answer_by":null,"closed_at":"2026-11-23T01:00:00.000Z"},{"kind":""}]}`,
	`{"order_no":"A1","gone":[{"with":"an older version"}],"backend":"shop"}`,
	`{"backend":"shop","order_no":"A1"}`,
	`{"ORDER_NO":"A1","refunds":[]}`,
	`{"order_no":"\u0041","backend":"a\"b"}`,
	`{"order_no":"A1","order_no":"A2"}`,
	`{"phone":"+86","email":"a@b","push":["x","y"]}`,
	`{"order_no":"A1","dedupe_key":"d","evidence":{"source":"callback","claims":"refunded","amount":{"minor":8800,"currency":"CNY"},"refund":{"amount":null,"accepted_at":null,"credited_at":null},"occurred_at":null}}`,
	`{"evidence":{"amount":null,"refund":{},"refunded_sum":{"minor":1}}}`,
	`{"status":"confirming","attempt":1,"detail":{"code":"timeout"}}`,
	`{"seq":01}`, `{"seq":-0}`, `{"seq":9223372036854775807}`, `{"seq":9223372036854775808}`, `{"seq":1e2}`, `{"seq":-}`,
	`{"order_no":"\xff"}`, `{"order_no":"` + "\x01" + `"}`, `{"cases":[,]}`, `{"cases":[{}]`, `{}`, `{} `, `{}}`, `null`, `[]`, ``,
	`{"created_at":"1969-12-31T23:59:59.000Z"}`, `{"created_at":"2026-11-23T09:00:00+08:00"}`, `{"created_at":5}`, `{"attempting":tru}`,
}

func compareRead(t *testing.T, f form, of reflect.Type, text string) {
	t.Helper()
	got, want := reflect.New(of), reflect.New(of)
	err, wantErr := f.read(text, got.Elem()), json.Unmarshal([]byte(text), want.Interface())
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s: %v, encoding/json says %v", text, err, wantErr)
	}
	if err == nil && !reflect.DeepEqual(got.Interface(), want.Interface()) {
		t.Fatalf("%s:\ngot  %+v\nwant %+v", text, got, want)
	}
}

// What is written is what is read quickly; encoding/json is for what others wrote.
func TestFormsReadWhatTheyWriteThemselves(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		fill := filler{rand.New(rand.NewPCG(seed, 1)), "支付 A-1", 1_795_000_000_000}
		for _, test := range []struct {
			form form
			into any
		}{{orderForm, new(order.Order)}, {eventForm, new(order.Event)}, {contactForm, new(contact)}, {noticeForm, new(channel.Notification)}} {
			v := reflect.ValueOf(test.into).Elem()
			fill.value(v)
			text, err := test.form.text(v)
			if err != nil {
				t.Fatal(err)
			}
			v.SetZero()
			if p := (parser{text}); !test.form.parse(&p, v) || p.rest != "" {
				t.Fatalf("%s is left from %q", text, p.rest)
			}
		}
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
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.value(v.Elem())
	case reflect.Struct:
		for _, field := range v.Fields() {
			f.value(field)
		}
	default:
		panic("fields of the kind " + v.Kind().String() + " are not filled")
	}
}
