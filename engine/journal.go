package engine

import (
	"context"

	"anxin/engine/channel"
)

// EntryID names an entry of the journal: the time of its receipt in Unix nanoseconds, a
// little later where two would have the same. So it is also its place in the order of
// receipt.
type EntryID int64

// Entry is a callback of the journal: acknowledged and not weighed. What is known of it
// are its channel and order, and nobody has asked yet whether it came before.
type Entry struct {
	ID           EntryID
	Key          CallbackKey
	OrderNo      string
	Notification channel.Notification
	Raw          *channel.Request // nil where the journal is read
}

// Weighed moves an entry of the journal to the callbacks.
type Weighed struct {
	ID    EntryID
	Key   CallbackKey // of the entry
	State CallbackState
}

// JournalReader reads the journal of callbacks: the entries that commits have added and
// neither moved to the callbacks nor dropped as repeated.
type JournalReader interface {
	// Journal returns at most limit entries with an id above after and below before, lowest
	// first, without the raw requests.
	Journal(ctx context.Context, after, before EntryID, limit int) ([]Entry, error)
	// JournalSize returns how many entries there are.
	JournalSize(ctx context.Context) (int64, error)
}
