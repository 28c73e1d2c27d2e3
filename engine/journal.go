package engine

import (
	"context"

	"anxin/engine/channel"
)

// EntryID names an entry of the journal. It rises with each that is added.
type EntryID int64

// Entry is a notification that a channel sent: durable, so that it can be acknowledged,
// and not weighed. What is known of it are its channel and order, and nobody has asked yet
// whether it came before.
type Entry struct {
	ID           EntryID // given by the journal
	Key          CallbackKey
	OrderNo      string
	Notification channel.Notification
	Raw          channel.Request
}

// callback is the entry as a stored callback.
func (n Entry) callback(state CallbackState) Callback {
	return Callback{CallbackKey: n.Key, OrderNo: n.OrderNo, State: state, Notification: n.Notification, Raw: n.Raw}
}

// Journal holds what was acknowledged and is yet to be weighed. It is written apart from
// everything else and nothing is looked up for it, so that it is the fastest way to be
// durable. Entries that were dropped may come back after a crash: their callbacks are
// duplicates then.
type Journal interface {
	// AddEntries makes entries durable, in their order, and returns their ids. After an
	// error they may be there all the same.
	AddEntries(ctx context.Context, list []Entry) ([]EntryID, error)
	// Entries returns those of the entries that are there, in the order of ids. One that
	// cannot be read is an error beside the others.
	Entries(ctx context.Context, ids []EntryID) ([]Entry, error)
	// EntriesBetween returns at most limit entries with an id above after and below before,
	// lowest first.
	EntriesBetween(ctx context.Context, after, before EntryID, limit int) ([]Entry, error)
	// DropEntries forgets entries whose callbacks are stored.
	DropEntries(ctx context.Context, ids []EntryID) error
	// JournalEnd returns an id above all that were given.
	JournalEnd(ctx context.Context) (EntryID, error)
	// JournalSize returns how many entries there are.
	JournalSize(ctx context.Context) (int64, error)
}

func idsOf(list []Entry) []EntryID {
	ids := make([]EntryID, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	return ids
}

// byOrder puts entries together that are about one order, in the order of the first.
func byOrder(list []Entry) [][]Entry {
	var groups [][]Entry
	place := make(map[string]int, len(list))
	for _, n := range list {
		i, ok := place[n.OrderNo]
		if !ok {
			i = len(groups)
			place[n.OrderNo], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], n)
	}
	return groups
}
