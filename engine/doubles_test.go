package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
)

// scripted is a channel.Channel that does what a test tells it. Unset functions are a
// channel that knows of no payment.
type scripted struct {
	mu      sync.Mutex
	policy  channel.Policy
	onQuery func(n int, q channel.Query) (order.Evidence, error) // n counts from 1, per order
	onClose func(q channel.Query) error
	latency time.Duration
	asked   map[string][]time.Time
	closed  []string
	trusts  bool // forged callbacks verify: the right key was configured at last
}

func newScripted() *scripted {
	return &scripted{policy: channel.Policy{Merchant: merchant}, asked: make(map[string][]time.Time)}
}

// note is the scripted channel's callback format.
type note struct {
	OrderNo  string         `json:"order_no"`
	Key      string         `json:"key"`
	Forged   bool           `json:"forged,omitempty"`
	Stale    bool           `json:"stale,omitempty"`
	Panics   bool           `json:"panics,omitempty"` // the adapter does
	Evidence order.Evidence `json:"evidence"`
}

func (s *scripted) Verify(_ context.Context, r channel.Request) ([]channel.Notification, error) {
	var notes []note
	if err := json.Unmarshal(r.Body, &notes); err != nil {
		return nil, channel.ErrMalformed
	}
	list := make([]channel.Notification, 0, len(notes))
	for _, n := range notes {
		switch {
		case n.Panics:
			panic("bytes that this adapter cannot bear")
		case n.Forged && !s.trusting():
			return nil, &channel.CallbackError{OrderNo: n.OrderNo, Err: channel.ErrSignature}
		case n.Stale && !r.AnyAge:
			return nil, &channel.CallbackError{OrderNo: n.OrderNo, Err: channel.ErrStale}
		}
		n.Evidence.Source = order.FromCallback
		list = append(list, channel.Notification{OrderNo: n.OrderNo, DedupeKey: n.Key, Evidence: n.Evidence})
	}
	return list, nil
}

func (s *scripted) trusting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trusts
}

func (s *scripted) trust() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trusts = true
}

func (s *scripted) Acknowledge(err error) channel.Answer {
	switch {
	case err == nil:
		return channel.Answer{Status: 200, Body: []byte("ok")}
	case errors.Is(err, channel.ErrStore):
		return channel.Answer{Status: 503}
	}
	return channel.Answer{Status: 400}
}

func (s *scripted) Query(ctx context.Context, q channel.Query) (order.Evidence, error) {
	s.mu.Lock()
	s.asked[q.OrderNo] = append(s.asked[q.OrderNo], time.Now())
	n, answer, latency := len(s.asked[q.OrderNo]), s.onQuery, s.latency
	s.mu.Unlock()
	if latency > 0 {
		select {
		case <-time.After(latency):
		case <-ctx.Done():
			return order.Evidence{}, &channel.QueryError{Outcome: order.QueryUnreachable, Code: "timeout", Err: ctx.Err()}
		}
	}
	if answer == nil {
		return order.Evidence{}, notFound()
	}
	return answer(n, q)
}

func (s *scripted) Close(_ context.Context, q channel.Query) error {
	s.mu.Lock()
	s.closed = append(s.closed, q.OrderNo)
	f := s.onClose
	s.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(q)
}

func (s *scripted) Policy() channel.Policy { return s.policy }

// answers sets what queries are told from now on.
func (s *scripted) answers(f func(n int, q channel.Query) (order.Evidence, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onQuery = f
}

func (s *scripted) times(orderNo string) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked[orderNo])
}

func (s *scripted) closes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.closed)
}

func alreadyPaid(channel.Query) error { return channel.ErrAlreadyPaid }

func notFound() error {
	return &channel.QueryError{Outcome: order.QueryUnknown, Code: "not_found"}
}

func unreachable() error {
	return &channel.QueryError{Outcome: order.QueryUnreachable, Code: "http_503"}
}

func claims(c order.Claimed) order.Evidence {
	amount := price
	return order.Evidence{Claims: c, Amount: &amount, Merchant: merchant, ChannelTxn: "txn-1"}
}

// saying is a channel that answers every query the same way.
func saying(c order.Claimed) func(int, channel.Query) (order.Evidence, error) {
	return func(int, channel.Query) (order.Evidence, error) { return claims(c), nil }
}

// failing is a channel whose every query fails.
func failing(err error) func(int, channel.Query) (order.Evidence, error) {
	return func(int, channel.Query) (order.Evidence, error) { return order.Evidence{}, err }
}

// backend is an engine.Sender that keeps what it was sent.
type backend struct {
	mu       sync.Mutex
	onSend   func(n int, w engine.Webhook) error // n counts from 1, over all
	latency  time.Duration
	sent     []sending
	accepted []engine.Webhook
}

type sending struct {
	engine.Webhook
	at time.Time
}

func (b *backend) Send(ctx context.Context, _ string, w engine.Webhook) (engine.Reply, error) {
	b.mu.Lock()
	b.sent = append(b.sent, sending{w, time.Now()})
	n, f, latency := len(b.sent), b.onSend, b.latency
	b.mu.Unlock()
	if latency > 0 {
		select {
		case <-time.After(latency):
		case <-ctx.Done():
			return engine.Reply{}, &engine.DeliveryError{Code: "timeout", Err: ctx.Err()}
		}
	}
	if f != nil {
		if err := f(n, w); err != nil {
			return engine.Reply{Body: "no"}, err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.accepted = append(b.accepted, w)
	return engine.Reply{Status: 200, Body: "ok"}, nil
}

func (b *backend) does(f func(n int, w engine.Webhook) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onSend = f
}

func (b *backend) sendings() []sending {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.sent)
}

// types names the accepted webhooks of an order, repeats of one id dropped as a
// backend would.
func (b *backend) types(orderNo string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var types []string
	seen := make(map[string]bool)
	for _, w := range b.accepted {
		if w.OrderNo == orderNo && !seen[w.ID] {
			seen[w.ID] = true
			types = append(types, w.Type)
		}
	}
	return types
}

func refusing(code string) error { return &engine.DeliveryError{Code: code} }

// listener keeps what the engine published.
type listener struct {
	mu   sync.Mutex
	told map[string][]order.Progress
}

func (l *listener) Committed(o order.Order, _ []order.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told[o.OrderNo] = append(l.told[o.OrderNo], o.Progress())
}
