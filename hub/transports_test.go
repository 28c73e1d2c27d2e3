package hub_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/gorilla/websocket"

	"anxin/hub"
	"anxin/hub/client"
)

// transport follows topics until ctx ends, connecting again and resuming whenever it is
// cut off, and hands on every frame of a state.
type transport interface {
	run(ctx context.Context, n *node, topics []string, handle func(client.Frame)) error
	cut()
}

// transports are one of each kind.
var transports = map[string]func() transport{
	"WebSocket": func() transport { return &socketTransport{} },
	"events":    func() transport { return &eventTransport{cuts: newCuts()} },
	"long poll": func() transport { return &pollTransport{cuts: newCuts()} },
}

// socketTransport is the project's own client.
type socketTransport struct {
	mu   sync.Mutex // guards conn
	conn net.Conn
}

func (s *socketTransport) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
	return conn, err
}

func (s *socketTransport) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		_ = s.conn.Close()
	}
}

func (s *socketTransport) run(ctx context.Context, n *node, topics []string, handle func(client.Frame)) error {
	c, err := client.New(client.Config{
		URL:    n.url,
		Token:  func(context.Context, string) (string, error) { return "good", nil },
		Handle: handle,
		Dialer: &websocket.Dialer{NetDialContext: s.dial},
	})
	if err != nil {
		return err
	}
	for _, topic := range topics {
		c.Subscribe(topic)
	}
	return c.Run(ctx)
}

// cuts ends what runs at the moment, and nothing that begins later.
type cuts struct {
	mu   sync.Mutex // guards now
	now  map[int]context.CancelFunc
	next int
}

func newCuts() *cuts { return &cuts{now: map[int]context.CancelFunc{}} }

func (c *cuts) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cancel := range c.now {
		cancel()
	}
}

// until returns a context that a cut ends, and what to call when it is no longer needed.
func (c *cuts) until(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	id := c.next
	c.now[id] = cancel
	return ctx, func() {
		cancel()
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.now, id)
	}
}

// each follows every topic by itself and returns when all have ended.
func (c *cuts) each(ctx context.Context, topics []string, follow func(ctx context.Context, topic string, after *int64) error) error {
	failed := make(chan error, len(topics))
	for _, topic := range topics {
		go func() {
			after := int64(-1)
			for ctx.Err() == nil {
				once, done := c.until(ctx)
				err := follow(once, topic, &after)
				cut := once.Err() != nil
				done()
				if err != nil && !cut {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	var errs []error
	for range topics {
		errs = append(errs, <-failed)
	}
	return errors.Join(errs...)
}

// eventTransport reads server-sent events as a browser does.
type eventTransport struct{ *cuts }

func (e *eventTransport) run(ctx context.Context, n *node, topics []string, handle func(client.Frame)) error {
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return e.each(ctx, topics, func(ctx context.Context, topic string, after *int64) error {
		address := fmt.Sprintf("http%s/stream?topic=%s&after=%d", strings.TrimPrefix(n.url, "ws"), url.QueryEscape(topic), *after)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		response, err := web.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var f client.Frame
				if err := json.Unmarshal([]byte(data), &f); err != nil {
					return err
				}
				*after = f.Seq
				handle(f)
			}
		}
		return nil
	})
}

// pollTransport asks again and again for what is not the state that it has.
type pollTransport struct{ *cuts }

func (p *pollTransport) run(ctx context.Context, n *node, topics []string, handle func(client.Frame)) error {
	return p.each(ctx, topics, func(ctx context.Context, topic string, after *int64) error {
		m, err := n.Wait(ctx, hub.Visit{Topic: topic, After: *after})
		if err != nil {
			return err
		}
		*after = m.Seq
		handle(client.Frame{Type: client.Update, Topic: topic, Seq: m.Seq, Data: m.Data})
		return nil
	})
}
