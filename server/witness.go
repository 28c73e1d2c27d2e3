package main

import (
	"context"
	"strings"

	"anxin/engine"
	"anxin/engine/insight"
	"anxin/hub"
	"anxin/server/auth"
)

// witness carries what clients report from the hub to the engine, and tells the engine
// who is there.
type witness struct {
	orders    *engine.Engine
	behaviour *insight.Behaviour // nil: nobody wants to know
	watchers  *hub.Hub
}

var (
	_ hub.Observer    = (*witness)(nil)
	_ engine.Presence = (*witness)(nil)
)

// Seen implements hub.Observer.
func (w *witness) Seen(topic string, seq int64) {
	if orderNo, ok := strings.CutPrefix(topic, orderTopic); ok {
		w.orders.Seen(orderNo, seq)
	}
}

// Acted implements hub.Observer.
func (w *witness) Acted(topic string, a hub.Act) {
	if orderNo, ok := strings.CutPrefix(topic, orderTopic); ok && w.behaviour != nil {
		w.behaviour.Acted(insight.Act{OrderNo: orderNo, Name: a.Name, Seq: a.Seq, Value: a.Value})
	}
}

// Watching implements engine.Presence.
func (w *witness) Watching(ctx context.Context, orderNo string) bool {
	topic := auth.OrderTopic(orderNo)
	if w.watchers.Watchers(topic)[auth.AudiencePayer] > 0 {
		return true // whoever else there is
	}
	return w.watchers.Presence(ctx, topic).Watchers[auth.AudiencePayer] > 0
}
