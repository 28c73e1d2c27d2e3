package auth

import (
	"context"
	"errors"
	"strings"
	"time"

	"anxin/hub"
)

// The topics of the live connection. An order's and an inbox's are followed by a colon
// and the order number or the inbox's id.
const (
	TopicOrder         = "order"
	TopicInbox         = "inbox"
	TopicAnnouncements = "announcements"
)

// The audiences by which watchers are counted.
const (
	AudiencePayer   hub.Audience = "payer"   // with a view or inbox token
	AudienceBackend hub.Audience = "backend" // with an api key
	AudienceAgent   hub.Audience = "agent"   // staff
	AudiencePublic  hub.Audience = "public"  // of announcements, by nobody's leave
)

// OrderTopic returns the topic of an order.
func OrderTopic(orderNo string) string { return TopicOrder + ":" + orderNo }

// InboxTopic returns the topic of an inbox. Its id is not the payer's: two backends may
// call their payers the same.
func InboxTopic(id string) string { return TopicInbox + ":" + id }

// Topics lets the hub's clients watch what their tokens are for.
type Topics struct {
	tokens *Tokens
}

var _ hub.Authorizer = (*Topics)(nil)

// NewTopics authorizes by tokens.
func NewTopics(tokens *Tokens) *Topics { return &Topics{tokens: tokens} }

// topicKinds says which token a kind of topic wants.
var topicKinds = map[string]Kind{TopicOrder: KindView, TopicInbox: KindInbox}

// Authorize implements hub.Authorizer. Announcements are for everyone; a topic of no
// known kind is forbidden like one with a foreign token.
func (t *Topics) Authorize(_ context.Context, topic, token string) (hub.Grant, error) {
	if topic == TopicAnnouncements {
		return hub.Grant{Audience: AudiencePublic}, nil
	}
	name, subject, _ := strings.Cut(topic, ":")
	kind, ok := topicKinds[name]
	if !ok {
		return hub.Grant{}, hub.ErrForbidden
	}
	named, until, err := t.tokens.Open(kind, token, time.Now())
	switch {
	case named != subject || subject == "":
		return hub.Grant{}, hub.ErrForbidden
	case err == nil:
		return hub.Grant{Audience: AudiencePayer, Until: until}, nil
	case errors.Is(err, ErrTokenExpired):
		return hub.Grant{}, hub.ErrTokenExpired
	}
	return hub.Grant{}, hub.ErrForbidden
}
