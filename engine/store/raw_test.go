package store

import (
	"errors"
	"net/http"
	"reflect"
	"testing"
	"time"

	"anxin/engine/channel"
)

func rawSample() channel.Request {
	return channel.Request{
		Header: http.Header{"Signature": {"a\xff", "b"}, "Empty": {""}}, Query: "q=\xfe", Body: []byte("\x00body"),
		ReceivedAt: time.Unix(1_700_000_000, 123_456_789).UTC(),
	}
}

func TestRawRequestIsKeptByteForByte(t *testing.T) {
	t.Parallel()
	for _, want := range []channel.Request{rawSample(), {}, {Query: "q"}, {Body: []byte("b")}} {
		if got, err := decodeRaw(encodeRaw(want)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

func FuzzDecodeRaw(f *testing.F) {
	sample := encodeRaw(rawSample())
	for end := range sample {
		f.Add(sample[:end])
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := decodeRaw(raw)
		if err != nil {
			if !errors.Is(err, errRaw) {
				t.Errorf("error %v", err)
			}
			return
		}
		if again, err := decodeRaw(encodeRaw(r)); err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v becomes %+v, %v", r, again, err)
		}
	})
}
