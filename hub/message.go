package hub

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Errors that a Source and an Authorizer answer with, and that [Hub.Wait] and
// [Hub.Upgrade] return. Everything else they return counts as a passing fault
// of the backend behind the port.
var (
	ErrNoTopic      = errors.New("hub: no such topic")
	ErrForbidden    = errors.New("hub: forbidden")
	ErrTokenExpired = errors.New("hub: token expired")

	// ErrDraining says that the hub takes no more watchers because this node
	// is going away: the caller should be sent to another one.
	ErrDraining = errors.New("hub: draining")
)

// Message is one state of one topic, as published and as read from the truth.
type Message struct {
	Topic string
	// Seq numbers the states of a topic, gapless and rising from 1.
	Seq int64
	// Event names what led to the state. It is empty in a snapshot.
	Event string
	// Data is the whole state as valid JSON, never a difference, so that a
	// newer message makes every older one of its topic superfluous. Nil means
	// that seq advanced and nothing that a watcher may see changed.
	Data json.RawMessage
}

// Source is the truth behind the topics. The hub reads it when a watcher
// arrives and when the sweep finds that messages were lost; it must therefore
// answer with every state that was published before the call.
type Source interface {
	// Snapshot returns the newest state, or ErrNoTopic.
	Snapshot(ctx context.Context, topic string) (Message, error)
	// Seqs returns the newest seq of each of the topics that exists. It is
	// called for all watched topics every few seconds, in batches.
	Seqs(ctx context.Context, topics []string) (map[string]int64, error)
}

// Authorizer decides whether the bearer of a token may watch a topic, as whom and
// until when. Its error is nil, ErrForbidden or ErrTokenExpired. Tokens come straight
// from the network: of any content, at most as long as a frame.
type Authorizer interface {
	Authorize(ctx context.Context, topic, token string) (Grant, error)
}

// Grant is the leave to watch a topic.
type Grant struct {
	Audience Audience
	// Until is when it ends; the hub then ends the subscription, at most one
	// period of pings later. Zero means never.
	Until time.Time
}

// Audience names a kind of watchers. The hub counts by it and knows no meaning.
type Audience string

// Observer hears what clients report about their users. Its methods are called
// from the goroutine that reads the connection, after validation and rate
// limiting, and must not block.
type Observer interface {
	// Seen says that the state seq of the topic was visible on the screen.
	// The hub has sent that topic up to seq at least on this connection.
	Seen(topic string, seq int64)
	// Acted says that the user did something from the configured list.
	Acted(topic string, a Act)
}

// Act is what a user did.
type Act struct {
	Name string
	// Seq is the state that was on the screen, at most the newest one that was
	// sent; 0 if the client does not say.
	Seq int64
	// Value is what the act's name makes of it, not negative.
	Value int64
}
