package client

import (
	"context"
	"fmt"
	"time"
)

// request is a frame of the client.
type request struct {
	Type  string `json:"type"`
	Topic string `json:"topic"`
	Token string `json:"token,omitempty"`
	After int64  `json:"after,omitempty"`
}

// write keeps the server's subscriptions equal to the wishes.
func (cn *connection) write(ctx context.Context) error {
	timer := time.NewTimer(silence)
	defer timer.Stop()
	for {
		requests, next := cn.client.due(time.Now())
		for _, r := range requests {
			if err := cn.send(ctx, r); err != nil {
				return err
			}
		}
		timer.Reset(next)
		select {
		case <-ctx.Done():
			return nil
		case <-cn.client.wake:
		case <-timer.C:
		}
	}
}

// due returns what to ask now and how long nothing more is due.
func (c *Client) due(now time.Time) (requests []request, next time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next = silence
	for name, t := range c.topics {
		switch {
		case t.leave:
			delete(c.topics, name)
			if t.asked {
				requests = append(requests, request{Type: "unsubscribe", Topic: name})
			}
		case t.asked:
		case t.retryAt.After(now):
			next = min(next, t.retryAt.Sub(now))
		default:
			t.asked = true
			requests = append(requests, request{Type: "subscribe", Topic: name, After: t.seq})
		}
	}
	return requests, next
}

func (cn *connection) send(ctx context.Context, r request) error {
	if r.Type == "subscribe" && !cn.authorize(ctx, &r) {
		return nil // the other topics need not suffer
	}
	if err := cn.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("client: write: %w", err)
	}
	if err := cn.conn.WriteJSON(r); err != nil {
		return fmt.Errorf("client: write: %w", err)
	}
	return nil
}

// authorize adds the token, or has it asked for again later.
func (cn *connection) authorize(ctx context.Context, r *request) bool {
	token, err := cn.client.cfg.Token(ctx, r.Topic)
	if err != nil {
		cn.client.later(r.Topic)
	}
	r.Token = token
	return err == nil
}

// later asks for a topic again whose token could not be had.
func (c *Client) later(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.topics[name]; t != nil {
		t.asked, t.retryAt = false, time.Now().Add(t.backoff.next())
		c.signal()
	}
}
