package hub

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// RefusalError is the answer to a request that does not become a WebSocket. It is
// an error, and serializes as an RFC 9457 problem.
type RefusalError struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	// RetryAfter is sent as a header of that name, in whole seconds; 0 for none.
	RetryAfter time.Duration `json:"-"`
}

func (r *RefusalError) Error() string { return fmt.Sprintf("hub: refused: %s: %s", r.Code, r.Detail) }

func refuse(status int, code, detail string, retry time.Duration) *RefusalError {
	return &RefusalError{Type: "urn:anxin:problem:" + code, Title: http.StatusText(status), Status: status, Code: code, Detail: detail, RetryAfter: retry}
}

// The refusals, in the order in which they are found.
var (
	errUpgrade  = refuse(http.StatusUpgradeRequired, "upgrade_required", "this resource speaks WebSocket only", 0)
	errProtocol = refuse(http.StatusBadRequest, "subprotocol", "the only subprotocol is "+Subprotocol, 0)
	errOrigin   = refuse(http.StatusForbidden, "origin", "the page's origin is not allowed to connect", 0)
	errDraining = refuse(http.StatusServiceUnavailable, "draining", "this node is going away; connect again", time.Second)
	errFull     = refuse(http.StatusServiceUnavailable, "connections", "this node has as many connections as it may", 5*time.Second)
	errToken    = refuse(http.StatusTooManyRequests, "connections_per_token", "as many watch with this token as may", 30*time.Second)
	errAddress  = refuse(http.StatusTooManyRequests, "connections_per_address", "this address has as many connections as it may", 30*time.Second)
)

// Write answers the request with the refusal.
func (r *RefusalError) Write(w http.ResponseWriter) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode refusal: %w", err)
	}
	maps.Copy(w.Header(), r.Header())
	w.WriteHeader(r.Status)
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("write refusal: %w", err)
	}
	return nil
}

// Header returns the header fields that belong to the refusal.
func (r *RefusalError) Header() http.Header {
	header := http.Header{"Content-Type": {"application/problem+json"}, "Cache-Control": {"no-store"}}
	if r.Status == http.StatusUpgradeRequired {
		header.Set("Upgrade", "websocket")
		header.Set("Connection", "Upgrade")
	}
	if r.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(r.RetryAfter.Seconds())))
	}
	return header
}

func newUpgrader() websocket.Upgrader {
	return websocket.Upgrader{
		// No HandshakeTimeout: a fresh socket takes the answer at once.
		// No ReadBufferSize: the session brings its own buffer.
		// The hub writes its own frames; with a pool gorilla keeps no buffer
		// for the rare close frame that it sends itself.
		WriteBufferSize: 256,
		WriteBufferPool: &sync.Pool{},
		Subprotocols:    []string{Subprotocol},
		// Check has looked at the origin already.
		CheckOrigin: func(*http.Request) bool { return true },
		Error:       func(http.ResponseWriter, *http.Request, int, error) {},
	}
}

// Check says whether Upgrade would refuse the request for what it asks, as
// opposed to the limits of the node. A server that has to decide before it
// gives the connection away calls it first.
func (h *Hub) Check(r *http.Request) *RefusalError {
	switch {
	case r.Method != http.MethodGet || !websocket.IsWebSocketUpgrade(r):
		return errUpgrade
	case !offersProtocol(r):
		return errProtocol
	case !h.allowsOrigin(r):
		return errOrigin
	}
	select {
	case <-h.quit:
		return errDraining
	default:
		return nil
	}
}

// offersProtocol lets in who asks for the hub's subprotocol or for none.
func offersProtocol(r *http.Request) bool {
	offered := websocket.Subprotocols(r)
	return len(offered) == 0 || slices.Contains(offered, Subprotocol)
}

// allowsOrigin protects users whose browser carries no token by itself from
// foreign pages all the same: a leaked token is of no use there. Native apps
// send no origin.
func (h *Hub) allowsOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(h.cfg.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// Upgrade turns the request into a WebSocket and returns while a goroutine of
// its own serves it, so that the caller's stack and buffers are free. The
// remote address of r counts against the limit per address. If it refuses it
// has answered w with a problem and returns a [*RefusalError].
func (h *Hub) Upgrade(w http.ResponseWriter, r *http.Request) error {
	if refusal := h.Check(r); refusal != nil {
		return answer(w, refusal)
	}
	if !h.admit() {
		return answer(w, errDraining)
	}
	from := addressOf(r.RemoteAddr)
	if refusal := h.door.enter(from); refusal != nil {
		h.sessions.Done()
		return answer(w, refusal)
	}
	s := newSession(h, from)
	scratch, _ := h.buffers.answer.Get().(*bufio.Writer)
	conn, err := h.upgrader.Upgrade(&upgrading{w, s, scratch}, r, nil)
	h.buffers.answer.Put(scratch)
	if err != nil {
		h.door.leave(from)
		h.sessions.Done()
		return h.failed(w, err)
	}
	s.attach(conn)
	if c, ok := s.raw.(interface{ SetWriteBuffer(int) error }); ok {
		if err := c.SetWriteBuffer(socketBuffer); err != nil {
			h.log.WithError(err).Debug("hub: set socket buffer")
		}
	}
	h.serve(s)
	return nil
}

func (h *Hub) serve(s *session) {
	h.wheel.add(s)
	select {
	case <-h.quit: // too late to be told by whoever closed quit
		s.shut(CloseRestart)
	default:
	}
	s.mu.Lock()
	if s.closing == 0 {
		s.readWithin(h.cfg.SubscribeWithin)
	}
	s.mu.Unlock()
	go s.read()
}

func answer(w http.ResponseWriter, refusal *RefusalError) error {
	if err := refusal.Write(w); err != nil {
		return err
	}
	return refusal
}

// failed answers what only gorilla finds: a wrong version or key. After the
// hijack nothing can be answered any more.
func (h *Hub) failed(w http.ResponseWriter, err error) error {
	if bad, ok := errors.AsType[websocket.HandshakeError](err); ok {
		return answer(w, refuse(http.StatusBadRequest, "handshake", bad.Error(), 0))
	}
	return fmt.Errorf("hub: upgrade: %w", err)
}
