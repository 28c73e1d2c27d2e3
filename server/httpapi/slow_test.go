package httpapi_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestSlowHandshakesHarmNobodyElse opens connections that never finish their request,
// byte by byte and not at all, and holds that others are served meanwhile and that the
// server hangs up on them by itself.
func TestSlowHandshakesHarmNobodyElse(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, schemas := loadAsyncAPI(t)
	const slow = 300
	var conns []net.Conn
	for i := range slow {
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.base, "http://"))
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		if i%2 == 0 {
			_, err = io.WriteString(conn, "GET /v1/live HTTP/1.1\r\nHost: slow\r\nConnection: Upg")
			must(t, err)
		}
		conns = append(conns, conn)
	}
	token := w.register(registration("A1")).ViewToken
	l := w.live(schemas)
	l.send(object{"type": "subscribe", "topic": "order:A1", "token": token})
	l.next("snapshot")
	w.want(http.StatusOK, "POST", "/v1/orders/A1/claim", nil, bearer(token))
	l.next("update")
	if got := w.hub.Stats().Connections; got != 1 {
		t.Errorf("the hub counts %d connections", got)
	}
	for _, conn := range conns[:2] {
		_, _ = io.WriteString(conn, "r") // one more byte buys no time
		must(t, conn.SetReadDeadline(time.Now().Add(2*patience)))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a connection without a request is still open")
		}
	}
}
