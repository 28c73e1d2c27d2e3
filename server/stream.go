package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/incident"
	"anxin/engine/order"
	"anxin/hub"
	"anxin/server/auth"
	"anxin/server/httpapi"
)

// orderTopic is the prefix of the topics that the engine is the truth behind.
const orderTopic = auth.TopicOrder + ":"

// stream is where engine meets hub: committed orders become states of topics, and
// watched topics are read from the engine's store.
type stream struct {
	orders  orders
	views   *views
	inboxes inboxes
	page    func(orderNo string) (string, error) // a fresh link, for the items of an inbox
	hub     publisher
	support httpapi.Support
	log     logrus.FieldLogger
	// announcements is the board, whose topic everybody may watch.
	announcements httpapi.Announcements
}

// orders is what the stream reads of the engine.
type orders interface {
	Seqs(ctx context.Context, orderNos []string) (map[string]int64, error)
}

type publisher interface{ Publish(m hub.Message) }

var (
	_ engine.Listener = (*stream)(nil)
	_ hub.Source      = (*stream)(nil)

	_ incident.Listener = (*stream)(nil)
)

// Committed publishes the state after a commit once, under the name of its last public
// event. A commit with internal events only advances the seq of its watchers.
func (s *stream) Committed(o order.Order, events []order.Event) {
	m := hub.Message{Topic: orderTopic + o.OrderNo, Seq: o.Seq}
	for _, ev := range events {
		if ev.Type.Public() {
			m.Event = string(ev.Type)
		}
	}
	if m.Event != "" {
		data, err := json.Marshal(s.support.Progress(o))
		if err != nil {
			s.log.WithError(err).WithField("order_no", o.OrderNo).Error("encode progress")
			return // the sweep will find the new seq and try again
		}
		m.Data = data
	}
	s.hub.Publish(m)
}

// Announced publishes the board after a change.
func (s *stream) Announced(version int64, active []incident.Announcement) {
	data, err := httpapi.Announced(active)
	if err != nil {
		s.log.WithError(err).Error("encode announcements")
		return // the sweep will find the new version and try again
	}
	s.hub.Publish(hub.Message{Topic: auth.TopicAnnouncements, Seq: version, Event: announcementChanged, Data: data})
}

// announcementChanged is the event of the topic of announcements.
const announcementChanged = "announcement.changed"

func (s *stream) board(ctx context.Context) (hub.Message, error) {
	active, version, err := s.announcements.Active(ctx)
	if err != nil {
		return hub.Message{}, err
	}
	data, err := httpapi.Announced(active)
	if err != nil {
		return hub.Message{}, fmt.Errorf("encode announcements: %w", err)
	}
	return hub.Message{Topic: auth.TopicAnnouncements, Seq: version, Data: data}, nil
}

// Snapshot reads the state of a topic from the store.
func (s *stream) Snapshot(ctx context.Context, topic string) (hub.Message, error) {
	if topic == auth.TopicAnnouncements {
		return s.board(ctx)
	}
	if id, ok := strings.CutPrefix(topic, inboxTopic); ok {
		m, err := s.inboxState(ctx, id)
		m.Event = ""
		return m, err
	}
	orderNo, ok := strings.CutPrefix(topic, orderTopic)
	if !ok {
		return hub.Message{}, hub.ErrNoTopic
	}
	return s.views.snapshot(ctx, orderNo)
}

// view is an order as its watchers see it.
func (s *stream) view(o *order.Order) (hub.Message, error) {
	data, err := json.Marshal(s.support.Progress(*o))
	if err != nil {
		return hub.Message{}, fmt.Errorf("encode progress: %w", err)
	}
	return hub.Message{Topic: orderTopic + o.OrderNo, Seq: o.Seq, Data: data}, nil
}

// Seqs reads the newest seq of the topics that exist.
func (s *stream) Seqs(ctx context.Context, topics []string) (map[string]int64, error) {
	orderNos := make([]string, 0, len(topics))
	for _, topic := range topics {
		if orderNo, ok := strings.CutPrefix(topic, orderTopic); ok {
			orderNos = append(orderNos, orderNo)
		}
	}
	known, err := s.orders.Seqs(ctx, orderNos)
	if err != nil {
		return nil, fmt.Errorf("read seqs: %w", err)
	}
	seqs := make(map[string]int64, len(known))
	for _, topic := range topics {
		if orderNo, ok := strings.CutPrefix(topic, orderTopic); ok && known[orderNo] > 0 {
			seqs[topic] = known[orderNo]
		}
	}
	if slices.Contains(topics, auth.TopicAnnouncements) {
		_, version, err := s.announcements.Active(ctx)
		if err != nil {
			return nil, err
		}
		seqs[auth.TopicAnnouncements] = version
	}
	return seqs, s.inboxSeqs(ctx, topics, seqs)
}
