package main

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
	"anxin/hub"
	"anxin/server/auth"
	"anxin/server/config"
	"anxin/server/httpapi"
)

// inboxTopic is the prefix of the topics of payers' message centres.
const inboxTopic = auth.TopicInbox + ":"

// inboxShown is how many items a live frame of an inbox carries: a screen of them.
const inboxShown = 20

// links are what leads a payer from a message back to us.
type links struct {
	tokens *auth.Tokens
	cfg    config.Config
	log    logrus.FieldLogger
}

var _ engine.MessageLinks = links{}

// page returns a link to an order's page with a token of its own.
func (l links) page(orderNo string) (string, error) {
	token, err := l.tokens.Issue(auth.KindView, orderNo, l.cfg.Tokens.View)
	if err != nil {
		return "", err
	}
	return l.cfg.PublicURL + "/pay/" + orderNo + "?k=" + url.QueryEscape(token), nil
}

// Page implements engine.MessageLinks. A message without its link is better than none.
func (l links) Page(o order.Order) string {
	link, err := l.page(o.OrderNo)
	if err != nil {
		l.log.WithError(err).Error("make link for a message")
	}
	return link
}

// Unsubscribe implements engine.MessageLinks.
func (l links) Unsubscribe(payer string, c notify.Channel) string {
	token, err := l.tokens.Issue(auth.KindUnsubscribe, payer+":"+string(c), l.cfg.Tokens.Inbox)
	if err != nil {
		l.log.WithError(err).Error("make link for a message")
		return ""
	}
	return l.cfg.PublicURL + "/unsubscribe?k=" + url.QueryEscape(token)
}

// messageDeps are what the engine tells payers with.
func (a *app) messageDeps(ctx context.Context, live *stream, tokens *auth.Tokens) (*engine.MessageDeps, error) {
	catalogue, err := notify.NewCatalogue(a.cfg.Notifications.Templates)
	if err != nil {
		return nil, err
	}
	providers, err := a.messageProviders()
	if err != nil {
		return nil, err
	}
	key, err := a.store.FingerprintKey(ctx, firstFingerprintKey(a.cfg.ContactSecrets))
	if err != nil {
		return nil, err
	}
	return &engine.MessageDeps{
		Plan: a.cfg.Notifications.Plan, Catalogue: catalogue, Providers: providers, Key: key,
		Links: links{tokens, a.cfg, a.log}, Inbox: live, Brand: func(backend string) (name, support string) {
			b, ok := a.cfg.Brands[backend]
			if !ok {
				b = a.cfg.Brand
			}
			return b.Name, cmp.Or(b.SupportURL, a.cfg.Brand.SupportURL)
		},
		Look: func(backend string) notify.Look {
			b, ok := a.cfg.Brands[backend]
			if !ok {
				b = a.cfg.Brand
			}
			return notify.Look{AccentLight: b.AccentLight, AccentDark: b.AccentDark}
		},
		Alerts: a.cfg.Notifications.Alerts,
	}, nil
}

// firstFingerprintKey is the key of fingerprints of an installation that has none yet, or
// that named addresses before the store kept it: it was made from the oldest secret.
func firstFingerprintKey(secrets []config.Secret) notify.Key {
	mac := hmac.New(sha256.New, []byte(secrets[len(secrets)-1].Reveal()))
	mac.Write([]byte("anxin fingerprints"))
	return mac.Sum(nil)
}

// inboxes is what the stream reads of the engine.
type inboxes interface {
	Inbox(ctx context.Context, id string, below int64, limit int) (engine.Inbox, error)
	InboxSeqs(ctx context.Context, ids []string) (map[string]int64, error)
}

var _ engine.InboxListener = (*stream)(nil)

// InboxChanged publishes the newest state of an inbox. What cannot be read is found by
// the sweep.
func (s *stream) InboxChanged(ctx context.Context, inboxID string) {
	m, err := s.inboxState(ctx, inboxID)
	if err != nil {
		s.log.WithError(err).Error("read inbox")
		return
	}
	s.hub.Publish(m)
}

// inboxState reads an inbox. One that nothing was put into is a state too, the first.
func (s *stream) inboxState(ctx context.Context, id string) (hub.Message, error) {
	in, err := s.inboxes.Inbox(ctx, id, 0, inboxShown)
	if err != nil {
		return hub.Message{}, fmt.Errorf("read inbox: %w", err)
	}
	view, err := httpapi.Inbox(in, s.page)
	if err != nil {
		return hub.Message{}, err
	}
	data, err := json.Marshal(view)
	if err != nil {
		return hub.Message{}, fmt.Errorf("encode inbox: %w", err)
	}
	return hub.Message{Topic: inboxTopic + id, Seq: view.Seq, Event: "inbox.changed", Data: data}, nil
}

// inboxSeqs adds the seqs of those topics that are inboxes.
func (s *stream) inboxSeqs(ctx context.Context, topics []string, seqs map[string]int64) error {
	var ids []string
	for _, topic := range topics {
		if id, ok := strings.CutPrefix(topic, inboxTopic); ok {
			ids = append(ids, id)
			seqs[topic] = 1
		}
	}
	known, err := s.inboxes.InboxSeqs(ctx, ids)
	if err != nil {
		return fmt.Errorf("read inbox seqs: %w", err)
	}
	for id, seq := range known {
		seqs[inboxTopic+id] = seq + 1
	}
	return nil
}
