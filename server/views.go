package main

import (
	"context"
	"runtime"
	"sync"

	"anxin/engine/order"
	"anxin/hub"
)

const (
	// viewReads is how many reads of the store are in progress at a time: while one waits
	// for the disk another goes on, and what arrives meanwhile makes the next one larger.
	viewReads = 2
	// viewBatch is the most orders of one read, as many as the store asks for at once.
	viewBatch = 256
)

// orderViews is what views read of the engine.
type orderViews interface {
	Views(ctx context.Context, orderNos []string, each func(*order.Order) error) error
}

// views reads the states of orders as their watchers see them. Those that are asked for at
// the same time are read in one statement and encoded once, since after a restart everybody
// asks at once. Who is alone waits for nobody.
type views struct {
	orders orderViews
	encode func(*order.Order) (hub.Message, error)
	slots  chan struct{} // one for each read in progress

	mu   sync.Mutex // guards next and what it wants
	next *viewing   // still open for others; nil for none
}

// viewing is one read for all who asked before it began.
type viewing struct {
	orderNos []string
	done     chan struct{} // closed when what follows is set
	found    map[string]hub.Message
	err      error
}

func newViews(orders orderViews, encode func(*order.Order) (hub.Message, error)) *views {
	return &views{orders: orders, encode: encode, slots: make(chan struct{}, viewReads)}
}

// snapshot reads an order as of the call or later, or returns hub.ErrNoTopic.
func (v *views) snapshot(ctx context.Context, orderNo string) (hub.Message, error) {
	b, first := v.join(orderNo)
	if first {
		v.lead(b) // whatever becomes of ctx: others wait for it
	}
	select {
	case <-b.done:
	case <-ctx.Done():
		return hub.Message{}, ctx.Err()
	}
	if b.err != nil && len(b.orderNos) > 1 { // one order that cannot be read must not hide the others
		b = &viewing{orderNos: []string{orderNo}}
		v.read(b)
	}
	if b.err != nil {
		return hub.Message{}, b.err
	}
	m, ok := b.found[orderNo]
	if !ok {
		return hub.Message{}, hub.ErrNoTopic
	}
	return m, nil
}

// join adds an order to the next read. Who is the first of it has to lead it.
func (v *views) join(orderNo string) (b *viewing, first bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if b = v.next; b != nil && len(b.orderNos) < viewBatch {
		b.orderNos = append(b.orderNos, orderNo)
		return b, false
	}
	b = &viewing{orderNos: []string{orderNo}, done: make(chan struct{})}
	v.next = b
	return b, true
}

// lead does a read when it may. Whoever can run now comes first, and may want to join it.
func (v *views) lead(b *viewing) {
	v.slots <- struct{}{}
	runtime.Gosched()
	v.mu.Lock()
	if v.next == b {
		v.next = nil
	}
	v.mu.Unlock()
	v.read(b)
	close(b.done)
	<-v.slots
}

func (v *views) read(b *viewing) {
	b.found = make(map[string]hub.Message, len(b.orderNos))
	b.err = v.orders.Views(context.Background(), b.orderNos, func(o *order.Order) error {
		m, err := v.encode(o)
		b.found[o.OrderNo] = m
		return err
	})
}
