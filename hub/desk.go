package hub

import "time"

const (
	// deskClerks is how many frames of clients are handled at a time, of all
	// connections together. It bounds what a flood of subscribes asks of the Source.
	deskClerks = 16
	// deskQueue is how many more frames wait without the goroutine of their
	// connection having to wait for a place.
	deskQueue = 256
)

// task is one frame of a client. Who read it waits until it is handled, so that the
// frames of one connection are handled in their order.
type task struct {
	session *session
	text    bool
	frame   []byte
}

// serveDesk handles frames until the desk is closed. Handling one takes a deep stack,
// down to the database. On these few goroutines it is grown once; on those that read it
// would be grown for every connection, and stay.
func (h *Hub) serveDesk() {
	for t := range h.desk {
		t.session.handle(t.text, t.frame)
		t.session.handling.Done()
	}
}

func (s *session) handle(text bool, frame []byte) {
	f, code := parseFrame(text, frame)
	if !s.bucket.take(time.Now()) {
		code = ErrorRateLimited
	}
	if code == "" {
		code = s.act(f)
	}
	if code != "" {
		s.refuse(f.Topic, code)
	}
}
