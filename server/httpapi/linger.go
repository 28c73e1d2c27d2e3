package httpapi

import (
	"io"
	"net"
	"time"
)

// Limits of what is still read of a body that is refused. Together they bound what a
// client can make of it: two seconds of one connection.
const (
	lingerBytes = 16 << 20
	lingerPause = 200 * time.Millisecond // without a byte: the client has sent all, or is away
	lingerWhole = 2 * time.Second
)

// linger reads on while a client is sending a body that nobody wants. A connection that
// is closed with bytes unread is reset, and the client would see that instead of the
// answer which says why.
func linger(conn net.Conn) {
	end := time.Now().Add(lingerWhole)
	_, _ = io.CopyN(io.Discard, patientReader{conn, end}, lingerBytes) // its end is all that matters
}

// patientReader gives up after a pause, and at its end.
type patientReader struct {
	conn net.Conn
	end  time.Time
}

func (r patientReader) Read(p []byte) (int, error) {
	deadline := time.Now().Add(lingerPause)
	if deadline.After(r.end) {
		deadline = r.end
	}
	if err := r.conn.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	return r.conn.Read(p)
}
