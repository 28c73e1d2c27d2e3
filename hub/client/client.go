package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// ErrPermanent marks the end of Run that reconnecting would not cure: the
// server refused the handshake, or closed with a code that says so.
var ErrPermanent = errors.New("client: refused for good")

const (
	// dialTimeout bounds connecting and the handshake.
	dialTimeout = 10 * time.Second
	// writeTimeout bounds one frame.
	writeTimeout = 10 * time.Second
	// silence is how long a server that pings every 25 s may be silent.
	silence = 65 * time.Second
	// maxFrame protects from a server that is none, in bytes.
	maxFrame = 1 << 20
)

// Types of the frames that a handler gets.
const (
	Snapshot = "snapshot" // the whole state, at the start or after a loss
	Update   = "update"   // the whole state, with the event that led to it
	Current  = "current"  // the state that the handler had is still the newest
	Error    = "error"    // the topic is refused, and forgotten by the client
)

// Frame is what the server says about a topic.
type Frame struct {
	Type  string          `json:"type"`
	Topic string          `json:"topic"`
	Seq   int64           `json:"seq"`
	Now   time.Time       `json:"now"` // the server's clock
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
	// Code and Message come with an Error.
	Code    string `json:"code"`
	Message string `json:"message"`
	AfterMS int64  `json:"after_ms"`
}

// Config says where to connect and what to do with frames.
type Config struct {
	// URL is ws:// or wss://, with the path of the live resource.
	URL string
	// Token returns the token for a topic. It is called for each subscription
	// on each connection, so that it can hand out fresh ones. Nil means that
	// the topics need none.
	Token func(ctx context.Context, topic string) (string, error)
	// Handle gets the frames, one at a time, in order. While it works the
	// connection is not read; the server then gives only the newest states.
	Handle func(Frame)
	// Disconnected, if set, is told why a connection ended or could not be made
	// and when the next attempt follows.
	Disconnected func(err error, next time.Duration)
	// Header is sent with the handshake.
	Header http.Header
	// Dialer is for proxies and TLS settings; nil means the usual.
	Dialer *websocket.Dialer
}

// Client watches topics over one connection. Make it with [New].
type Client struct {
	cfg  Config
	wake chan struct{}

	mu     sync.Mutex // guards topics
	topics map[string]*topic
}

// topic is what the client knows of a wished topic.
type topic struct {
	seq int64 // newest state that the handler has
	// asked says that this connection has asked for it.
	asked bool
	// retryAt is when to ask again after an error that passes.
	retryAt time.Time
	backoff backoff
	// leave says that the topic is to be left.
	leave bool
}

// New checks the settings. It connects to nothing.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("client: url: %w", err)
	}
	if u.Scheme != "ws" && u.Scheme != "wss" {
		return nil, fmt.Errorf("client: url: scheme %q is not ws or wss", u.Scheme)
	}
	if cfg.Handle == nil {
		return nil, errors.New("client: no handler")
	}
	if cfg.Token == nil {
		cfg.Token = func(context.Context, string) (string, error) { return "", nil }
	}
	if cfg.Disconnected == nil {
		cfg.Disconnected = func(error, time.Duration) {}
	}
	if cfg.Dialer == nil {
		cfg.Dialer = &websocket.Dialer{Proxy: http.ProxyFromEnvironment}
	}
	dialer := *cfg.Dialer
	dialer.Subprotocols = []string{subprotocol}
	cfg.Dialer = &dialer
	return &Client{cfg: cfg, wake: make(chan struct{}, 1), topics: make(map[string]*topic)}, nil
}

// Subscribe wishes a topic, before or during Run.
func (c *Client) Subscribe(name string) { c.SubscribeAfter(name, 0) }

// SubscribeAfter is Subscribe for a program that already has the state seq.
func (c *Client) SubscribeAfter(name string, seq int64) {
	c.mu.Lock()
	if t := c.topics[name]; t == nil || t.leave {
		c.topics[name] = &topic{seq: seq}
	}
	c.mu.Unlock()
	c.signal()
}

// Unsubscribe ends a wish. A frame that is on its way may still be handled.
func (c *Client) Unsubscribe(name string) {
	c.mu.Lock()
	if t := c.topics[name]; t != nil {
		t.leave = true
	}
	c.mu.Unlock()
	c.signal()
}

func (c *Client) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run connects, and connects again, until ctx ends, which it reports as
// ctx.Err(), or until the server refuses for good: [ErrPermanent].
func (c *Client) Run(ctx context.Context) error {
	var wait backoff
	for {
		out := c.connect(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if out.permanent {
			return fmt.Errorf("%w: %w", ErrPermanent, out.err)
		}
		if out.served {
			wait.reset()
		}
		delay := max(wait.next(), out.notBefore)
		if out.spread { // the server has chosen the time already
			delay = 0
		}
		c.cfg.Disconnected(out.err, delay)
		if !pause(ctx, delay) {
			return ctx.Err()
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
