package store

import (
	"errors"
	"net/http"
	"reflect"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
)

// FuzzCursor reads cursors as callers send them back, also with a checksum that holds:
// whoever makes one gets a place in the list or ErrBadCursor, and a place is written the
// same again.
func FuzzCursor(f *testing.F) {
	f.Add(place{1_795_000_000_000, recordID{true, 17}}.cursor(engine.CallbackFilter{}), false)
	f.Add(mark{1_795_000_000_000, "A1"}.cursor(orderFields(engine.Filter{})), false)
	f.Add("\x00", true)
	f.Add("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02", true)
	f.Add("", true)
	f.Fuzz(func(t *testing.T, text string, seal bool) {
		orders, callbacks := text, engine.CallbackFilter{Cursor: text}
		ofOrders := orderFields(engine.Filter{})
		if seal {
			orders, callbacks.Cursor = ofOrders.seal([]byte(text)), callbackFields(callbacks).seal([]byte(text))
		}
		switch p, err := parsePlace(callbacks); {
		case err != nil && !errors.Is(err, engine.ErrBadCursor):
			t.Fatal(err)
		case err == nil:
			again, err := parsePlace(engine.CallbackFilter{Cursor: p.cursor(engine.CallbackFilter{})})
			if err != nil || again != p {
				t.Fatalf("%+v is read as %+v, %v", p, again, err)
			}
		}
		switch p, err := parseMark(orders, ofOrders, mark{}); {
		case err != nil && !errors.Is(err, engine.ErrBadCursor):
			t.Fatal(err)
		case err == nil:
			again, err := parseMark(p.cursor(ofOrders), ofOrders, mark{})
			if err != nil || again != p {
				t.Fatalf("%+v is read as %+v, %v", p, again, err)
			}
		}
	})
}

// FuzzRecordID holds that each id has one spelling.
func FuzzRecordID(f *testing.F) {
	for _, seed := range []string{"c_1", "r_9223372036854775807", "c_01", "c_+1", "c_-1", "_1", "c_1_2", "x_1", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if id, ok := idOf(text); ok && (id.String() != text || id.number <= 0) {
			t.Fatalf("%q is read as %+v", text, id)
		}
	})
}

// FuzzRawRequest stores requests of any bytes: they come back as they were, or a
// signature over them would no longer hold.
func FuzzRawRequest(f *testing.F) {
	f.Add("X-A", "caf\xe9", "\xff\x00", "a=\xe9", []byte("\x00\xff"), int64(1))
	f.Add("", "", "", "", []byte(nil), int64(-1))
	f.Fuzz(func(t *testing.T, name, first, second, query string, body []byte, at int64) {
		r := channel.Request{Header: http.Header{name: {first, second}}, Query: query, Body: body, ReceivedAt: time.Unix(0, at).UTC()}
		if at == 0 {
			r.ReceivedAt = time.Time{} // stands for none
		}
		got, err := decodeRaw(encodeRaw(r))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Body) == 0 {
			r.Body = nil
		}
		if !reflect.DeepEqual(got, r) {
			t.Fatalf("got %+v, want %+v", got, r)
		}
	})
}

// FuzzEntry reads entries of the journal: whatever is read is read again from what it is
// written as.
func FuzzEntry(f *testing.F) {
	whole, err := encodeEntry(&engine.Entry{
		Key: engine.CallbackKey{Channel: "pay", DedupeKey: "\x00"}, OrderNo: "A1",
		Notification: channel.Notification{OrderNo: "A1", DedupeKey: "\x00"},
		Raw:          channel.Request{Body: []byte("\xff"), Header: http.Header{"A": {"b"}}, ReceivedAt: time.Unix(1, 2).UTC()},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte{entryVersion})
	f.Fuzz(func(t *testing.T, value []byte) {
		n, err := decodeEntry(value)
		if err != nil {
			return
		}
		again, err := encodeEntry(&n)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := decodeEntry(again); err != nil || !reflect.DeepEqual(same, n) {
			t.Fatalf("%+v is read as %+v, %v", n, same, err)
		}
	})
}
