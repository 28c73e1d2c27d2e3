package engine

import (
	"context"
	"errors"
	"fmt"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// MessageStore keeps what is known of messages and of who gets them.
type MessageStore interface {
	// MessagesOf returns all messages about an order, oldest first.
	MessagesOf(ctx context.Context, orderNo string) ([]notify.Record, error)
	// Messages lists messages, newest first, at most f.Limit of them, with the cursor of
	// the next page ("" = the end). A cursor it did not give is ErrBadCursor.
	Messages(ctx context.Context, f MessageFilter) ([]notify.Record, string, error)
	// MessageOf returns a message by its id, or by what its provider calls it, or
	// ErrNotFound.
	MessageOf(ctx context.Context, provider, providerID, id string) (notify.Record, error)
	// OptIns returns what a payer (by the id of the inbox) opted in to and has not taken
	// back, and which channels are not wanted.
	OptIns(ctx context.Context, payer string) ([]OptIn, []notify.Channel, error)
	// Unwanted reports whether it was asked for at an address, since a time, that nobody
	// leaves it on a page.
	Unwanted(ctx context.Context, c notify.Channel, fingerprint string, since order.Time) (bool, error)
	// OptInsTo returns whose opt-ins, not taken back, name an address by its fingerprint.
	OptInsTo(ctx context.Context, c notify.Channel, fingerprint string) ([]OptIn, error)
	// DeadAddresses returns which of the fingerprints are of addresses that never work.
	DeadAddresses(ctx context.Context, fingerprints []string) (map[string]bool, error)
	// Inbox returns an inbox with at most limit items below a number (0 = the newest),
	// newest first. One that nothing was put into is empty, at seq 0.
	Inbox(ctx context.Context, id string, below int64, limit int) (Inbox, error)
	// InboxSeqs returns the seq of each of the inboxes that exist.
	InboxSeqs(ctx context.Context, ids []string) (map[string]int64, error)
	TemplateStore
	// SweepMessages deletes at most limit messages that were created before a time, and
	// counters that ended before now, and returns how many messages.
	SweepMessages(ctx context.Context, before, now order.Time, limit int) (int, error)
}

// MessageFilter selects messages. Zero fields select all.
type MessageFilter struct {
	OrderNo  string
	Channel  notify.Channel
	Notice   notify.Notice
	Provider string
	Status   notify.Status
	Since    order.Time // created at or after
	Until    order.Time // created before
	Limit    int
	Cursor   string
}

// MessageWrites are what a commit does to messages. Everything in it is optional.
type MessageWrites struct {
	Records []notify.Record // as they are now
	// Counts are raised by one each. The commit is refused with a *CappedError when one
	// of them is used up.
	Counts   []Count
	Item     *InboxItem // new
	Read     *InboxRead
	OptIn    *OptIn
	OptOut   *OptOut
	Renewal  *Renewal
	Dead     *DeadAddress
	Template *TemplateWrite
}

// Count is a bound on messages that many orders share.
type Count struct {
	Name      string
	Limit     int
	ExpiresAt order.Time
}

// CappedError says which bound is used up.
type CappedError struct{ Name string }

func (e *CappedError) Error() string { return fmt.Sprintf("bound %q is used up", e.Name) }

// OptIn is an address that a payer gave on the page, with consent.
type OptIn struct {
	Payer       string // see InboxID
	Channel     notify.Channel
	To          notify.Address // sealed by the store
	Fingerprint string
	Locale      string
	OrderNo     string // on whose page
	Wording     string // that was read there
	At          order.Time
}

// OptOut is a payer's wish to get no more messages of a channel that are not part of a
// payment. It ends the payer's opt-ins of the channel: their addresses are erased, what
// was agreed to and when is kept. An OptIn of the channel takes it back.
type OptOut struct {
	Payer   string // see InboxID
	Channel notify.Channel
	At      order.Time
	// There says that it was asked for at the addresses themselves, by the link of a
	// message: who else has left them on a page is ended too, and for a season nobody can
	// do so again. What backends give with an order is no such wish.
	There bool
}

// DeadAddress is one that will never work, as a provider said.
type DeadAddress struct {
	Channel     notify.Channel
	Fingerprint string
	Provider    string
	Code        string
	At          order.Time
}

// Inbox is a payer's message centre at one backend.
type Inbox struct {
	ID     string
	Seq    int64 // rises with each change
	Unread int
	Items  []InboxItem // newest first
	More   bool        // there are older ones
}

// InboxItem is one message in it.
type InboxItem struct {
	InboxID  string
	N        int64 // seq of the inbox when it came; given by the store
	ID       string
	OrderNo  string
	Notice   notify.Notice
	Language string
	Title    string
	Body     string
	At       order.Time
	ReadAt   order.Time // 0 = unread
}

// InboxRead marks items as read: those with the ids, or all up to a number.
type InboxRead struct {
	InboxID string
	IDs     []string
	UpTo    int64
	At      order.Time
}

// MessageLinks makes the links that messages carry.
type MessageLinks interface {
	// Page leads to an order's page for as long as messages are kept.
	Page(o order.Order) string
	// Unsubscribe leads to where a payer (by the id of the inbox) ends a channel's optional
	// messages.
	Unsubscribe(payer string, c notify.Channel) string
}

// InboxListener is told after an inbox changed. It may read the store.
type InboxListener interface {
	InboxChanged(ctx context.Context, inboxID string)
}

// MessageDeps are what messages stand on. Without them none is sent.
type MessageDeps struct {
	Plan      *notify.Plan
	Catalogue *notify.Catalogue
	Providers []MessageProvider
	Key       notify.Key // makes fingerprints
	Links     MessageLinks
	Inbox     InboxListener // nil = nobody watches inboxes
	// Brand names the merchant behind a backend, and where its payers find a person;
	// either may be empty. nil = it has no name.
	Brand func(backend string) (name, support string)
	// Look says how the mails of a backend look; nil = all as ours.
	Look   func(backend string) notify.Look
	Alerts notify.AlertPlan // to operators, by the robots among the providers
}

// MessageProvider is one configured provider. Those of a channel are tried in order.
type MessageProvider struct {
	Name     string
	QPS      int // messages a second that this node sends, 0 = any number
	Provider notify.Provider
}

func (d *MessageDeps) validate() error {
	if d.Plan == nil || d.Catalogue == nil || d.Links == nil || len(d.Key) == 0 {
		return errors.New("messages need a plan, a catalogue, links and a key")
	}
	if err := d.Plan.Validate(); err != nil {
		return fmt.Errorf("notification plan: %w", err)
	}
	seen, robots := make(map[string]bool), []string{}
	for _, c := range notify.Channels {
		seen[string(c)] = true // pauses name channels and providers alike
	}
	for _, p := range d.Providers {
		if p.Name == "" || p.Provider == nil || seen[p.Name] || p.QPS < 0 || p.QPS > MaxQPS {
			return fmt.Errorf("provider %q needs a name of its own, which is no channel's, and a budget of 0 to %d", p.Name, MaxQPS)
		}
		seen[p.Name] = true
		if p.Provider.Traits().Channel == notify.Robot {
			robots = append(robots, p.Name)
		}
	}
	if len(robots) == 0 {
		return nil
	}
	if err := d.Alerts.Validate(robots); err != nil {
		return fmt.Errorf("alerts: %w", err)
	}
	return nil
}
