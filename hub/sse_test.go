package hub_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"anxin/hub"
)

// visitOf reads a visit that a test has put into an address.
func visitOf(r *http.Request) hub.Visit {
	after, err := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	if err != nil {
		after = -1
	}
	v := hub.Visit{Topic: r.URL.Query().Get("topic"), Audience: "payer", Token: r.URL.Query().Get("k"), Remote: r.RemoteAddr, After: after}
	if v.Token == "short" {
		v.Until = time.Now().Add(shortLife)
	}
	return v
}

func refusalCode(err error) string {
	if refusal, ok := errors.AsType[*hub.RefusalError](err); ok {
		return refusal.Code
	}
	return ""
}

// event is one server-sent event, or a comment.
type event struct{ id, retry, comment, data string }

// reader reads an event stream as the standard has it.
type reader struct {
	t    testing.TB
	body io.ReadCloser
	text *bufio.Reader
}

// open asks for a stream and returns the response if it was refused.
func (n *node) open(t testing.TB, topic string, after int64, token ...string) (*reader, *http.Response) {
	t.Helper()
	address := fmt.Sprintf("http%s/stream?topic=%s&after=%d&k=%s", strings.TrimPrefix(n.url, "ws"), url.QueryEscape(topic), after, strings.Join(token, ""))
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		return nil, response
	}
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("content type %q", got)
	}
	return &reader{t, response.Body, bufio.NewReader(response.Body)}, response
}

func (n *node) stream(t testing.TB, topic string, after int64) *reader {
	t.Helper()
	r, response := n.open(t, topic, after)
	if r == nil {
		t.Fatalf("refused with %s", response.Status)
	}
	return r
}

func (r *reader) try() (e event, err error) {
	for {
		line, err := r.text.ReadString('\n')
		if err != nil {
			return e, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "\n":
			return e, nil
		case name == "id":
			e.id = value
		case name == "retry":
			e.retry = value
		case name == "data":
			e.data += value
		case name == "":
			e.comment = ":" + value
		default:
			r.t.Fatalf("line %q", line)
		}
	}
}

func (r *reader) next() (event, frame) {
	r.t.Helper()
	e, err := r.try()
	if err != nil {
		r.t.Fatalf("read: %v", err)
	}
	var f frame
	if e.data != "" {
		if err := json.Unmarshal([]byte(e.data), &f); err != nil {
			r.t.Fatalf("event %+v: %v", e, err)
		}
	}
	return e, f
}

func (r *reader) expect(kind string, seq int64) frame {
	r.t.Helper()
	e, f := r.next()
	if f.Type != kind || f.Seq != seq || e.id != strconv.FormatInt(seq, 10) {
		r.t.Fatalf("got %+v, want %s %d", e, kind, seq)
	}
	return f
}

func TestStreamCarriesTheFramesOfTheSocket(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 4)
	r, p := n.stream(t, "order:A", -1), n.dial(t)
	p.subscribe("order:A", 0)
	first, same := r.expect("snapshot", 4), p.expect("snapshot", "order:A", 4)
	if string(first.Data) != string(same.Data) || first.Topic != same.Topic || first.Event != nil {
		t.Errorf("stream %+v, socket %+v", first, same)
	}
	for seq := int64(5); seq < 8; seq++ {
		n.store("order:A", seq)
		f := r.expect("update", seq)
		if same := p.expect("update", "order:A", seq); f.Now != same.Now || *f.Event != *same.Event || string(f.Data) != string(same.Data) {
			t.Errorf("the encoding is not shared: stream %+v, socket %+v", f, same)
		}
	}
}

func TestStreamResumesAfterWhatTheVisitorHas(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 4)
	for after, kind := range map[int64]string{-1: "snapshot", 0: "snapshot", 3: "snapshot", 4: "current", 9: "snapshot"} {
		r := n.stream(t, "order:A", after)
		r.expect(kind, 4)
	}
	r := n.stream(t, "order:A", 4)
	r.expect("current", 4)
	n.store("order:A", 5)
	r.expect("update", 5)
}

func TestStateThatIsPublishedDuringTheFirstReadIsNotMissed(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	n.truth.holdWith(func(hub.Message) { n.Publish(state("order:A", 2)) })
	n.stream(t, "order:A", -1).expect("snapshot", 2)
}

func TestLineBreaksInAStateDoNotEndItsEvent(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	r := n.stream(t, "order:A", -1)
	r.expect("snapshot", 1)
	n.Publish(hub.Message{Topic: "order:A", Seq: 2, Event: "e", Data: json.RawMessage("{\r\n\n\"a\":\n1}")})
	if f := r.expect("update", 2); strings.Join(strings.Fields(string(f.Data)), "") != `{"a":1}` {
		t.Errorf("data %s", f.Data)
	}
}

func TestStreamIsToldThatTheConnectionLives(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.PingEvery = 20 * time.Millisecond })
	n.truth.set("order:A", 1)
	r := n.stream(t, "order:A", -1)
	r.expect("snapshot", 1)
	for range 5 { // beyond two and a half periods of silence
		if e, _ := r.next(); e.comment == "" || e.data != "" {
			t.Fatalf("got %+v", e)
		}
	}
}

func TestStreamEndsAfterItsLife(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	r := n.stream(t, "order:A", -1)
	r.expect("snapshot", 1)
	n.BeatAt(time.Now().Add(hub.StreamLife + time.Second))
	r.expectEnd()
	eventually(t, "the close is counted", func() bool { return n.Stats().Closes[hub.CloseDead] == 1 })
}

// expectEnd reads the last words.
func (r *reader) expectEnd() (events []event) {
	r.t.Helper()
	for {
		e, err := r.try()
		if errors.Is(err, io.EOF) {
			return events
		}
		if err != nil {
			r.t.Fatalf("ended with %v", err)
		}
		events = append(events, e)
	}
}

func TestDrainTellsStreamsWhenToReconnect(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	r := n.stream(t, "order:A", -1)
	r.expect("snapshot", 1)
	n.Drain(context.Background(), 50*time.Millisecond)
	e, f := r.next()
	if f.Type != "reconnect" || f.AfterMS == nil || e.retry != strconv.FormatInt(*f.AfterMS, 10) {
		t.Errorf("got %+v", e)
	}
	r.expectEnd()
	_, response := n.open(t, "order:A", -1)
	wantProblem(t, response, http.StatusServiceUnavailable, "draining")
	eventually(t, "it is gone", func() bool { return n.Stats().Connections == 0 })
}

func TestEndOfTheHubEndsStreams(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	r := n.stream(t, "order:A", -1)
	r.expect("snapshot", 1)
	n.stop()
	r.expectEnd()
}

func TestStreamsCountWithSocketsAndPolls(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.Limits.MaxPerIP = 2 })
	n.truth.set("order:A", 1)
	n.dial(t)
	r := n.stream(t, "order:A", -1)
	_, response := n.open(t, "order:A", -1)
	wantProblem(t, response, http.StatusTooManyRequests, "connections_per_address")
	if response.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	visit := hub.Visit{Topic: "order:A", Remote: "127.0.0.1:9", After: -1}
	if _, err := n.Wait(context.Background(), visit); refusalCode(err) != "connections_per_address" {
		t.Errorf("long poll: %v", err)
	}
	visit.Remote = "" // the node itself
	if _, err := n.Wait(context.Background(), visit); err != nil {
		t.Errorf("a wait of the node: %v", err)
	}
	_ = r.body.Close()
	eventually(t, "the visitor is gone", func() bool { return n.Stats().Connections == 1 && n.Stats().Subscriptions == 0 })
	visit.Remote = "127.0.0.1:9"
	if _, err := n.Wait(context.Background(), visit); err != nil {
		t.Errorf("there is room again: %v", err)
	}
}

func TestStreamThatCannotBeginIsRefusedWithAProblem(t *testing.T) {
	t.Parallel()
	n := setup(t)
	_, response := n.open(t, "order:X", -1)
	wantProblem(t, response, http.StatusNotFound, "no_topic")
	n.truth.fail(errors.New("away"))
	_, response = n.open(t, "order:X", -1)
	wantProblem(t, response, http.StatusServiceUnavailable, "unavailable")
	if s := n.Stats(); s.Connections != 0 || s.Subscriptions != 0 || s.Topics != 0 {
		t.Errorf("left behind: %+v", s)
	}
}

func TestSlowStreamIsConflatedThenClosed(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.WriteTimeout = 100 * time.Millisecond })
	n.truth.set("order:A", 1)
	conn, err := net.Dial("tcp", strings.TrimPrefix(n.url, "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /stream?topic=order:A HTTP/1.1\r\nHost: h\r\n\r\n")
	healthy := n.stream(t, "order:A", -1)
	healthy.expect("snapshot", 1)
	eventually(t, "both watch", func() bool { return n.Watchers("order:A")["payer"] == 2 })
	for seq := int64(2); n.Stats().Closes[hub.CloseSlow] == 0; seq++ {
		n.Publish(bulky("order:A", seq))
		healthy.expect("update", seq)
	}
	if n.Stats().Conflations == 0 {
		t.Error("nothing was conflated")
	}
	eventually(t, "the slow one is gone", func() bool { return n.Stats().Connections == 1 })
}

func TestWatchersAreCountedByAudience(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	if got := n.Watchers("order:A"); len(got) != 0 {
		t.Errorf("nobody: %v", got)
	}
	p, staff := n.dial(t), n.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	staff.send(`{"type":"subscribe","topic":"order:A","token":"staff"}`)
	staff.expect("snapshot", "order:A", 1)
	r := n.stream(t, "order:A", -1)
	r.expect("snapshot", 1)
	if got := n.Watchers("order:A"); got["payer"] != 2 || got["agent"] != 1 || len(got) != 2 {
		t.Errorf("got %v", got)
	}
	_ = p.Close()
	_ = r.body.Close()
	eventually(t, "the payer has left", func() bool { return n.Watchers("order:A")["payer"] == 0 })
}
