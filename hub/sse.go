package hub

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// streamLife is how long one event stream lasts before the client has to open it
// again. Nothing is ever heard from it, so this is what ends half-open ones, and
// it bounds the text that a browser keeps of it.
const streamLife = 15 * time.Minute

// wire is how a session's frames look in the bytes of its socket.
type wire interface {
	// state appends the frame of a state.
	state(b []byte, st *state, kind frameKind, now time.Time) []byte
	ping() []byte
	reconnect(after time.Duration) []byte
	// farewell is the last frame before a close, or nil.
	farewell(code CloseCode) []byte
	// silence is for how long nothing may be heard from the client.
	silence(pingEvery time.Duration) time.Duration
	// answers is how long the client's answer to a farewell is waited for.
	answers() time.Duration
}

// socketWire is WebSocket.
type socketWire struct{}

var _ wire = socketWire{}

func (socketWire) state(b []byte, st *state, kind frameKind, now time.Time) []byte {
	return st.appendFrame(b, kind, now)
}
func (socketWire) ping() []byte                         { return controlFrame(opPing, nil) }
func (socketWire) reconnect(after time.Duration) []byte { return reconnectFrame(after) }
func (socketWire) farewell(code CloseCode) []byte {
	if answeredByGorilla(code) {
		return nil
	}
	return closeFrame(code)
}
func (socketWire) silence(pingEvery time.Duration) time.Duration { return pingEvery * 5 / 2 }
func (socketWire) answers() time.Duration                        { return closeTimeout }

// eventWire is an event stream: the same JSON behind "data:", and the seq as "id:" where
// it is one of the topic that the stream is resumed by.
type eventWire struct{ topic string }

var _ wire = eventWire{}

func (w eventWire) state(b []byte, st *state, kind frameKind, now time.Time) []byte {
	if st.Topic == w.topic {
		b = append(b, "id: "...)
		b = strconv.AppendInt(b, st.Seq, 10)
		b = append(b, '\n')
	}
	return appendEvent(b, payloadOf(st.frame(kind, now)))
}

func (eventWire) ping() []byte { return []byte(":\n\n") }

func (eventWire) reconnect(after time.Duration) []byte {
	b := strconv.AppendInt([]byte("retry: "), after.Milliseconds(), 10)
	return appendEvent(append(b, '\n'), payloadOf(reconnectFrame(after)))
}

func (eventWire) farewell(code CloseCode) []byte { return []byte(": " + code.reason() + "\n\n") }

func (eventWire) silence(time.Duration) time.Duration { return streamLife }
func (eventWire) answers() time.Duration              { return 0 }

// appendEvent appends JSON as the data of an event. A line break in it can only be
// white space, and would end the data.
func appendEvent(b, json []byte) []byte {
	b = append(b, "data: "...)
	at := len(b)
	b = append(b, json...)
	for i, c := range b[at:] {
		if c == '\n' || c == '\r' {
			b[at+i] = ' '
		}
	}
	return append(b, "\n\n"...)
}

// payloadOf returns the text in a frame of this package, so that all transports share
// one encoding.
func payloadOf(frame []byte) []byte {
	switch frame[1] {
	case 126:
		return frame[4:]
	case 127:
		return frame[headerRoom:]
	}
	return frame[2:]
}

var (
	errNoTopic     = refuse(http.StatusNotFound, "no_topic", "there is no such topic", 0)
	errUnavailable = refuse(http.StatusServiceUnavailable, "unavailable", "the state cannot be read at the moment; try again", time.Second)
)

// Stream answers a request with the frames of its topics as server-sent events, under the
// limits that WebSockets have, and returns while a goroutine of its own serves it. The
// writer must be hijackable; what its header holds is sent along. A visit with After
// gets the frame "current" if that is the newest state. If it refuses it has answered
// with a problem and returns a [*RefusalError].
func (h *Hub) Stream(w http.ResponseWriter, v Visit) error {
	if !h.admit() {
		return answer(w, errDraining)
	}
	from := addressOf(v.Remote)
	if refusal := h.door.enter(from); refusal != nil {
		h.sessions.Done()
		return answer(w, refusal)
	}
	s := &session{hub: h, wire: eventWire{v.Topic}, from: from, subscribed: true}
	if err := s.stream(w, v); err != nil {
		s.leaveAll()
		h.door.leave(from)
		h.sessions.Done()
		return err
	}
	h.wheel.add(s)
	select {
	case <-h.quit: // too late to be told by whoever closed quit
		s.shut(CloseRestart)
	default:
	}
	go s.listen()
	return nil
}

// stream reads the first states before it takes the connection, so that a failure is
// still an ordinary answer.
func (s *session) stream(w http.ResponseWriter, v Visit) error {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	visits := v.topics()
	subs, states := make([]*subscription, len(visits)), make([]*state, len(visits))
	for i, v := range visits {
		var refusal *RefusalError
		if subs[i], states[i], refusal = s.visit(ctx, v); refusal != nil {
			return answer(w, refusal)
		}
	}
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return fmt.Errorf("hub: stream: %T cannot be hijacked", w)
	}
	var err error
	if s.raw, _, err = hijacker.Hijack(); err != nil {
		return fmt.Errorf("hub: stream: %w", err)
	}
	s.begin(w.Header())
	for i, v := range visits {
		s.complete(subs[i], states[i], v.After)
	}
	return nil
}

// visit joins a topic and reads its state.
func (s *session) visit(ctx context.Context, v Visit) (*subscription, *state, *RefusalError) {
	sub, _, code := s.reserve(v)
	if code != "" {
		return nil, nil, errToken
	}
	s.hub.count.subscriptions.Add(1)
	s.hub.topics.join(v.Topic, &sub.watch)
	m, err := s.hub.source.Snapshot(ctx, v.Topic)
	if err != nil {
		if s.refusal(err, "hub: source failed") == ErrorNoTopic {
			return nil, nil, errNoTopic
		}
		return nil, nil, errUnavailable
	}
	sub.topic.read(m.Seq)
	m.Event = ""
	return sub, &state{Message: m}, nil
}

// begin queues the head of the response. The body ends with the connection.
func (s *session) begin(header http.Header) {
	s.heard.Store(time.Now().UnixMilli())
	if c, ok := s.raw.(interface{ SetWriteBuffer(int) error }); ok {
		if err := c.SetWriteBuffer(socketBuffer); err != nil {
			s.hub.log.WithError(err).Debug("hub: set socket buffer")
		}
	}
	s.forever()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("Connection", "close")
	header.Set("X-Accel-Buffering", "no") // nginx would hold events back
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 200 OK\r\n")
	_ = header.Write(&head) // a buffer takes everything
	head.WriteString("\r\n")
	s.note(head.Bytes())
}

// listen is the life of an event stream: whatever is read from it is its end, since the
// request is over and the connection takes no other.
func (s *session) listen() {
	defer s.hub.sessions.Done()
	var b [1]byte
	_, _ = s.raw.Read(b[:])
	s.end(0)
}
