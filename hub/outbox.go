package hub

import (
	"errors"
	"os"
	"time"
)

// writeBatch is about how many bytes go out in one write: more would only make
// states wait in the kernel that newer ones could replace here.
const writeBatch = 16 << 10

// outbox is what waits to be written to one client. It is bounded without
// counting: each topic waits at most once, with its newest state.
type outbox struct {
	// first and last chain the subscriptions with a slot by their next, in the
	// order in which they became so.
	first, last *subscription
	notes       [][]byte // pings, pongs and errors, at most maxNotes
	final       []byte   // the close frame, after everything else
}

func (o *outbox) chain(sub *subscription) {
	if o.last == nil {
		o.first = sub
	} else {
		o.last.next = sub
	}
	o.last, sub.chained = sub, true
}

func (o *outbox) unchain() *subscription {
	sub := o.first
	o.first, sub.next, sub.chained = sub.next, nil, false
	if o.first == nil {
		o.last = nil
	}
	return sub
}

// take appends frames to b as the wire has them, about a batch, and returns how many.
func (o *outbox) take(b []byte, w wire, now time.Time) ([]byte, int) {
	n := len(o.notes)
	for _, note := range o.notes {
		b = append(b, note...)
	}
	o.notes = nil // an idle session holds no memory for writing
	for o.first != nil {
		if len(b) >= writeBatch {
			return b, n
		}
		if sub := o.unchain(); sub.slot != nil {
			b = w.state(b, sub.slot, sub.kind, now)
			sub.slot = nil
			n++
		}
	}
	if o.final != nil {
		b = append(b, o.final...)
		o.final = nil
		n++
	}
	return b, n
}

func (o *outbox) drop() {
	for o.first != nil {
		o.unchain().slot = nil
	}
	o.notes, o.final = nil, nil
}

// note queues a small frame. When too many wait already it is dropped, since a
// client that sends so much and reads nothing learns nothing from one more.
func (s *session) note(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing != 0 || len(s.out.notes) >= maxNotes {
		return
	}
	s.out.notes = append(s.out.notes, frame)
	s.startFlush()
}

// startFlush makes sure that a flusher runs. The session is locked.
func (s *session) startFlush() {
	if s.flushing || s.ended {
		return
	}
	s.flushing = true
	s.flushers.Add(1)
	go s.flush()
}

// flush writes until nothing waits. It is the only writer of the session while
// it runs (besides gorilla's answer to a close frame, which is one write).
func (s *session) flush() {
	defer s.flushers.Done()
	buffer := s.hub.buffers.write.Get().(*[]byte)
	defer s.hub.buffers.write.Put(buffer)
	for {
		b := s.takeBatch((*buffer)[:0])
		if len(b) == 0 {
			return
		}
		if cap(b) <= 2*writeBatch {
			*buffer = b
		}
		if _, err := s.raw.Write(b); err != nil {
			s.broken(err)
			return
		}
	}
}

// takeBatch returns the next bytes to write, or none and ends the flushing.
func (s *session) takeBatch(b []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, n := s.out.take(b, s.wire, time.Now())
	s.hub.count.out.Add(uint64(n))
	if n > 0 {
		timeout := s.hub.cfg.WriteTimeout
		if s.closing != 0 {
			timeout = min(timeout, closeTimeout)
		}
		s.writeWithin(timeout)
		return b
	}
	s.flushing = false
	if s.closing != 0 { // the last word is out: the reader need not wait long
		s.readWithin(s.wire.answers())
	}
	return nil
}

// broken ends a session whose socket takes no bytes. No close frame can follow
// what may be half a frame.
func (s *session) broken(err error) {
	s.mu.Lock()
	if s.closing == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		s.closing = CloseSlow
	}
	s.ended = true
	s.flushing = false
	s.out.drop()
	s.mu.Unlock()
	s.close()
}
