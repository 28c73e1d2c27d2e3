package hub

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"testing"
	"time"
	"unicode/utf8"
)

func FuzzParseFrame(f *testing.F) {
	for _, seed := range []string{
		`{"type":"subscribe","topic":"order:A1001","token":"t","after":7}`,
		`{"type":"seen","topic":"order:A","seq":9}`, `{"type":"act","topic":"a","name":"b"}`,
		` { "type" : "seen" , "seq" : 0 , "topic":"张三"} `, `{"seq":01}`, `{"seq":1.0}`, `{"type":"a",}`, `{"Type":"a"}`, `{"type":"a","type":"b"}`,
		`{"type":"ping"}`, `{}`, `[]`, `null`, `{"type":1}`, "\xff", `{"type":"ping"}x`, `{"a":{"b":[[[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var quick, full clientFrame
		if utf8.Valid(b) && quick.readPlain(b) {
			if err := json.Unmarshal(b, &full); err != nil || quick != full {
				t.Errorf("%q was read as %+v, is %+v (%v)", b, quick, full, err)
			}
		}
		frame, code := parseFrame(true, b)
		if frame == nil {
			t.Fatal("no frame")
		}
		if frame.Topic != "" && !ValidTopic(frame.Topic) {
			t.Errorf("topic %q would be repeated", frame.Topic)
		}
		if code != "" {
			code.info() // is in the table
			return
		}
		if !json.Valid(b) || frame.Type == "" || frame.After > maxSeen || frame.Seq > maxSeen {
			t.Errorf("accepted %q as %+v", b, frame)
		}
	})
}

func FuzzDecodeBus(f *testing.F) {
	f.Add(encodeBus(Message{Seq: 1, Event: "e", Data: []byte(`{}`)}))
	f.Add(encodeBus(Message{Seq: 1 << 62}))
	f.Add([]byte{busFormat, 1, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeBus("t", b)
		if err != nil {
			return
		}
		again, err := decodeBus("t", encodeBus(m))
		if err != nil || again.Seq != m.Seq || again.Event != m.Event ||
			!bytes.Equal(again.Data, m.Data) || (again.Data == nil) != (m.Data == nil) {
			t.Errorf("%+v came back as %+v, %v", m, again, err)
		}
	})
}

func FuzzAppendString(f *testing.F) {
	f.Add("order:A1001")
	f.Add("\"\\\x00<>&\u2028张三\xff")
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		if err := json.Unmarshal(appendString(nil, s), &back); err != nil {
			t.Fatal(err)
		}
		if want := string(bytes.ToValidUTF8([]byte(s), []byte("\ufffd"))); back != want && ValidTopic(s) {
			t.Errorf("%q came back as %q", s, back)
		}
	})
}

func TestAddressesCountAsSubscribersDo(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.7:5000":             "192.0.2.7/32",
		"192.0.2.7":                  "192.0.2.7/32",
		"[::ffff:192.0.2.7]:5000":    "192.0.2.7/32",
		"[2001:db8:1:2:3:4:5:6]:443": "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::1":       "2001:db8:1:2::/64",
		"[fe80::1%eth0]:1":           "fe80::/64",
		"@":                          "invalid Prefix",
		"":                           "invalid Prefix",
	} {
		if got := addressOf(remote); got.String() != want {
			t.Errorf("%q counts as %s, want %s", remote, got, want)
		}
	}
}

func TestDoorKeepsNoMemoryOfAddressesThatLeft(t *testing.T) {
	t.Parallel()
	d := newDoor(Limits{MaxConnections: -1, MaxPerIP: 2})
	home := netip.MustParsePrefix("192.0.2.7/32")
	for range 2 {
		if refusal := d.enter(home); refusal != nil {
			t.Fatal(refusal)
		}
	}
	if refusal := d.enter(home); refusal != errAddress {
		t.Errorf("got %v", refusal)
	}
	d.leave(home)
	d.leave(home)
	if len(d.perIP) != 0 || d.connections() != 0 {
		t.Errorf("left behind: %v", d.perIP)
	}
}

func TestSharedFrameIsEncodedAnewWhenItsClockIsStale(t *testing.T) {
	t.Parallel()
	s := &state{Message: Message{Topic: "t", Seq: 1, Event: "e", Data: []byte(`{}`)}}
	now := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	first := s.frame(kindUpdate, now)
	if same := s.frame(kindUpdate, now.Add(sharedFor)); &same[0] != &first[0] {
		t.Error("watchers at the same time do not share the encoding")
	}
	later := s.frame(kindUpdate, now.Add(2*sharedFor))
	if !bytes.Contains(later, []byte(`"now":"2026-11-23T03:00:00.500Z"`)) {
		t.Errorf("a late watcher is told an old time: %s", later)
	}
}

func TestFramesAreWhatTheContractShows(t *testing.T) {
	t.Parallel()
	s := &state{Message: Message{Topic: "order:A", Seq: 8, Event: "retry.scheduled", Data: []byte(`{"x":1}`)}}
	now := time.Date(2026, 11, 23, 11, 0, 0, 7_000_000, time.FixedZone("CST", 8*3600))
	for kind, want := range map[frameKind]string{
		kindUpdate:   `{"type":"update","topic":"order:A","seq":8,"now":"2026-11-23T03:00:00.007Z","event":"retry.scheduled","data":{"x":1}}`,
		kindSnapshot: `{"type":"snapshot","topic":"order:A","seq":8,"now":"2026-11-23T03:00:00.007Z","data":{"x":1}}`,
		kindCurrent:  `{"type":"current","topic":"order:A","seq":8,"now":"2026-11-23T03:00:00.007Z"}`,
	} {
		if got := string(s.appendJSON(nil, kind, now)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestStaleReadIsMadeUpForByTheSweep(t *testing.T) {
	t.Parallel()
	top := &topic{name: "t"}
	top.pass(&state{Message: Message{Seq: 9, Data: []byte(`{}`)}}, nil)
	if top.late(9) {
		t.Error("late without a reason")
	}
	top.read(7) // a watcher got an older state than another one
	if !top.late(9) {
		t.Error("the stale read was forgotten")
	}
	top.settle()
	if top.late(9) || !top.late(10) {
		t.Error("settling left the wrong state")
	}
}

func TestReadOfOneWatcherDoesNotHideWhatOthersLost(t *testing.T) {
	t.Parallel()
	top := &topic{name: "t"}
	top.read(5)
	top.read(6) // a second watcher; the message 6 never came for the first
	if !top.late(6) {
		t.Error("the sweep would not find the loss")
	}
}
