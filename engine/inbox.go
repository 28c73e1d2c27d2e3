package engine

import (
	"context"
	"fmt"
)

// MaxReadIDs bounds the items that one call marks as read: a screen of them.
const MaxReadIDs = 100

// Inbox returns a payer's inbox with at most limit items below a number (0 = the newest).
func (e *Engine) Inbox(ctx context.Context, id string, below int64, limit int) (Inbox, error) {
	return e.deps.Store.Inbox(ctx, id, below, limit)
}

// InboxSeqs returns the seq of each of the inboxes that exist.
func (e *Engine) InboxSeqs(ctx context.Context, ids []string) (map[string]int64, error) {
	return e.deps.Store.InboxSeqs(ctx, ids)
}

// ReadInbox marks items as read, those with the ids and all up to a number, and returns
// the inbox as it is then. It may be repeated.
func (e *Engine) ReadInbox(ctx context.Context, r InboxRead, limit int) (Inbox, error) {
	r.At = now()
	if err := e.commit(ctx, Commit{Messages: &MessageWrites{Read: &r}}); err != nil {
		return Inbox{}, fmt.Errorf("read inbox: %w", err)
	}
	if m := e.messages; m != nil && m.deps.Inbox != nil {
		m.deps.Inbox.InboxChanged(ctx, r.InboxID)
	}
	return e.deps.Store.Inbox(ctx, r.InboxID, 0, limit)
}
