package hub

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"
)

const (
	// quickBatches is how many batches a publisher writes to one client before it
	// leaves the rest to a goroutine: others may go on publishing meanwhile.
	quickBatches = 4
	// crowd is from how many clients on a publisher leaves the writing to others.
	// Each write costs it some ten microseconds.
	crowd = 16
)

// claim says whether the caller has to flush the session: something waits, and nobody
// writes. The session is locked.
func (s *session) claim() bool {
	if s.flushing || s.ended || s.out.empty() {
		return false
	}
	s.flushing = true
	s.flushers.Add(1)
	return true
}

// note queues a small frame. When too many wait already it is dropped, since a
// client that sends so much and reads nothing learns nothing from one more.
func (s *session) note(frame []byte) {
	s.mu.Lock()
	if s.closing == 0 && len(s.out.notes) < maxNotes {
		s.out.notes = append(s.out.notes, frame)
	}
	claimed := s.claim()
	s.mu.Unlock()
	if claimed {
		s.flush()
	}
}

// flushAll flushes sessions that were claimed.
func flushAll(claimed []*session) {
	if len(claimed) < crowd {
		for _, s := range claimed {
			s.flush()
		}
		return
	}
	share := (len(claimed) + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	for part := range slices.Chunk(claimed, share) {
		go func() { // each session waits for it before it ends
			for _, s := range part {
				s.flush()
			}
		}()
	}
}

// attempt is one write that does not wait, with its buffer.
type attempt struct {
	buffer []byte // lent to one batch after the other
	bytes  []byte // to be written
	n      int    // written
	err    error
	once   func(fd uintptr) bool // bound once, since each binding would allocate
}

func newAttempt() any {
	a := &attempt{}
	a.once = a.writeOnce
	return a
}

// flush writes what waits for a session that the caller has claimed, as far as the
// socket takes it at once: nearly always that is all, and neither a goroutine nor a
// deadline is needed. What it does not take is left to a goroutine.
func (s *session) flush() {
	a, _ := s.hub.buffers.write.Get().(*attempt)
	defer s.hub.buffers.write.Put(a)
	for range quickBatches {
		a.bytes = s.takeBatch(a.buffer[:0])
		if len(a.bytes) == 0 {
			s.flushers.Done()
			return
		}
		if cap(a.bytes) <= 2*writeBatch {
			a.buffer = a.bytes
		}
		if err := s.tryWrite(a); err != nil {
			s.broken(err)
			s.flushers.Done()
			return
		}
		if a.n < len(a.bytes) {
			s.leaveRest(slices.Clone(a.bytes[a.n:]))
			return
		}
	}
	s.leaveRest(nil)
}

// tryWrite writes what the socket takes without waiting.
func (s *session) tryWrite(a *attempt) error {
	a.n, a.err = 0, nil
	if s.sys == nil { // no socket of the system: a pipe, or TLS
		return nil
	}
	if err := s.sys.Write(a.once); err != nil {
		return err
	}
	return a.err
}

// leaveRest has a goroutine of its own write the rest of a batch and what else waits.
func (s *session) leaveRest(rest []byte) {
	s.mu.Lock()
	s.waits = true
	s.mu.Unlock()
	go s.flushSlowly(rest)
}

// flushSlowly writes until nothing waits, at the pace of the client.
func (s *session) flushSlowly(b []byte) {
	defer s.flushers.Done()
	for {
		if len(b) > 0 {
			if err := s.writePatiently(b); err != nil {
				s.broken(err)
				return
			}
		}
		if b = s.takeBatch(b[:0]); len(b) == 0 {
			return
		}
	}
}

// writePatiently waits for the client up to the limit. It leaves no deadline behind,
// which would refuse later attempts.
func (s *session) writePatiently(b []byte) error {
	s.mu.Lock()
	timeout := s.hub.cfg.WriteTimeout
	if s.closing != 0 {
		timeout = min(timeout, closeTimeout)
	}
	s.writeWithin(timeout)
	s.mu.Unlock()
	if _, err := s.raw.Write(b); err != nil {
		return err
	}
	return s.raw.SetWriteDeadline(time.Time{})
}

// takeBatch returns the next bytes to write, or none and ends the flushing.
func (s *session) takeBatch(b []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.out.empty() {
		var n int
		b, n = s.out.take(b, s.wire, time.Now(), &s.hub.count.waited)
		s.hub.count.out.Add(uint64(n))
		if len(b) > 0 {
			return b
		}
	}
	s.flushing, s.waits = false, false
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
	s.flushing, s.waits = false, false
	s.out.drop()
	s.mu.Unlock()
	s.close()
}

// system returns what writes to a socket of the system without waiting, or nil.
func system(conn any) syscall.RawConn {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
