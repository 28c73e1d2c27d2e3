package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"anxin/hub"
)

const subprotocol = hub.Subprotocol

// outcome is how a connection ended and what that means for the next one.
type outcome struct {
	err       error
	served    bool // at least one state came
	permanent bool
	// spread says that the server told this client when to come back.
	spread    bool
	notBefore time.Duration
}

// connection is one WebSocket. The reading goroutine calls the handler; another
// one writes.
type connection struct {
	client *Client
	conn   *websocket.Conn

	// These belong to the reading goroutine.
	served bool
	hinted bool
}

func (c *Client) connect(ctx context.Context) outcome {
	dialCtx, cancel := context.WithTimeout(ctx, dialTimeout)
	conn, response, err := c.cfg.Dialer.DialContext(dialCtx, c.cfg.URL, c.cfg.Header)
	cancel()
	if err != nil {
		return refused(response, err)
	}
	ctx, stop := context.WithCancel(ctx)
	unhook := context.AfterFunc(ctx, func() { closeConn(conn) })
	c.forgetAsked()
	cn := &connection{client: c, conn: conn}
	var writer sync.WaitGroup
	writer.Go(func() {
		if err := cn.write(ctx); err != nil {
			stop() // which closes the socket and so ends the reading
		}
	})
	err = cn.read()
	stop()
	writer.Wait()
	if unhook() {
		closeConn(conn)
	}
	return cn.outcome(err)
}

// closeConn may come second; a socket has no other reason to refuse.
func closeConn(conn *websocket.Conn) { _ = conn.Close() }

// refused judges a handshake that failed: 4xx will fail again, except for those
// that ask for patience.
func refused(response *http.Response, err error) outcome {
	if response == nil {
		return outcome{err: err}
	}
	const enough = 512
	body, _ := io.ReadAll(io.LimitReader(response.Body, enough)) // only for the message
	_ = response.Body.Close()
	out := outcome{err: fmt.Errorf("%w: %s: %s", err, response.Status, body)}
	status := response.StatusCode
	out.permanent = status >= 400 && status < 500 &&
		status != http.StatusTooManyRequests && status != http.StatusRequestTimeout
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		out.notBefore = min(time.Duration(seconds)*time.Second, longDelay)
	}
	return out
}

// outcome judges the end of a connection by the server's own table of codes.
func (cn *connection) outcome(err error) outcome {
	out := outcome{err: err, served: cn.served, spread: cn.hinted}
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		for _, info := range hub.CloseCodes() {
			if int(info.Code) == closed.Code {
				out.permanent = !info.Reconnect
			}
		}
	}
	return out
}

func (cn *connection) read() error {
	cn.alive()
	cn.conn.SetReadLimit(maxFrame)
	pinged := cn.conn.PingHandler()
	cn.conn.SetPingHandler(func(data string) error {
		cn.alive()
		return pinged(data)
	})
	for {
		var f Frame
		kind, r, err := cn.conn.NextReader()
		if err != nil {
			return fmt.Errorf("client: read: %w", err)
		}
		if kind != websocket.TextMessage {
			continue
		}
		if err := json.NewDecoder(r).Decode(&f); err != nil {
			return fmt.Errorf("client: decode frame: %w", err)
		}
		cn.alive()
		cn.take(f)
	}
}

func (cn *connection) alive() { cn.readUntil(time.Now().Add(silence)) }

// readUntil moves the deadline, but not beyond the time of a reconnect frame.
func (cn *connection) readUntil(t time.Time) {
	if !cn.hinted {
		_ = cn.conn.SetReadDeadline(t) // fails only on a closed socket
	}
}

// take handles a frame. Unknown types are skipped: a newer server may send them.
func (cn *connection) take(f Frame) {
	switch f.Type {
	case Snapshot, Update, Current:
		cn.served = true
		if cn.client.advance(f) {
			cn.client.cfg.Handle(f)
		}
	case Error:
		if cn.client.failed(f) {
			cn.client.cfg.Handle(f)
		}
	case "reconnect":
		cn.readUntil(time.Now().Add(time.Duration(f.AfterMS) * time.Millisecond))
		cn.hinted = true
	}
}

// advance notes a state and says whether it is news for the handler.
func (c *Client) advance(f Frame) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.topics[f.Topic]
	if t == nil || t.leave || f.Seq < t.seq {
		return false
	}
	t.backoff.reset()
	if f.Seq == t.seq && f.Type != Current {
		return false
	}
	t.seq = f.Seq
	return true
}

// failed notes an error frame and says whether it is final for its topic. One
// that passes is asked for again later.
func (c *Client) failed(f Frame) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.topics[f.Topic]
	if t == nil || t.leave {
		return f.Topic == "" // about no topic: the handler may log it
	}
	if hub.ErrorCode(f.Code) == hub.ErrorTokenExpired || passes(f.Code) {
		t.asked, t.retryAt = false, time.Now().Add(t.backoff.next())
		c.signal()
		return false
	}
	delete(c.topics, f.Topic)
	return true
}

func passes(code string) bool {
	for _, info := range hub.ErrorCodes() {
		if string(info.Code) == code {
			return info.Retry
		}
	}
	return false
}

// forgetAsked prepares for a new connection, which has no subscriptions.
func (c *Client) forgetAsked() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, t := range c.topics {
		if t.leave {
			delete(c.topics, name)
		}
		t.asked = false
	}
	c.signal()
}
