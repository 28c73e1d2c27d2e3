package hub

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/gorilla/websocket"
)

var errFlood = errors.New("hub: too many control frames")

// read is the life of a session. It waits with a stack of the smallest size, two
// kilobytes: for the first byte of a frame below as few calls as possible, and with
// nothing on it that can be done elsewhere.
func (s *session) read() {
	for {
		_, err := s.in.Peek(1)
		if s.take(err) {
			return
		}
	}
}

// take reads the message that has begun. It says whether the session is over.
//
//go:noinline
func (s *session) take(err error) (over bool) {
	if err == nil {
		var kind int
		var r io.Reader
		if kind, r, err = s.conn.NextReader(); err == nil {
			err = s.handleMessage(kind, r)
		}
	}
	if err == nil {
		return false
	}
	s.end(s.cause(err))
	s.hub.sessions.Done()
	return true
}

// handleMessage keeps the buffer for the time of one message only, so that an
// idle connection has none.
func (s *session) handleMessage(kind int, r io.Reader) error {
	buffer, _ := s.hub.buffers.read.Get().(*readBuffer)
	defer s.hub.buffers.read.Put(buffer)
	n, err := io.ReadFull(r, buffer[:])
	switch {
	case err == nil:
		return websocket.ErrReadLimit
	case !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF): // the end of the message
		return err
	}
	s.hub.count.in.Add(1)
	s.heard.Store(time.Now().UnixMilli())
	s.handling.Add(1)
	s.hub.desk <- task{session: s, text: kind == websocket.TextMessage, frame: buffer[:n]}
	s.handling.Wait()
	return nil
}

// act does what a frame asks and returns an error code or "".
func (s *session) act(f *clientFrame) ErrorCode {
	switch f.Type {
	case frameSubscribe:
		return s.subscribe(f)
	case frameUnsubscribe:
		return s.unsubscribe(f.Topic)
	case framePing:
		s.note(pongFrame())
		return ""
	case frameSeen:
		return s.seen(f)
	case frameAct:
		return s.acted(f)
	}
	return ErrorUnknownType
}

func (s *session) seen(f *clientFrame) ErrorCode {
	sent, ok := s.sent(f.Topic)
	switch {
	case !ok:
		return ErrorNotSubscribed
	case f.Seq <= 0 || f.Seq > sent: // nobody has seen what was not sent
		return ErrorBadFrame
	}
	if s.hub.observer != nil {
		s.hub.observer.Seen(f.Topic, f.Seq)
	}
	return ""
}

func (s *session) acted(f *clientFrame) ErrorCode {
	sent, ok := s.sent(f.Topic)
	switch {
	case !ok:
		return ErrorNotSubscribed
	case !s.hub.acts[f.Name]:
		return ErrorUnknownAct
	case f.Seq < 0 || f.Seq > sent || f.Value < 0:
		return ErrorBadFrame
	}
	if s.hub.observer != nil {
		s.hub.observer.Acted(f.Topic, Act{Name: f.Name, Seq: f.Seq, Value: f.Value})
	}
	return ""
}

func (s *session) sent(topic string) (seq int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.find(topic)
	if sub == nil {
		return 0, false
	}
	return sub.seq, true
}

// refuse answers with an error frame, and hangs up on a client that gets too
// many of them.
func (s *session) refuse(topic string, code ErrorCode) {
	s.hub.count.errs.Add(1)
	s.note(errorFrame(topic, code))
	if code.info().Strike {
		s.strikes++
	}
	if s.strikes >= maxStrikes {
		s.shut(CloseProtocol)
	}
}

func (s *session) pinged(payload string) error {
	s.heard.Store(time.Now().UnixMilli())
	if !s.bucket.take(time.Now()) {
		return errFlood
	}
	s.note(controlFrame(opPong, []byte(payload)))
	return nil
}

func (s *session) ponged(string) error {
	s.heard.Store(time.Now().UnixMilli())
	if !s.bucket.take(time.Now()) {
		return errFlood
	}
	return nil
}

// cause says which code the end of reading is closed with; 0 if the client or
// the network hung up. Gorilla has answered malformed frames itself.
func (s *session) cause(err error) CloseCode {
	var (
		closed  *websocket.CloseError
		network net.Error
	)
	switch {
	case errors.As(err, &closed), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return 0
	case errors.As(err, &network):
		if network.Timeout() && !s.subscribed {
			return CloseSubscribeTimeout
		}
		return 0
	case errors.Is(err, errFlood):
		return CloseProtocol
	case errors.Is(err, websocket.ErrReadLimit):
		return CloseTooBig
	}
	return CloseMalformed
}
