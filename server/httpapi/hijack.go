package httpapi

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
)

// hijackWriter is a response writer over a socket on which nothing was answered
// yet: it is hijacked by the upgrade, or carries one short refusal.
type hijackWriter struct {
	conn     net.Conn
	lent     *lentConn // in place of conn: to be taken by Hijack
	header   http.Header
	status   int
	body     strings.Builder
	hijacked bool
	nothing  bufio.ReadWriter // has neither buffers nor bytes
	reader   bufio.Reader
	writer   bufio.Writer
}

var (
	_ http.ResponseWriter = (*hijackWriter)(nil)
	_ http.Hijacker       = (*hijackWriter)(nil)
)

// newHijackWriter takes a hijacked connection over. fasthttp's wrapper of it gives out the
// one that was accepted, and that one the socket itself.
func newHijackWriter(conn net.Conn, header http.Header) *hijackWriter {
	if wrapper, ok := conn.(interface{ UnsafeConn() net.Conn }); ok {
		conn = wrapper.UnsafeConn()
	}
	if lent, ok := conn.(*lentConn); ok {
		conn = lent.take()
	}
	return &hijackWriter{conn: conn, header: header}
}

func (w *hijackWriter) Header() http.Header {
	if w.header == nil { // an upgrade needs none
		w.header = make(http.Header)
	}
	return w.header
}

func (w *hijackWriter) WriteHeader(status int)      { w.status = status }
func (w *hijackWriter) Write(b []byte) (int, error) { return w.body.Write(b) }

// Hijack returns buffers that hold nothing: the hub has its own.
func (w *hijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.hijacked {
		return nil, nil, errors.New("connection is hijacked already")
	}
	w.hijacked = true
	if w.lent != nil {
		w.conn = w.lent.take()
	}
	w.nothing = bufio.ReadWriter{Reader: &w.reader, Writer: &w.writer}
	return w.conn, &w.nothing, nil
}

// finish sends the refusal and closes. Whether the client still reads it is
// its own affair, so errors end here.
func (w *hijackWriter) finish() {
	if w.hijacked {
		return
	}
	body := w.body.String()
	response := &http.Response{
		StatusCode: w.status, ProtoMajor: 1, ProtoMinor: 1, Header: w.header, Close: true,
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}
	_ = response.Write(w.conn)
	_ = w.conn.Close()
}
